package io.quarkiverse.eagle.triton.client;

import java.io.Closeable;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;

/** Stands before a server: takes connections at once, and lets their bytes through when the test opens it. */
final class SlowDoor implements AutoCloseable {

    private final ServerSocket entrance = new ServerSocket(0);
    private final CountDownLatch open = new CountDownLatch(1);
    private final List<Closeable> sockets = new CopyOnWriteArrayList<>();

    SlowDoor(int port) throws IOException {
        start(() -> {
            while (true) {
                Socket client = entrance.accept();
                sockets.add(client);
                open.await();
                Socket server = new Socket("localhost", port);
                sockets.add(server);
                start(() -> client.getInputStream().transferTo(server.getOutputStream()));
                start(() -> server.getInputStream().transferTo(client.getOutputStream()));
            }
        });
    }

    private interface Work {
        void run() throws Exception;
    }

    private static void start(Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (Exception e) {
                // The sockets are closed: the test is over.
            }
        }, "slow-door");
        thread.setDaemon(true);
        thread.start();
    }

    int port() {
        return entrance.getLocalPort();
    }

    void open() {
        open.countDown();
    }

    @Override
    public void close() throws IOException {
        entrance.close();
        for (Closeable socket : sockets) {
            socket.close();
        }
    }
}

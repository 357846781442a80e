package io.quarkiverse.eagle.triton.server;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * A network between a client and a server on this machine that can be slow, stand still, or break in the middle of a message.
 */
final class BadNetwork implements AutoCloseable {

    private static final long NEVER = Long.MAX_VALUE;

    private final String host;
    private final int port;
    private final ServerSocket entrance;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private final ExecutorService pumps = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "bad-network");
        thread.setDaemon(true);
        return thread;
    });
    private final Object still = new Object();
    private final AtomicLong bytesUntilCut = new AtomicLong(NEVER);
    private final AtomicInteger cuts = new AtomicInteger();
    private volatile long delayNanos;
    private boolean stalled;

    /** @param endpoint of the server, {@code host:port} */
    BadNetwork(String endpoint) {
        int colon = endpoint.lastIndexOf(':');
        this.host = endpoint.substring(0, colon);
        this.port = Integer.parseInt(endpoint.substring(colon + 1));
        try {
            this.entrance = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        pumps.execute(this::accept);
    }

    /** Where clients connect, {@code host:port}. */
    String endpoint() {
        return "127.0.0.1:" + entrance.getLocalPort();
    }

    /** What the server sends arrives so much later from now on. */
    void delay(Duration time) {
        delayNanos = time.toNanos();
    }

    /** Nothing arrives any more, in either direction, and nothing breaks. */
    void stall() {
        synchronized (still) {
            stalled = true;
        }
    }

    void resume() {
        synchronized (still) {
            stalled = false;
            still.notifyAll();
        }
    }

    /** Breaks all connections when so many more bytes of the server's have passed. */
    void cutAfter(long bytes) {
        bytesUntilCut.set(bytes);
    }

    /** How often connections were broken. */
    int cuts() {
        return cuts.get();
    }

    private void accept() {
        while (!entrance.isClosed()) {
            try {
                Socket client = entrance.accept();
                sockets.add(client);
                Socket server = new Socket(host, port);
                sockets.add(server);
                client.setTcpNoDelay(true);
                server.setTcpNoDelay(true);
                pumps.execute(() -> pump(client, server, false));
                pumps.execute(() -> pump(server, client, true));
            } catch (IOException e) {
                // The network is closed, or the server is away: the client notices.
            }
        }
    }

    private void pump(Socket from, Socket to, boolean answers) {
        byte[] buffer = new byte[16 * 1024];
        try {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
                awaitFlow();
                if (answers) {
                    LockSupport.parkNanos(delayNanos);
                    count = untilCut(count);
                }
                out.write(buffer, 0, count);
                if (bytesUntilCut.compareAndSet(0, NEVER)) {
                    cuts.incrementAndGet();
                    breakAll();
                }
            }
        } catch (IOException e) {
            // Broken on purpose, or one side has gone: the other is told by the end of its connection.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            close(from);
            close(to);
        }
    }

    private int untilCut(int count) {
        long left = bytesUntilCut.getAndUpdate(bytes -> bytes == NEVER ? NEVER : Math.max(0, bytes - count));
        return (int) Math.min(left, count);
    }

    private void awaitFlow() throws InterruptedException {
        synchronized (still) {
            while (stalled) {
                still.wait();
            }
        }
    }

    private void breakAll() {
        sockets.forEach(this::close);
    }

    private void close(Socket socket) {
        sockets.remove(socket);
        try {
            socket.close();
        } catch (IOException e) {
            // It is gone either way.
        }
    }

    @Override
    public void close() {
        try {
            entrance.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            breakAll();
            pumps.shutdownNow();
        }
    }
}

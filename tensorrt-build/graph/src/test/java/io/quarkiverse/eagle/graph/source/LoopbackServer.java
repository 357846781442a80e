package io.quarkiverse.eagle.graph.source;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

/** A web server for tests: files that can be asked for in ranges, and misfortunes that befall the next requests. */
final class LoopbackServer implements AutoCloseable {

    /** What a request was. */
    record Request(String path, Headers headers) {

        String header(String name) {
            return headers.getFirst(name);
        }
    }

    interface Misfortune {

        void befall(HttpExchange exchange) throws IOException;
    }

    private record Page(byte[] body, Map<String, String> headers) {
    }

    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final Map<String, Page> pages = new ConcurrentHashMap<>();
    private final Deque<Misfortune> misfortunes = new ArrayDeque<>();
    final List<Request> requests = new CopyOnWriteArrayList<>();

    LoopbackServer() {
        try {
            server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        server.setExecutor(threads);
        server.createContext("/", this::handle);
        server.start();
    }

    URI address(String path) {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + path);
    }

    /** The same server by another name. */
    URI otherAddress(String path) {
        return URI.create("http://localhost:" + server.getAddress().getPort() + path);
    }

    void serve(String path, byte[] body, Map<String, String> headers) {
        pages.put(path, new Page(body, headers));
    }

    void serve(String path, String type, String body) {
        serve(path, body.getBytes(StandardCharsets.UTF_8), Map.of("Content-Type", type));
    }

    void redirect(String path, URI to, Map<String, String> headers) {
        Map<String, String> all = new ConcurrentHashMap<>(headers);
        all.put("Location", to.toString());
        pages.put(path, new Page(null, all));
    }

    synchronized void next(Misfortune misfortune) {
        misfortunes.add(misfortune);
    }

    void nextStatus(int status) {
        next(exchange -> exchange.sendResponseHeaders(status, -1));
    }

    /** Announces a whole page and closes the connection after a part of it. */
    void nextBreaksAfter(int bytes) {
        next(exchange -> {
            Page page = pages.get(exchange.getRequestURI().getPath());
            page.headers().forEach(exchange.getResponseHeaders()::set);
            exchange.sendResponseHeaders(200, page.body().length);
            exchange.getResponseBody().write(page.body(), 0, bytes);
            exchange.getResponseBody().flush();
        });
    }

    static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            String path = exchange.getRequestURI().getRawPath();
            requests.add(new Request(path, exchange.getRequestHeaders()));
            Misfortune misfortune;
            synchronized (this) {
                misfortune = misfortunes.poll();
            }
            if (misfortune != null) {
                misfortune.befall(exchange);
            } else if (pages.containsKey(path)) {
                answer(exchange, pages.get(path));
            } else {
                exchange.sendResponseHeaders(404, -1);
            }
        }
    }

    private static void answer(HttpExchange exchange, Page page) throws IOException {
        page.headers().forEach(exchange.getResponseHeaders()::set);
        if (page.body() == null) {
            exchange.sendResponseHeaders(302, -1);
            return;
        }
        String range = exchange.getRequestHeaders().getFirst("Range");
        int from = range == null ? 0 : Integer.parseInt(range.replaceAll("bytes=(\\d+)-", "$1"));
        int total = page.body().length;
        if (range != null && from >= total) {
            exchange.getResponseHeaders().set("Content-Range", "bytes */" + total);
            exchange.sendResponseHeaders(416, -1);
            return;
        }
        if (range != null) {
            exchange.getResponseHeaders().set("Content-Range", "bytes " + from + "-" + (total - 1) + "/" + total);
        }
        exchange.sendResponseHeaders(range == null ? 200 : 206, total - from);
        try (OutputStream out = exchange.getResponseBody()) {
            out.write(page.body(), from, total - from);
        }
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}

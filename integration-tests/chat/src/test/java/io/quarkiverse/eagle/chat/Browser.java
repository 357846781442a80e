package io.quarkiverse.eagle.chat;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

import org.awaitility.Awaitility;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/** One page of a headless Chromium, driven by the DevTools protocol. */
public final class Browser implements AutoCloseable {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration LONG = Duration.ofSeconds(60);
    /** Below an element that a picture ends with, in pixels. */
    private static final int MARGIN = 16;

    private final Path profile;
    private final Process process;
    private final WebSocket socket;
    private final AtomicInteger ids = new AtomicInteger();
    private final Map<Integer, CompletableFuture<JsonNode>> replies = new ConcurrentHashMap<>();

    /** The browser's program, where the machine has one. */
    public static Optional<Path> program() {
        return Stream.of(System.getenv("PATH").split(":"))
                .flatMap(folder -> Stream.of("chromium", "chromium-browser", "google-chrome").map(Path.of(folder)::resolve))
                .filter(Files::isExecutable).findFirst();
    }

    public static Browser start() throws Exception {
        return new Browser(program().orElseThrow());
    }

    private Browser(Path program) throws Exception {
        profile = Files.createTempDirectory("eagle-chat-browser");
        process = new ProcessBuilder(program.toString(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--remote-debugging-port=0", "--user-data-dir=" + profile, "about:blank")
                .redirectErrorStream(true).redirectOutput(profile.resolve("browser.log").toFile()).start();
        Path port = profile.resolve("DevToolsActivePort");
        Awaitility.await().atMost(LONG).until(() -> Files.exists(port) && Files.readAllLines(port).size() == 2);
        socket = HttpClient.newHttpClient().newWebSocketBuilder()
                .buildAsync(page(Files.readAllLines(port).get(0)), new Replies()).get(60, TimeUnit.SECONDS);
    }

    private static URI page(String port) throws Exception {
        HttpResponse<String> pages = HttpClient.newHttpClient().send(
                HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/json/list")).build(),
                HttpResponse.BodyHandlers.ofString());
        for (JsonNode target : JSON.readTree(pages.body())) {
            if ("page".equals(target.path("type").asText())) {
                return URI.create(target.path("webSocketDebuggerUrl").asText());
            }
        }
        throw new IllegalStateException("the browser has no page: " + pages.body());
    }

    public void open(URI address) {
        call("Page.navigate", Map.of("url", address.toString()));
        await("document.readyState === 'complete' && location.href === '" + address + "'");
    }

    /** The size of the page in CSS pixels, drawn with so many device pixels each. */
    public void resize(int width, int height, double scale, boolean phone) {
        call("Emulation.setDeviceMetricsOverride",
                Map.of("width", width, "height", height, "deviceScaleFactor", scale, "mobile", phone));
    }

    /** @param scheme {@code light} or {@code dark} */
    public void prefer(String scheme) {
        call("Emulation.setEmulatedMedia",
                Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", scheme))));
    }

    /** The value of an expression in the page; promises are waited for. */
    public JsonNode evaluate(String expression) {
        JsonNode reply = call("Runtime.evaluate",
                Map.of("expression", expression, "awaitPromise", true, "returnByValue", true));
        if (reply.has("exceptionDetails")) {
            throw new IllegalStateException("the page threw: " + reply.get("exceptionDetails"));
        }
        return reply.path("result").path("value");
    }

    public void await(String condition) {
        Awaitility.await(condition).atMost(LONG).pollInterval(Duration.ofMillis(50))
                .until(() -> evaluate(condition).asBoolean());
    }

    public void click(String selector) {
        evaluate("document.querySelector('" + selector + "').click()");
    }

    /** Types as a keyboard does, into what has the focus. */
    public void type(String text) {
        call("Input.insertText", Map.of("text", text));
    }

    /** Presses a key such as {@code ArrowLeft}; Enter submits the form around the focus. */
    public void press(String key, int code) {
        String text = key.equals("Enter") ? "\r" : "";
        for (String type : List.of("keyDown", "keyUp")) {
            call("Input.dispatchKeyEvent",
                    Map.of("type", type, "key", key, "code", key, "windowsVirtualKeyCode", code, "text", text));
        }
    }

    public void screenshot(Path file) throws IOException {
        capture(file, Map.of("format", "png"));
    }

    /**
     * As {@link #screenshot(Path)}, from the page's top down to an element's end, in the page's whole width.
     *
     * @param element an expression; the page has to be high enough for it
     */
    public void screenshotDownTo(String element, Path file) throws IOException {
        JsonNode size = evaluate("[window.innerWidth, " + element + ".getBoundingClientRect().bottom, window.innerHeight]");
        if (size.get(1).asDouble() > size.get(2).asDouble()) {
            throw new IllegalStateException("the page is " + size.get(2) + " pixels high, and " + element + " ends at "
                    + size.get(1));
        }
        capture(file, Map.of("format", "png", "clip",
                Map.of("x", 0, "y", 0, "width", size.get(0).asInt(), "height", size.get(1).asInt() + MARGIN, "scale", 1)));
    }

    private void capture(Path file, Map<String, ?> parameters) throws IOException {
        Files.createDirectories(file.toAbsolutePath().getParent());
        Files.write(file, Base64.getDecoder().decode(call("Page.captureScreenshot", parameters).path("data").asText()));
    }

    /** Where to write a picture of the documentation anew; empty unless {@code -Dscreenshots=FOLDER} asks for it. */
    public static Optional<Path> documentation(String picture) {
        return Optional.ofNullable(System.getProperty("screenshots")).map(folder -> Path.of(folder, picture));
    }

    private JsonNode call(String method, Map<String, ?> parameters) {
        int id = ids.incrementAndGet();
        CompletableFuture<JsonNode> reply = new CompletableFuture<>();
        replies.put(id, reply);
        try {
            socket.sendText(JSON.writeValueAsString(Map.of("id", id, "method", method, "params", parameters)), true)
                    .get(60, TimeUnit.SECONDS);
            JsonNode message = reply.get(60, TimeUnit.SECONDS);
            if (message.has("error")) {
                throw new IllegalStateException(method + " failed: " + message.get("error"));
            }
            return message.path("result");
        } catch (IllegalStateException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(method + " got no reply from the browser", e);
        }
    }

    @Override
    public void close() throws Exception {
        socket.abort();
        process.destroy();
        if (!process.waitFor(10, TimeUnit.SECONDS)) {
            process.destroyForcibly().waitFor();
        }
        try (Stream<Path> files = Files.walk(profile)) {
            files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
        }
    }

    /** Replies by their ids; events have none and are not looked at. */
    private final class Replies implements WebSocket.Listener {

        private final StringBuilder text = new StringBuilder();

        @Override
        public CompletionStage<?> onText(WebSocket from, CharSequence part, boolean last) {
            text.append(part);
            if (last) {
                take(text.toString());
                text.setLength(0);
            }
            from.request(1);
            return null;
        }

        private void take(String message) {
            try {
                JsonNode reply = JSON.readTree(message);
                CompletableFuture<JsonNode> waiting = replies.remove(reply.path("id").asInt(-1));
                if (waiting != null) {
                    waiting.complete(reply);
                }
            } catch (IOException e) {
                replies.values().forEach(waiting -> waiting.completeExceptionally(e));
            }
        }
    }
}

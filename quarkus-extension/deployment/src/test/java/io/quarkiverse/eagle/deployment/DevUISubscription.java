package io.quarkiverse.eagle.deployment;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/** Subscribes to what a JSON-RPC method of the Dev UI streams, as a page in the browser does. */
final class DevUISubscription implements AutoCloseable {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int ID = 1;

    private final List<JsonNode> items = new CopyOnWriteArrayList<>();
    private final WebSocket socket;

    DevUISubscription(URI devUI, String method, Map<String, Object> parameters) throws Exception {
        URI address = URI.create("ws://" + devUI.getHost() + ":" + devUI.getPort() + devUI.getPath());
        socket = HttpClient.newHttpClient().newWebSocketBuilder().buildAsync(address, new Items()).get(30, TimeUnit.SECONDS);
        send(method, parameters);
    }

    private void send(String method, Map<String, Object> parameters) throws Exception {
        socket.sendText(JSON.writeValueAsString(
                Map.of("jsonrpc", "2.0", "id", ID, "method", method, "params", parameters)), true).get(30, TimeUnit.SECONDS);
    }

    /** What came so far. */
    List<JsonNode> items() {
        return List.copyOf(items);
    }

    void unsubscribe() throws Exception {
        send("unsubscribe", Map.of());
    }

    @Override
    public void close() {
        socket.abort();
    }

    private final class Items implements WebSocket.Listener {

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
                if (reply.path("id").asInt() == ID
                        && reply.at("/result/messageType").asText().equals("SubscriptionMessage")) {
                    items.add(reply.at("/result/object"));
                }
            } catch (JsonProcessingException e) {
                throw new IllegalStateException("no JSON: " + message, e);
            }
        }
    }
}

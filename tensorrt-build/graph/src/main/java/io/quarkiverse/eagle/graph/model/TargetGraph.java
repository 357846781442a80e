package io.quarkiverse.eagle.graph.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.graph.checkpoint.Checkpoint;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.onnx.Attribute;
import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;
import io.quarkiverse.eagle.graph.onnx.WeightFile;
import io.quarkiverse.eagle.graph.source.ProgressListener;

/** The target: a whole decoder under the engine contract. */
final class TargetGraph {

    static final String FILE = "target/model.onnx";
    static final String UNSIGNED_FILE = "target/model-unsigned.onnx";
    static final String WEIGHTS = "target/weights.bin";
    private static final String NORM = "model.norm.weight";

    private final ModelConfig config;
    private final Checkpoint checkpoint;
    private final GraphOptions options;
    private final ResidualBasis basis;
    private final FeatureFusion fusion;

    /** @param fusion makes the features; null for the last hidden state, which the output projection reads too */
    TargetGraph(ModelConfig config, Checkpoint checkpoint, GraphOptions options, FeatureFusion fusion) {
        this.config = config;
        this.checkpoint = checkpoint;
        this.options = options;
        this.basis = basis(config, options);
        this.fusion = fusion;
    }

    static ResidualBasis basis(ModelConfig config, GraphOptions options) {
        return options.precision() == Precision.INT8 ? new ResidualBasis.Rotated(new BlockHadamard(config.hidden()))
                : new ResidualBasis.Own();
    }

    /** The graph's entry for the manifest, and the embedding table for the draft graph. */
    record Written(BundleManifest.Graph entry, BundleManifest.Weight embedding) {
    }

    Written write(Path folder, ProgressListener progress) throws IOException {
        OnnxGraph graph = new OnnxGraph("target");
        ElementType type = options.precision().activations();
        int hidden = config.hidden();
        int vocabulary = config.vocabulary();
        try (WeightFile file = new WeightFile(folder.resolve(WEIGHTS), "weights.bin")) {
            Weights weights = new Weights(graph, file, WEIGHTS, progress);
            StepInputs step = StepInputs.declare(graph);
            Value keepRows = graph.input("keep_rows", ElementType.INT64, "batch", "keep");
            KvPool pool = new KvPool(graph, options, config.heads(), config.kvHeads(), config.headDim(), config.layers(),
                    step, keepRows, null);

            Embedding embedding = Embedding.write(graph, weights, config, checkpoint, options, basis);
            Value x = embedding.lookUp(graph, step.inputIds(), hidden, type);
            Projections projections = projections(graph, weights, x);
            DecoderLayers decoder = new DecoderLayers(graph, config, checkpoint, weights, projections, pool,
                    options, basis, step);
            List<Value> streams = new ArrayList<>(List.of(x));
            for (int layer = 0; layer < config.layers(); layer++) {
                x = decoder.layer(layer, "model.layers." + layer + ".", x, true);
                streams.add(x);
            }
            Value normalised = decoder.rmsNorm(x, NORM);
            Value last = step.bySequence(graph, normalised, hidden);
            Value own = fusion == null ? basis.original(graph, weights, normalised, checkpoint, NORM, hidden)
                    : fusion.fuse(graph, projections, basis, streams);
            Value features = graph.named("features", "Cast", List.of(step.bySequence(graph, own, hidden)),
                    Attribute.of("to", ElementType.FLOAT.number()));
            graph.output(features, ElementType.FLOAT, "batch", "rows", hidden);

            Value wanted = step.wanted(graph, last, hidden);
            Value logits = step.logits(graph, lmHead(projections.forRows(wanted), embedding, wanted), "logits", vocabulary);
            int topK = Math.min(GraphOptions.TARGET_TOP_K, vocabulary);
            List<Value> best = graph.nodes("TopK", 2, List.of(logits, graph.longs(topK)), Attribute.of("axis", -1));
            graph.output(graph.named("top_ids", "Cast", List.of(best.get(1)),
                    Attribute.of("to", ElementType.INT32.number())), ElementType.INT32, "batch", "outputs", topK);
            graph.output(graph.named("top_logits", "Identity", List.of(best.get(0))), ElementType.FLOAT, "batch", "outputs",
                    topK);
            graph.output(graph.named("log_z", "Squeeze",
                    List.of(StepInputs.logSumExp(graph, logits, best), graph.longs(2))), ElementType.FLOAT, "batch",
                    "outputs");
            graph.output(logits, ElementType.FLOAT, "batch", "outputs", vocabulary);

            graph.write(folder.resolve(FILE));
            if (projections instanceof Projections.Int8 int8) {
                graph.writeUnsigned(folder.resolve(UNSIGNED_FILE),
                        weights.signed().stream().map(BundleManifest.Weight::name).toList(), int8.weightZeroPoint());
            }
            BundleManifest.Graph entry = new BundleManifest.Graph("target", FILE,
                    options.precision() == Precision.INT8 ? UNSIGNED_FILE : null, config.layers(), config.kvHeads(),
                    config.headDim(), type.text(), hidden, topK, vocabulary, GraphOptions.MAX_ROWS, weights.signed(),
                    List.of());
            return new Written(entry, embedding.weight());
        }
    }

    private Projections projections(OnnxGraph graph, Weights weights, Value rows) {
        if (options.precision() == Precision.INT8) {
            return new Projections.Int8(graph, weights, rows);
        }
        Projections.Floating floating = new Projections.Floating(graph, weights, options.precision().activations());
        return options.precision().keepsQuantized() ? new QuantizedProjections(floating) : floating;
    }

    private Value lmHead(Projections projections, Embedding embedding, Value x) {
        String tensor = config.tiedEmbeddings() ? Embedding.TENSOR : "lm_head.weight";
        Rows rows = Rows.of(checkpoint, tensor, config.vocabulary(), config.hidden());
        if (config.tiedEmbeddings() && projections instanceof Projections.Floating floating) {
            return floating.multiply(x, embedding.table(), "lm_head", List.of());
        }
        if (config.tiedEmbeddings() && projections instanceof QuantizedProjections quantized) {
            return quantized.floating().multiply(x, embedding.table(), "lm_head", List.of());
        }
        return projections.project(x, "lm_head", basis.reading(rows, checkpoint, NORM));
    }
}

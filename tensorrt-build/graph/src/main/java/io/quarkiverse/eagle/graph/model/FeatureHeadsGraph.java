package io.quarkiverse.eagle.graph.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.graph.checkpoint.Checkpoint;
import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.checkpoint.FeatureHeads;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.onnx.Attribute;
import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;
import io.quarkiverse.eagle.graph.onnx.WeightFile;
import io.quarkiverse.eagle.graph.source.ProgressListener;

/**
 * Medusa heads (arXiv 2401.10774) and Hydra heads (arXiv 2402.05109). No layer attends, so there is no KV pool. A step has as
 * many rows as there are heads; row 0 carries the feature. Medusa: output row k is head k's. Hydra: the rows' tokens are the
 * root and the path below it, the position of row 0 tells the head to run, and there is one output row.
 */
final class FeatureHeadsGraph {

    private final ModelConfig config;
    private final Checkpoint target;
    private final FeatureHeads heads;
    private final GraphOptions options;
    private final DraftVocabulary vocabulary;

    /** @param byFrequency ranks the tokens where the heads do not; empty for none */
    FeatureHeadsGraph(ModelConfig config, Checkpoint target, FeatureHeads heads, int[] byFrequency, GraphOptions options) {
        this.config = config;
        this.target = target;
        this.heads = heads;
        this.options = options;
        if (options.runtime() != GraphOptions.Runtime.ONNXRUNTIME) {
            throw new CheckpointException(heads.source() + " has " + heads.kind().text()
                    + " heads, which run in process only; build with --for onnxruntime, or without them");
        }
        if (heads.hidden() != config.hidden() || heads.vocabulary() != 0 && heads.vocabulary() != config.vocabulary()) {
            throw new CheckpointException(heads.source() + " has heads for hidden size " + heads.hidden()
                    + (heads.vocabulary() == 0 ? "" : " and vocabulary " + heads.vocabulary()) + ", but the target "
                    + target.source() + " has hidden size " + config.hidden() + " and vocabulary " + config.vocabulary()
                    + "; use heads that were trained for this target");
        }
        int[] ranking = heads.tokensByFrequency().length > 0 ? heads.tokensByFrequency() : byFrequency;
        this.vocabulary = DraftVocabulary.of(config.vocabulary(), options.draftVocabulary(), ranking, heads.source());
    }

    /** @param embedding the target's table */
    BundleManifest.Graph write(Path folder, BundleManifest.Weight embedding, ProgressListener progress) throws IOException {
        String kind = heads.kind().text();
        String file = kind + "/model.onnx";
        String unsignedFile = kind + "/model-unsigned.onnx";
        OnnxGraph graph = new OnnxGraph(kind);
        ElementType type = options.precision().activations();
        try (WeightFile data = new WeightFile(folder.resolve(kind + "/weights.bin"), "weights.bin")) {
            Weights weights = new Weights(graph, data, kind + "/weights.bin", progress);
            Value features = graph.input("features", ElementType.FLOAT, "batch", heads.count(), config.hidden());
            Value first = graph.node("Gather", List.of(features, graph.scalar(0L)), Attribute.of("axis", 1));
            Value feature = graph.node("Cast", List.of(first), Attribute.of("to", type.number()));
            Projections projections = options.precision() == Precision.INT8 ? new Projections.Int8(graph, weights, feature)
                    : new Projections.Floating(graph, weights, type);
            Value logits = heads.kind() == FeatureHeads.Kind.MEDUSA ? medusa(graph, projections, feature)
                    : hydra(graph, projections, feature, Embedding.borrowed(graph, embedding, config, options), type);
            int topK = vocabulary.writeBest(graph, logits, GraphOptions.DRAFT_TOP_K);
            graph.write(folder.resolve(file));
            if (projections instanceof Projections.Int8 int8) {
                graph.writeUnsigned(folder.resolve(unsignedFile),
                        weights.signed().stream().map(BundleManifest.Weight::name).toList(), int8.weightZeroPoint());
            }
            return new BundleManifest.Graph(kind, file, options.precision() == Precision.INT8 ? unsignedFile : null, 0, 0, 0,
                    type.text(), config.hidden(), topK, vocabulary.size(), heads.count(), weights.signed(),
                    heads.kind() == FeatureHeads.Kind.HYDRA ? List.of(embedding) : List.of());
        }
    }

    /** Head k: a residual block over the feature, then an output projection; {@code [B, heads, vocabulary]}. */
    private Value medusa(OnnxGraph graph, Projections projections, Value feature) {
        int hidden = config.hidden();
        List<Rows> linear = new ArrayList<>();
        List<Projections.Bias> bias = new ArrayList<>();
        for (int head = 0; head < heads.count(); head++) {
            linear.add(Rows.of(heads.checkpoint(), head + ".0.linear.weight", hidden, hidden));
            bias.add(new Projections.Bias(heads.checkpoint(), head + ".0.linear.bias", hidden, null));
        }
        Value inner = silu(graph, projections.project(projections.prepare(feature), "linear", linear, bias));
        Value byHead = graph.node("Reshape", List.of(inner, graph.longs(-1, heads.count(), hidden)));
        Value out = graph.node("Add",
                List.of(byHead, graph.node("Unsqueeze", List.of(feature, graph.longs(1)))));
        if (!heads.hasOwnProjection()) {
            Value flat = graph.node("Reshape", List.of(out, graph.longs(-1, hidden)));
            return real(graph, projections.forRows(flat).project(flat, "lm_head", vocabulary.lmHead(config, target)),
                    heads.count());
        }
        List<Value> logits = new ArrayList<>();
        for (int head = 0; head < heads.count(); head++) {
            Value own = graph.node("Gather", List.of(out, graph.scalar((long) head)), Attribute.of("axis", 1));
            Rows rows = Rows.of(heads.checkpoint(), head + ".1.weight", config.vocabulary(), hidden)
                    .picked(vocabulary.tokens());
            logits.add(projections.project(own, head + ".lm_head", rows));
        }
        return real(graph, graph.node("Concat", logits, Attribute.of("axis", 1)), heads.count());
    }

    /**
     * Head k: a projection of the feature and of k + 1 tokens' embeddings, a residual block, and the feature once more. All
     * heads run and one is picked: they cost less than the output projection that follows. {@code [B, 1, vocabulary]}.
     */
    private Value hydra(OnnxGraph graph, Projections projections, Value feature, Embedding table, ElementType type) {
        int hidden = config.hidden();
        Value inputIds = graph.input("input_ids", ElementType.INT64, "batch", heads.count());
        Value positionIds = graph.input("position_ids", ElementType.INT64, "batch", heads.count());
        Value embedded = graph.node("Reshape", List.of(table.lookUp(graph, inputIds, hidden, type),
                graph.longs(-1, (long) heads.count() * hidden)));
        List<Value> outputs = new ArrayList<>();
        for (int head = 0; head < heads.count(); head++) {
            Value seen = graph.node("Slice",
                    List.of(embedded, graph.longs(0), graph.longs((head + 1L) * hidden), graph.longs(1)));
            Value both = graph.node("Concat", List.of(feature, seen), Attribute.of("axis", 1));
            Value z = projections.project(projections.prepare(both), head + ".in", List.of(in(head)),
                    List.of(new Projections.Bias(heads.checkpoint(), head + ".in.bias", hidden, null)));
            Value inner = projections.project(projections.prepare(z), head + ".res",
                    List.of(Rows.of(heads.checkpoint(), head + ".res.linear.weight", hidden, hidden)),
                    List.of(new Projections.Bias(heads.checkpoint(), head + ".res.linear.bias", hidden, null)));
            Value out = graph.node("Add", List.of(graph.node("Add", List.of(z, silu(graph, inner))), feature));
            outputs.add(graph.node("Unsqueeze", List.of(out, graph.longs(0))));
        }
        Value all = graph.node("Concat", outputs, Attribute.of("axis", 0));
        Value level = graph.node("Gather", List.of(
                graph.node("Gather", List.of(positionIds, graph.scalar(0L)), Attribute.of("axis", 0)), graph.scalar(0L)),
                Attribute.of("axis", 0));
        Value picked = graph.node("Gather", List.of(all, level), Attribute.of("axis", 0));
        return real(graph, projections.project(picked, "lm_head", vocabulary.lmHead(config, target)), 1);
    }

    /** A head's first projection; the shared table's rows are in the basis of the target's stream. */
    private Rows in(int head) {
        int hidden = config.hidden();
        Rows own = Rows.of(heads.checkpoint(), head + ".in.weight", hidden, (head + 2) * hidden);
        if (!(TargetGraph.basis(config, options) instanceof ResidualBasis.Rotated rotated)) {
            return own;
        }
        return new Rows() {
            @Override
            public int count() {
                return hidden;
            }

            @Override
            public int columns() {
                return own.columns();
            }

            @Override
            public void read(int first, int howMany, float[] into) {
                own.read(first, howMany, into);
                for (int i = 0; i < howMany; i++) {
                    for (int token = 0; token <= head; token++) {
                        rotated.rotation().rotateRow(into, i * columns() + (token + 1) * hidden);
                    }
                }
            }
        };
    }

    private static Value silu(OnnxGraph graph, Value x) {
        return graph.node("Mul", List.of(x, graph.node("Sigmoid", List.of(x))));
    }

    /** Logits as {@code [B, outputs, vocabulary]} in float32. */
    private Value real(OnnxGraph graph, Value logits, int outputs) {
        Value shaped = graph.node("Reshape", List.of(logits, graph.longs(-1, outputs, vocabulary.size())));
        return graph.node("Cast", List.of(shaped), Attribute.of("to", ElementType.FLOAT.number()));
    }
}

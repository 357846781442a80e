package io.quarkiverse.eagle.graph.model;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.graph.checkpoint.Checkpoint;
import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.checkpoint.DraftHead;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.onnx.Attribute;
import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;
import io.quarkiverse.eagle.graph.onnx.WeightFile;
import io.quarkiverse.eagle.graph.source.ProgressListener;

/**
 * The EAGLE draft head (arXiv 2401.15077, section 3): {@code fc([embedding; feature])}, decoder layers of the target's kind,
 * and
 * the target's own output projection over the most frequent tokens.
 */
final class EagleHeadGraph {

    static final String FILE = "draft/model.onnx";
    static final String UNSIGNED_FILE = "draft/model-unsigned.onnx";
    static final String WEIGHTS = "draft/weights.bin";

    private final ModelConfig targetConfig;
    private final Checkpoint target;
    private final DraftHead head;
    private final GraphOptions options;

    EagleHeadGraph(ModelConfig targetConfig, Checkpoint target, DraftHead head, GraphOptions options) {
        this.targetConfig = targetConfig;
        this.target = target;
        this.head = head;
        this.options = options;
        ModelConfig config = head.config();
        if (config.hidden() != targetConfig.hidden() || config.vocabulary() != targetConfig.vocabulary()) {
            throw new CheckpointException(head.source() + " is a head for hidden size " + config.hidden()
                    + " and vocabulary " + config.vocabulary() + ", but the target " + target.source() + " has hidden size "
                    + targetConfig.hidden() + " and vocabulary " + targetConfig.vocabulary()
                    + "; use the head that was trained for this target");
        }
        if (options.draftVocabulary() > targetConfig.vocabulary()) {
            throw new CheckpointException("draft vocabulary is " + options.draftVocabulary() + ", but the target "
                    + target.source() + " has only " + targetConfig.vocabulary() + " tokens");
        }
    }

    /** @param embedding the target's table, for graphs whose loader shares it; otherwise it is written again */
    BundleManifest.Graph write(Path folder, BundleManifest.Weight embedding, ProgressListener progress) throws IOException {
        OnnxGraph graph = new OnnxGraph("draft");
        ElementType type = options.precision().activations();
        int hidden = targetConfig.hidden();
        // Whoever runs a functional graph may be a server that knows nothing of borrowed weights.
        boolean shares = options.runtime() == GraphOptions.Runtime.ONNXRUNTIME && options.update() == KvUpdate.IN_PLACE;
        try (WeightFile file = new WeightFile(folder.resolve(WEIGHTS), "weights.bin")) {
            Weights weights = new Weights(graph, file, WEIGHTS, progress);
            StepInputs step = StepInputs.declare(graph);
            Value features = graph.input("features", ElementType.FLOAT, "batch", "rows", hidden);
            Value writeOffset = graph.input("write_offset", ElementType.INT64, "batch");
            ModelConfig config = head.config();
            KvPool pool = new KvPool(graph, options, config.heads(), config.kvHeads(), config.headDim(), config.layers(),
                    step.inputIds(),
                    step.windowStart(), step.windowMask(), null, writeOffset);

            Embedding table = shares ? Embedding.borrowed(graph, embedding, targetConfig, options)
                    : Embedding.write(graph, weights, targetConfig, target, options, new ResidualBasis.Own());
            Value embedded = table.lookUp(graph, step.inputIds(), hidden, type);
            Value flat = graph.node("Reshape", List.of(
                    graph.node("Cast", List.of(features), Attribute.of("to", type.number())), graph.longs(-1, hidden)));
            Value both = graph.node("Concat", List.of(embedded, flat), Attribute.of("axis", 1));
            Projections projections = options.precision() == Precision.INT8 ? new Projections.Int8(graph, weights, both)
                    : new Projections.Floating(graph, weights, type);
            Rows fc = fc(shares ? TargetGraph.basis(targetConfig, options) : new ResidualBasis.Own());
            Value x = projections.project(projections.prepare(both), "fc", List.of(fc),
                    head.fcBias() ? List.of(new Projections.Bias(head.checkpoint(), "fc.bias", hidden, null)) : List.of());
            DecoderLayers decoder = new DecoderLayers(graph, config, head.checkpoint(), weights, projections, pool,
                    options, new ResidualBasis.Own(), step.inputIds(), step.positionIds());
            for (int layer = 0; layer < config.layers(); layer++) {
                x = decoder.layer(layer, "layers." + layer + ".", x, layer > 0);
            }
            Value last = step.bySequence(graph, x, hidden);
            graph.output(graph.named("features_out", "Cast", List.of(last), Attribute.of("to", ElementType.FLOAT.number())),
                    ElementType.FLOAT, "batch", "rows", hidden);

            int[] tokens = draftTokens();
            Value wanted = step.wanted(graph, last, hidden);
            Value logits = step.logits(graph, lmHead(projections.forRows(wanted), wanted, tokens), "draft_logits",
                    tokens.length);
            int topK = Math.min(GraphOptions.DRAFT_TOP_K, tokens.length);
            List<Value> best = graph.nodes("TopK", 2, List.of(logits, graph.longs(topK)), Attribute.of("axis", -1));
            graph.output(graph.named("top_logits", "Sub",
                    List.of(best.get(0), StepInputs.logSumExp(graph, logits, best))), ElementType.FLOAT, "batch",
                    "outputs", topK);
            graph.output(graph.named("top_ids", "Gather", List.of(tokenTable(graph, tokens), best.get(1))),
                    ElementType.INT32, "batch", "outputs", topK);

            graph.write(folder.resolve(FILE));
            if (projections instanceof Projections.Int8 int8) {
                graph.writeUnsigned(folder.resolve(UNSIGNED_FILE),
                        weights.signed().stream().map(BundleManifest.Weight::name).toList(), int8.weightZeroPoint());
            }
            return new BundleManifest.Graph("eagle", FILE, options.precision() == Precision.INT8 ? UNSIGNED_FILE : null,
                    config.layers(), config.kvHeads(), config.headDim(), type.text(), hidden, topK, tokens.length,
                    GraphOptions.MAX_ROWS, weights.signed(), shares ? List.of(table.weight()) : List.of());
        }
    }

    /** The projection of {@code [embedding; feature]}; the shared table's rows are in the basis of the target's stream. */
    private Rows fc(ResidualBasis tableBasis) {
        int hidden = targetConfig.hidden();
        Rows own = Rows.of(head.checkpoint(), "fc.weight", hidden, 2 * hidden);
        if (!(tableBasis instanceof ResidualBasis.Rotated rotated)) {
            return own;
        }
        return new Rows() {
            @Override
            public int count() {
                return hidden;
            }

            @Override
            public int columns() {
                return 2 * hidden;
            }

            @Override
            public void read(int first, int howMany, float[] into) {
                own.read(first, howMany, into);
                for (int i = 0; i < howMany; i++) {
                    rotated.rotation().rotateRow(into, i * columns());
                }
            }
        };
    }

    /** Tokens that the draft can propose, ascending. */
    private int[] draftTokens() {
        int vocabulary = targetConfig.vocabulary();
        int wanted = options.draftVocabulary() == 0 ? vocabulary : options.draftVocabulary();
        if (wanted == vocabulary) {
            return java.util.stream.IntStream.range(0, vocabulary).toArray();
        }
        int[] byFrequency = head.tokensByFrequency();
        if (byFrequency.length < wanted) {
            throw new CheckpointException(head.source() + " ranks " + byFrequency.length + " tokens by frequency, but a draft"
                    + " vocabulary of " + wanted + " is asked for; give the head a token_frequency.json, or use"
                    + " --draft-vocabulary " + vocabulary + " (all tokens)");
        }
        int[] tokens = Arrays.copyOf(byFrequency, wanted);
        Arrays.sort(tokens);
        return tokens;
    }

    private Value lmHead(Projections projections, Value x, int[] tokens) {
        String tensor = targetConfig.tiedEmbeddings() ? Embedding.TENSOR : "lm_head.weight";
        Rows rows = Rows.of(target, tensor, targetConfig.vocabulary(), targetConfig.hidden());
        return projections.project(x, "lm_head", rows.picked(tokens));
    }

    private static Value tokenTable(OnnxGraph graph, int[] tokens) {
        ByteBuffer bytes = ByteBuffer.allocate(tokens.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int token : tokens) {
            bytes.putInt(token);
        }
        return graph.constant("draft_tokens", ElementType.INT32, bytes.flip(), tokens.length);
    }
}

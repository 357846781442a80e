package io.quarkiverse.eagle.graph.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.graph.checkpoint.Checkpoint;
import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.checkpoint.DraftHead;
import io.quarkiverse.eagle.graph.checkpoint.Eagle3Head;
import io.quarkiverse.eagle.graph.checkpoint.EagleHead;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.onnx.Attribute;
import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;
import io.quarkiverse.eagle.graph.onnx.WeightFile;
import io.quarkiverse.eagle.graph.source.ProgressListener;

/** The draft engine of an EAGLE head of any generation, under the engine contract. */
final class EagleHeadGraph {

    static final String FILE = "draft/model.onnx";
    static final String UNSIGNED_FILE = "draft/model-unsigned.onnx";
    static final String WEIGHTS = "draft/weights.bin";

    private final ModelConfig targetConfig;
    private final Checkpoint target;
    private final DraftHead head;
    private final HeadBody body;
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
        this.body = head instanceof Eagle3Head eagle3 ? Eagle3Body.of(eagle3, options)
                : EagleBody.of((EagleHead) head, targetConfig, target, options);
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
                    step, null, writeOffset);

            Embedding table = shares ? Embedding.borrowed(graph, embedding, targetConfig, options)
                    : Embedding.write(graph, weights, targetConfig, target, options, new ResidualBasis.Own());
            Value embedded = table.lookUp(graph, step.inputIds(), hidden, type);
            Value flat = graph.node("Reshape", List.of(
                    graph.node("Cast", List.of(features), Attribute.of("to", type.number())), graph.longs(-1, hidden)));
            Projections projections = options.precision() == Precision.INT8 ? new Projections.Int8(graph, weights, flat)
                    : new Projections.Floating(graph, weights, type);
            DecoderLayers decoder = new DecoderLayers(graph, config, head.checkpoint(), weights, projections, pool,
                    options, new ResidualBasis.Own(), step);
            HeadBody.Blocks blocks = new HeadBody.Blocks(graph, weights, projections, decoder);
            Value wanted = body.wantedOutputs(blocks, embedded,
                    shares ? TargetGraph.basis(targetConfig, options) : new ResidualBasis.Own(), flat);
            Value out = graph.node("Cast", List.of(wanted), Attribute.of("to", ElementType.FLOAT.number()));
            graph.output(step.putBack(graph, "features_out", features, out, hidden), ElementType.FLOAT, "batch", "rows",
                    hidden);
            int topK = body.projection().writeBest(blocks, step, body.projected(blocks, wanted));

            graph.write(folder.resolve(FILE));
            if (projections instanceof Projections.Int8 int8) {
                graph.writeUnsigned(folder.resolve(UNSIGNED_FILE),
                        weights.signed().stream().map(BundleManifest.Weight::name).toList(), int8.weightZeroPoint());
            }
            return new BundleManifest.Graph(body.kind(), FILE, options.precision() == Precision.INT8 ? UNSIGNED_FILE : null,
                    config.layers(), config.kvHeads(), config.headDim(), type.text(), hidden, topK,
                    body.projection().vocabulary(),
                    GraphOptions.MAX_ROWS, weights.signed(), shares ? List.of(table.weight()) : List.of());
        }
    }
}

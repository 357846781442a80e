package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import io.quarkiverse.eagle.graph.checkpoint.GeneratedCheckpoints;
import io.quarkiverse.eagle.graph.checkpoint.HuggingFaceModel;
import io.quarkiverse.eagle.graph.onnx.proto.GraphProto;
import io.quarkiverse.eagle.graph.onnx.proto.ModelProto;
import io.quarkiverse.eagle.graph.onnx.proto.NodeProto;
import io.quarkiverse.eagle.graph.onnx.proto.ValueInfoProto;
import io.quarkiverse.eagle.graph.source.ProgressListener;

/** A runtime that finds dimensions without names compares each value with all others when it plans its memory. */
class NamedDimensionsTest {

    /** Operators whose output has dimensions that their inputs' do not tell. */
    private static final Set<String> OPEN = Set.of("Reshape", "Tile", "GatherND");

    @TempDir
    Path folder;

    @Test
    void everyOperatorOfALayerThatLeavesDimensionsOpenHasThemNamed() throws IOException {
        GraphProto graph = target();
        Set<String> named = graph.getValueInfoList().stream().map(ValueInfoProto::getName).collect(Collectors.toSet());
        List<NodeProto> nodes = graph.getNodeList();
        int last = nodes.stream().map(NodeProto::getOpType).toList().lastIndexOf("TensorScatter");
        assertThat(nodes.subList(0, last)).filteredOn(node -> OPEN.contains(node.getOpType())).isNotEmpty()
                .allSatisfy(node -> assertThat(named).contains(node.getOutput(0)));
    }

    @Test
    void everyNamedDimensionHasANameOrASize() throws IOException {
        assertThat(target().getValueInfoList()).isNotEmpty().allSatisfy(
                value -> assertThat(value.getType().getTensorType().getShape().getDimList()).isNotEmpty().allMatch(
                        dimension -> dimension.getDimValue() > 0 || !dimension.getDimParam().isEmpty()));
    }

    private GraphProto target() throws IOException {
        Path model = GeneratedCheckpoints.write(folder.resolve("model"), GeneratedCheckpoints.smallLlama(), "F32", 31);
        Files.writeString(model.resolve("tokenizer.json"), "{}");
        Path out = folder.resolve("bundle");
        try (HuggingFaceModel source = HuggingFaceModel.open(model)) {
            new BundleBuilder(
                    new GraphOptions(GraphOptions.Runtime.ONNXRUNTIME, Precision.INT8, KvUpdate.IN_PLACE, 2, 64, 0),
                    ProgressListener.NONE).build(source, null, List.of(), out);
        }
        try (InputStream in = Files.newInputStream(out.resolve(TargetGraph.FILE))) {
            return ModelProto.parseFrom(in).getGraph();
        }
    }
}

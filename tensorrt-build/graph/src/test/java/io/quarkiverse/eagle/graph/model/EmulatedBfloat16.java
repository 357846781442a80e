package io.quarkiverse.eagle.graph.model;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.proto.AttributeProto;
import io.quarkiverse.eagle.graph.onnx.proto.GraphProto;
import io.quarkiverse.eagle.graph.onnx.proto.ModelProto;
import io.quarkiverse.eagle.graph.onnx.proto.NodeProto;
import io.quarkiverse.eagle.graph.onnx.proto.TensorProto;
import io.quarkiverse.eagle.graph.onnx.proto.ValueInfoProto;

/**
 * A graph in bfloat16 for a runtime that has no kernels for it: every operator computes in single precision, and every one of
 * its
 * results is rounded to bfloat16, as operators of a GPU do that sum in single precision. Weights are bfloat16 and widened.
 */
final class EmulatedBfloat16 {

    private static final Set<String> TRUTHS = Set.of("Less", "And", "Or", "Not");
    /** Their results have the type of their second input. */
    private static final Set<String> BY_SECOND = Set.of("Where", "DequantizeLinear");

    private final GraphProto.Builder written;
    private final Map<String, Integer> types = new HashMap<>();

    private EmulatedBfloat16(GraphProto graph) {
        this.written = GraphProto.newBuilder().setName(graph.getName());
        graph.getInputList().forEach(input -> {
            types.put(input.getName(), input.getType().getTensorType().getElemType());
            written.addInput(widened(input));
        });
        graph.getInitializerList().forEach(this::initializer);
        graph.getNodeList().forEach(this::node);
        graph.getOutputList().forEach(output -> written.addOutput(widened(output)));
    }

    /** Writes the form of a graph in which pools and outputs are single precision too; it reads the graph's own weights. */
    static Path beside(Path graph) throws IOException {
        ModelProto model;
        try (InputStream in = Files.newInputStream(graph)) {
            model = ModelProto.parseFrom(in);
        }
        Path emulated = graph.resolveSibling("emulated.onnx");
        try (OutputStream out = Files.newOutputStream(emulated)) {
            model.toBuilder().setGraph(new EmulatedBfloat16(model.getGraph()).written).build().writeTo(out);
        }
        return emulated;
    }

    private static ValueInfoProto widened(ValueInfoProto value) {
        ValueInfoProto.Builder widened = value.toBuilder();
        if (isBfloat16(value.getType().getTensorType().getElemType())) {
            widened.getTypeBuilder().getTensorTypeBuilder().setElemType(ElementType.FLOAT.number());
        }
        return widened.build();
    }

    private void initializer(TensorProto tensor) {
        types.put(tensor.getName(), tensor.getDataType());
        if (!isBfloat16(tensor.getDataType())) {
            written.addInitializer(tensor);
            return;
        }
        String narrow = tensor.getName() + ".narrow";
        written.addInitializer(tensor.toBuilder().setName(narrow));
        cast(narrow, tensor.getName(), ElementType.FLOAT);
    }

    private void node(NodeProto node) {
        int type = type(node);
        NodeProto.Builder wide = node.toBuilder();
        for (int i = 0; i < node.getOutputCount(); i++) {
            String output = node.getOutput(i);
            boolean indices = node.getOpType().equals("TopK") && i == 1;
            types.put(output, indices ? ElementType.INT64.number() : type);
            if (isBfloat16(type) && !indices) {
                wide.setOutput(i, output + ".wide");
                cast(output + ".wide", output + ".narrow", ElementType.BFLOAT16);
                cast(output + ".narrow", output, ElementType.FLOAT);
            }
        }
        if (node.getOpType().equals("Cast") && isBfloat16(type)) {
            wide.setAttribute(0, node.getAttribute(0).toBuilder().setI(ElementType.FLOAT.number()));
        }
        written.addNode(wide);
    }

    private int type(NodeProto node) {
        String operator = node.getOpType();
        if (operator.equals("Cast")) {
            return (int) node.getAttribute(0).getI();
        }
        if (operator.equals("Shape")) {
            return ElementType.INT64.number();
        }
        if (operator.equals("ConstantOfShape")) {
            return node.getAttribute(0).getT().getDataType();
        }
        if (TRUTHS.contains(operator)) {
            return ElementType.BOOL.number();
        }
        return types.get(node.getInput(BY_SECOND.contains(operator) ? 1 : 0));
    }

    private void cast(String from, String to, ElementType type) {
        written.addNode(NodeProto.newBuilder().setOpType("Cast").setName(to + ".cast").addInput(from).addOutput(to)
                .addAttribute(AttributeProto.newBuilder().setName("to").setType(AttributeProto.AttributeType.INT)
                        .setI(type.number())));
    }

    private static boolean isBfloat16(int type) {
        return type == ElementType.BFLOAT16.number();
    }
}

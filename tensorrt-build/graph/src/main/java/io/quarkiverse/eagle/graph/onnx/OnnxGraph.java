package io.quarkiverse.eagle.graph.onnx;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

import com.google.protobuf.ByteString;

import io.quarkiverse.eagle.graph.onnx.proto.GraphProto;
import io.quarkiverse.eagle.graph.onnx.proto.ModelProto;
import io.quarkiverse.eagle.graph.onnx.proto.NodeProto;
import io.quarkiverse.eagle.graph.onnx.proto.OperatorSetIdProto;
import io.quarkiverse.eagle.graph.onnx.proto.StringStringEntryProto;
import io.quarkiverse.eagle.graph.onnx.proto.TensorProto;
import io.quarkiverse.eagle.graph.onnx.proto.TensorShapeProto;
import io.quarkiverse.eagle.graph.onnx.proto.TypeProto;
import io.quarkiverse.eagle.graph.onnx.proto.ValueInfoProto;

/**
 * A graph under construction: standard operators of opset {@value #OPSET} only. Values are named by the operator that makes
 * them; small constants are shared.
 */
public final class OnnxGraph {

    public static final int OPSET = 24;
    private static final int IR_VERSION = 11;

    private final GraphProto.Builder graph;
    private final Map<String, Value> constants = new HashMap<>();
    private int counter;

    public OnnxGraph(String name) {
        this.graph = GraphProto.newBuilder().setName(name);
    }

    /** Declares an input; a dimension is a number or a name. */
    public Value input(String name, ElementType type, Object... shape) {
        graph.addInput(valueInfo(name, type, shape));
        return new Value(name);
    }

    /** Declares a value as output under its own name; a dimension is a number or a name. */
    public void output(Value value, ElementType type, Object... shape) {
        graph.addOutput(valueInfo(value.name(), type, shape));
    }

    /**
     * Says what dimensions a value has where its operator leaves them open. Operators that read it pass them on. A runtime that
     * plans its memory by the names of dimensions can let values share their memory; ONNX Runtime compares every value with all
     * whose memory became free and was not taken, so that a graph of many open dimensions takes long to open.
     *
     * @param shape as for an input; equal names are equal sizes, in every step
     */
    public Value shaped(Value value, ElementType type, Object... shape) {
        graph.addValueInfo(valueInfo(value.name(), type, shape));
        return value;
    }

    private static ValueInfoProto valueInfo(String name, ElementType type, Object... shape) {
        TensorShapeProto.Builder dimensions = TensorShapeProto.newBuilder();
        for (Object dimension : shape) {
            TensorShapeProto.Dimension.Builder d = dimensions.addDimBuilder();
            if (dimension instanceof Number number) {
                d.setDimValue(number.longValue());
            } else {
                d.setDimParam(dimension.toString());
            }
        }
        return ValueInfoProto.newBuilder().setName(name).setType(TypeProto.newBuilder()
                .setTensorType(TypeProto.Tensor.newBuilder().setElemType(type.number()).setShape(dimensions))).build();
    }

    /** Adds a node with one output. */
    public Value node(String operator, List<Value> inputs, Attribute... attributes) {
        return nodes(operator, 1, inputs, attributes).get(0);
    }

    /** Adds a node with one output of a given name. */
    public Value named(String name, String operator, List<Value> inputs, Attribute... attributes) {
        add(operator, inputs, List.of(name), attributes);
        return new Value(name);
    }

    /** Adds a node with several outputs. */
    public List<Value> nodes(String operator, int outputs, List<Value> inputs, Attribute... attributes) {
        int number = counter++;
        List<String> names = new ArrayList<>();
        for (int i = 0; i < outputs; i++) {
            names.add(operator + "_" + number + (outputs == 1 ? "" : "_" + i));
        }
        add(operator, inputs, names, attributes);
        return names.stream().map(Value::new).toList();
    }

    private void add(String operator, List<Value> inputs, List<String> outputs, Attribute... attributes) {
        NodeProto.Builder node = graph.addNodeBuilder().setOpType(operator).setName(outputs.get(0));
        inputs.forEach(value -> node.addInput(value == null ? "" : value.name()));
        node.addAllOutput(outputs);
        for (Attribute attribute : attributes) {
            node.addAttribute(attribute.proto());
        }
    }

    public Value scalar(float value) {
        return floats(new float[] { value });
    }

    public Value scalar(long value) {
        return shared("long" + value, () -> longs(new long[] { value }, false));
    }

    /** A vector of 64-bit integers, as shapes and axes are given. */
    public Value longs(long... values) {
        return shared("longs" + java.util.Arrays.toString(values), () -> longs(values, true));
    }

    private Value longs(long[] values, boolean vector) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * 8).order(ByteOrder.LITTLE_ENDIAN);
        for (long value : values) {
            bytes.putLong(value);
        }
        return constant(ElementType.INT64, bytes.flip(), vector ? new long[] { values.length } : new long[0]);
    }

    private Value floats(float[] value) {
        return shared("float" + value[0], () -> constant(ElementType.FLOAT,
                ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(value[0]).flip()));
    }

    /** A constant scalar of a chosen floating type. */
    public Value scalar(ElementType type, float value) {
        return type == ElementType.FLOAT ? scalar(value)
                : shared(type + "" + value, () -> node("Cast", List.of(scalar(value)), Attribute.of("to", type.number())));
    }

    public Value scalar(ElementType type, byte value) {
        return shared(type + "byte" + value, () -> constant(type, ByteBuffer.allocate(1).put(value).flip()));
    }

    private Value shared(String key, Supplier<Value> maker) {
        Value value = constants.get(key);
        if (value == null) {
            value = maker.get();
            constants.put(key, value);
        }
        return value;
    }

    /** A small tensor inside the graph file. */
    public Value constant(ElementType type, ByteBuffer data, long... shape) {
        return constant("constant_" + counter++, type, data, shape);
    }

    /** A small tensor of a given name inside the graph file. */
    public Value constant(String name, ElementType type, ByteBuffer data, long... shape) {
        TensorProto.Builder tensor = graph.addInitializerBuilder().setName(name).setDataType(type.number())
                .setRawData(ByteString.copyFrom(data));
        for (long dimension : shape) {
            tensor.addDims(dimension);
        }
        return new Value(name);
    }

    /** A tensor in a weight file. */
    public Value external(String name, ElementType type, WeightFile file, WeightFile.Region region, long... shape) {
        return external(name, type, file.location(), region, shape);
    }

    /** A tensor in a file, which is named relative to the graph's folder. */
    public Value external(String name, ElementType type, String location, WeightFile.Region region, long... shape) {
        TensorProto.Builder tensor = graph.addInitializerBuilder().setName(name).setDataType(type.number())
                .setDataLocation(TensorProto.DataLocation.EXTERNAL)
                .addExternalData(entry("location", location))
                .addExternalData(entry("offset", Long.toString(region.offset())))
                .addExternalData(entry("length", Long.toString(region.length())));
        for (long dimension : shape) {
            tensor.addDims(dimension);
        }
        return new Value(name);
    }

    private static StringStringEntryProto entry(String key, String value) {
        return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
    }

    /** Writes the graph; its external data must be complete before it is loaded. */
    public void write(Path file) throws IOException {
        try (OutputStream out = Files.newOutputStream(file)) {
            model(graph.build()).writeTo(out);
        }
    }

    /**
     * Writes the graph with its signed 8-bit weights declared unsigned: the loader flips the sign bit of their data and the
     * zero points do the rest.
     */
    public void writeUnsigned(Path file, List<String> signedWeights, Value signedZeroPoint) throws IOException {
        GraphProto.Builder unsigned = graph.clone();
        for (TensorProto.Builder tensor : unsigned.getInitializerBuilderList()) {
            if (signedWeights.contains(tensor.getName())) {
                tensor.setDataType(ElementType.UINT8.number());
            } else if (tensor.getName().equals(signedZeroPoint.name())) {
                tensor.setDataType(ElementType.UINT8.number()).setRawData(ByteString.copyFrom(new byte[] { (byte) 128 }));
            }
        }
        try (OutputStream out = Files.newOutputStream(file)) {
            model(unsigned.build()).writeTo(out);
        }
    }

    private static ModelProto model(GraphProto graph) {
        return ModelProto.newBuilder().setIrVersion(IR_VERSION).setProducerName("quarkus-eagle")
                .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("").setVersion(OPSET)).setGraph(graph).build();
    }
}

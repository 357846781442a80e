package io.quarkiverse.eagle.graph.onnx;

import java.util.Arrays;

import com.google.protobuf.ByteString;

import io.quarkiverse.eagle.graph.onnx.proto.AttributeProto;
import io.quarkiverse.eagle.graph.onnx.proto.TensorProto;

/** An attribute of a node. */
public record Attribute(AttributeProto proto) {

    public static Attribute of(String name, long value) {
        return new Attribute(AttributeProto.newBuilder().setName(name).setType(AttributeProto.AttributeType.INT).setI(value)
                .build());
    }

    public static Attribute of(String name, double value) {
        return new Attribute(AttributeProto.newBuilder().setName(name).setType(AttributeProto.AttributeType.FLOAT)
                .setF((float) value).build());
    }

    public static Attribute of(String name, String value) {
        return new Attribute(AttributeProto.newBuilder().setName(name).setType(AttributeProto.AttributeType.STRING)
                .setS(ByteString.copyFromUtf8(value)).build());
    }

    public static Attribute ofInts(String name, long... values) {
        return new Attribute(AttributeProto.newBuilder().setName(name).setType(AttributeProto.AttributeType.INTS)
                .addAllInts(Arrays.stream(values).boxed().toList()).build());
    }

    /** A one-element tensor, as {@code ConstantOfShape} wants it. */
    public static Attribute ofByte(String name, int value) {
        return new Attribute(AttributeProto.newBuilder().setName(name).setType(AttributeProto.AttributeType.TENSOR)
                .setT(TensorProto.newBuilder().addDims(1).setDataType(ElementType.UINT8.number())
                        .setRawData(ByteString.copyFrom(new byte[] { (byte) value })))
                .build());
    }
}

package io.quarkiverse.eagle.graph.checkpoint;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Writes small GGUF files. */
final class GgufBuilder {

    private static final int ALIGNMENT = 32;

    private record Tensor(int type, long[] dimensions, byte[] data) {
    }

    private int version = 3;
    private final Map<String, Object> metadata = new LinkedHashMap<>();
    private final Map<String, Tensor> tensors = new LinkedHashMap<>();

    /** A complete one-layer model: hidden 8, 2 heads of width 4, 1 key-value head, 6 tokens; weights count up from 0. */
    static GgufBuilder model(String family) {
        GgufBuilder gguf = new GgufBuilder();
        gguf.put("general.architecture", family);
        gguf.put(family + ".block_count", 1);
        gguf.put(family + ".context_length", 64);
        gguf.put(family + ".embedding_length", 8);
        gguf.put(family + ".feed_forward_length", 12);
        gguf.put(family + ".attention.head_count", 2);
        gguf.put(family + ".attention.head_count_kv", 1);
        gguf.put(family + ".attention.layer_norm_rms_epsilon", 1e-5f);
        gguf.put("tokenizer.ggml.bos_token_id", 1);
        gguf.put("tokenizer.ggml.eos_token_id", 2);
        gguf.floats("token_embd.weight", 8, 6);
        gguf.floats("blk.0.attn_norm.weight", 8);
        gguf.floats("blk.0.attn_q.weight", 8, 8);
        gguf.floats("blk.0.attn_k.weight", 8, 4);
        gguf.floats("blk.0.attn_v.weight", 8, 4);
        gguf.floats("blk.0.attn_output.weight", 8, 8);
        gguf.floats("blk.0.ffn_norm.weight", 8);
        gguf.floats("blk.0.ffn_gate.weight", 8, 12);
        gguf.floats("blk.0.ffn_up.weight", 8, 12);
        gguf.floats("blk.0.ffn_down.weight", 12, 8);
        gguf.floats("output_norm.weight", 8);
        if (family.equals("qwen2")) {
            gguf.floats("blk.0.attn_q.bias", 8);
            gguf.floats("blk.0.attn_k.bias", 4);
            gguf.floats("blk.0.attn_v.bias", 4);
        }
        return gguf;
    }

    GgufBuilder version(int version) {
        this.version = version;
        return this;
    }

    GgufBuilder put(String key, Object value) {
        metadata.put(key, value);
        return this;
    }

    /** A float32 tensor that holds 0, 1, 2, …; dimensions innermost first. */
    GgufBuilder floats(String name, long... dimensions) {
        int elements = 1;
        for (long dimension : dimensions) {
            elements *= (int) dimension;
        }
        float[] values = new float[elements];
        for (int i = 0; i < elements; i++) {
            values[i] = i;
        }
        return floats(name, values, dimensions);
    }

    GgufBuilder floats(String name, float[] values, long... dimensions) {
        ByteBuffer data = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        data.asFloatBuffer().put(values);
        return tensor(name, 0, data.array(), dimensions);
    }

    GgufBuilder tensor(String name, int type, byte[] data, long... dimensions) {
        tensors.put(name, new Tensor(type, dimensions, data));
        return this;
    }

    GgufBuilder without(String tensor) {
        tensors.remove(tensor);
        return this;
    }

    Path write(Path file) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes("GGUF".getBytes(StandardCharsets.US_ASCII));
        int32(out, version);
        int64(out, tensors.size());
        int64(out, metadata.size());
        metadata.forEach((key, value) -> {
            text(out, key);
            int32(out, type(value));
            value(out, value);
        });
        long offset = 0;
        for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
            Tensor tensor = entry.getValue();
            text(out, entry.getKey());
            int32(out, tensor.dimensions().length);
            for (long dimension : tensor.dimensions()) {
                int64(out, dimension);
            }
            int32(out, tensor.type());
            int64(out, offset);
            offset += aligned(tensor.data().length);
        }
        pad(out);
        for (Tensor tensor : tensors.values()) {
            out.writeBytes(tensor.data());
            pad(out);
        }
        try {
            return Files.write(file, out.toByteArray());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void value(ByteArrayOutputStream out, Object value) {
        if (value instanceof Integer number) {
            int32(out, number);
        } else if (value instanceof Float number) {
            int32(out, Float.floatToIntBits(number));
        } else if (value instanceof Boolean flag) {
            out.write(flag ? 1 : 0);
        } else if (value instanceof String text) {
            text(out, text);
        } else {
            Object[] array = (Object[]) value;
            int32(out, type(array[0]));
            int64(out, array.length);
            for (Object element : array) {
                value(out, element);
            }
        }
    }

    private static int type(Object value) {
        if (value instanceof Integer) {
            return 5;
        }
        if (value instanceof Float) {
            return 6;
        }
        if (value instanceof Boolean) {
            return 7;
        }
        return value instanceof String ? 8 : 9;
    }

    private static long aligned(long bytes) {
        return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    private static void pad(ByteArrayOutputStream out) {
        out.writeBytes(new byte[(int) (aligned(out.size()) - out.size())]);
    }

    private static void text(ByteArrayOutputStream out, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int64(out, bytes.length);
        out.writeBytes(bytes);
    }

    private static void int32(ByteArrayOutputStream out, int value) {
        out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
    }

    private static void int64(ByteArrayOutputStream out, long value) {
        out.writeBytes(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
    }
}

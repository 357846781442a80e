package io.quarkiverse.eagle.graph.checkpoint;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Writes safetensors files, of random numbers or of nothing. */
final class SafetensorsBuilder {

    private static final Map<String, Integer> WIDTHS = Map.of("F32", 4, "F16", 2, "BF16", 2, "I64", 8, "I32", 4, "BOOL", 1,
            "F8_E4M3", 1);

    /** @param values its values, row-major; null for random ones */
    private record Tensor(String name, String type, long[] shape, double[] values) {

        Tensor(String name, String type, long[] shape) {
            this(name, type, shape, null);
        }

        long bytes() {
            long bytes = WIDTHS.get(type);
            for (long dimension : shape) {
                bytes *= dimension;
            }
            return bytes;
        }
    }

    private final List<Tensor> tensors = new ArrayList<>();

    SafetensorsBuilder add(String name, String type, long... shape) {
        tensors.add(new Tensor(name, type, shape));
        return this;
    }

    /** A vector of 64-bit integers. */
    SafetensorsBuilder addIntegers(String name, long... values) {
        return addValues(name, "I64", Arrays.stream(values).asDoubleStream().toArray(), values.length);
    }

    /** A tensor of given values, row-major. */
    SafetensorsBuilder addValues(String name, String type, double[] values, long... shape) {
        tensors.add(new Tensor(name, type, shape, values));
        return this;
    }

    SafetensorsBuilder addAll(SafetensorsBuilder others) {
        tensors.addAll(others.tensors);
        return this;
    }

    List<String> names() {
        return tensors.stream().map(Tensor::name).toList();
    }

    long[] shape(String name) {
        return tensors.stream().filter(tensor -> tensor.name().equals(name)).findFirst().orElseThrow().shape();
    }

    SafetensorsBuilder without(String name) {
        tensors.removeIf(tensor -> tensor.name().equals(name));
        return this;
    }

    SafetensorsBuilder reshape(String name, long... shape) {
        tensors.replaceAll(tensor -> tensor.name().equals(name) ? new Tensor(name, tensor.type(), shape) : tensor);
        return this;
    }

    /** Every n-th tensor, beginning with the first-th. */
    SafetensorsBuilder every(int n, int first) {
        SafetensorsBuilder part = new SafetensorsBuilder();
        for (int i = first; i < tensors.size(); i += n) {
            part.tensors.add(tensors.get(i));
        }
        return part;
    }

    /** Writes random numbers: near 1 for norms, else of a standard deviation of 1/sqrt(columns). */
    Path write(Path file, long seed) {
        writeHeader(file);
        try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
            out.seek(out.length() - dataBytes());
            Random random = new Random(seed);
            for (Tensor tensor : tensors) {
                out.write(values(tensor, random));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return file;
    }

    /** Writes the header only and makes the file as long as its data would be; unwritten bytes are zeros that take no room. */
    Path writeSparse(Path file) {
        writeHeader(file);
        return file;
    }

    /** Gives all numbers of a tensor of a written file one value. */
    void fill(Path file, String name, float value) {
        long from = -dataBytes();
        for (Tensor tensor : tensors) {
            if (tensor.name().equals(name)) {
                double[] values = new double[(int) (tensor.bytes() / WIDTHS.get(tensor.type()))];
                Arrays.fill(values, value);
                try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
                    out.seek(out.length() + from);
                    out.write(values(new Tensor(name, tensor.type(), tensor.shape(), values), new Random(0)));
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
            from += tensor.bytes();
        }
    }

    /** Writes a file of any header, to see it refused. */
    static Path write(Path file, String header, int dataBytes) {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
            out.setLength(0);
            out.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).array());
            out.write(json);
            out.setLength(8L + json.length + dataBytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return file;
    }

    private long dataBytes() {
        return tensors.stream().mapToLong(Tensor::bytes).sum();
    }

    private void writeHeader(Path file) {
        Map<String, String> entries = new LinkedHashMap<>();
        long offset = 0;
        for (Tensor tensor : tensors) {
            entries.put(tensor.name(), String.format("{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}",
                    tensor.type(), Arrays.toString(tensor.shape()), offset, offset + tensor.bytes()));
            offset += tensor.bytes();
        }
        StringBuilder header = new StringBuilder("{\"__metadata__\":{\"format\":\"pt\"}");
        entries.forEach((name, entry) -> header.append(",\"").append(name).append("\":").append(entry));
        write(file, header.append('}').toString(), 0);
        try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
            out.setLength(out.length() + offset);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] values(Tensor tensor, Random random) {
        ByteBuffer bytes = ByteBuffer.allocate((int) tensor.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        long[] shape = tensor.shape();
        boolean norm = tensor.name().endsWith("norm.weight");
        double scale = norm ? 0.1 : shape.length == 0 ? 1 : 1 / Math.sqrt(shape[shape.length - 1]);
        while (bytes.hasRemaining()) {
            double given = tensor.values() == null ? (norm ? 1 : 0) + scale * random.nextGaussian()
                    : tensor.values()[(int) (bytes.position() * (long) tensor.values().length / tensor.bytes())];
            float value = (float) given;
            switch (tensor.type()) {
                case "F32" -> bytes.putFloat(value);
                case "BF16" -> bytes.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
                case "F16" -> bytes.putShort(half(value));
                case "I32" -> bytes.putInt((int) (long) given);
                // The number's eight bits.
                case "F8_E4M3" -> bytes.put((byte) given);
                case "BOOL" -> bytes.put((byte) random.nextInt(2));
                default -> bytes.putLong(tensor.values() == null ? random.nextInt(100) : (long) given);
            }
        }
        return bytes.array();
    }

    /** Rounds towards zero; small numbers become 0. */
    private static short half(float value) {
        int bits = Float.floatToRawIntBits(value);
        int exponent = (bits >>> 23 & 0xff) - 112;
        int sign = bits >>> 16 & 0x8000;
        return (short) (exponent < 1 ? sign : sign | exponent << 10 | bits >>> 13 & 0x3ff);
    }
}

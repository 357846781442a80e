package io.quarkiverse.eagle.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** An untrained head in a folder of its own: a configuration, and small random float32 numbers for every tensor. */
final class RandomHead {

    private final String config;
    private final Map<String, int[]> tensors = new LinkedHashMap<>();
    private int wholeNumbers;

    /** @param config the text of its {@code config.json} */
    RandomHead(String config) {
        this.config = config;
    }

    /** Adds a vector of 64-bit zeros, before all other tensors. */
    RandomHead addZeros(String name, int length) {
        if (tensors.size() > wholeNumbers) {
            throw new IllegalStateException("zeros come first");
        }
        wholeNumbers++;
        return add(name, length);
    }

    RandomHead add(String name, int... shape) {
        tensors.put(name, shape);
        return this;
    }

    Path write(Path folder) throws IOException {
        Files.createDirectory(folder);
        Files.writeString(folder.resolve("config.json"), config);
        StringBuilder header = new StringBuilder("{");
        long offset = 0;
        long zeros = 0;
        int number = 0;
        for (Map.Entry<String, int[]> tensor : tensors.entrySet()) {
            boolean whole = number++ < wholeNumbers;
            long bytes = whole ? Long.BYTES : Float.BYTES;
            List<String> shape = new ArrayList<>();
            for (int dimension : tensor.getValue()) {
                bytes *= dimension;
                shape.add(Integer.toString(dimension));
            }
            header.append(header.length() > 1 ? "," : "").append('"').append(tensor.getKey()).append("\":{\"dtype\":\"")
                    .append(whole ? "I64" : "F32").append("\",\"shape\":[").append(String.join(",", shape))
                    .append("],\"data_offsets\":[").append(offset).append(',').append(offset += bytes).append("]}");
            zeros += whole ? bytes : 0;
        }
        byte[] json = header.append('}').toString().getBytes(StandardCharsets.UTF_8);
        ByteBuffer file = ByteBuffer.allocate(Math.toIntExact(8 + json.length + offset)).order(ByteOrder.LITTLE_ENDIAN)
                .putLong(json.length).put(json);
        file.position(file.position() + Math.toIntExact(zeros));
        Random random = new Random(1);
        while (file.hasRemaining()) {
            file.putFloat((float) random.nextGaussian() / 40);
        }
        Files.write(folder.resolve("model.safetensors"), file.array());
        return folder;
    }
}

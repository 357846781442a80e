package io.quarkiverse.eagle.graph.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/**
 * The safetensors format: the length of a JSON header in eight bytes, the header, then the data that it places by byte
 * offsets.
 */
public final class SafetensorsCheckpoint {

    private static final ObjectMapper STRICT = new ObjectMapper().enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION);
    private static final int LENGTH_BYTES = 8;
    private static final int LONGEST_HEADER = 100_000_000;
    private static final String METADATA = "__metadata__";

    private static final Map<String, BlockFormat> FORMATS = Map.of(
            "F32", FloatFormat.F32, "F16", FloatFormat.F16, "BF16", FloatFormat.BF16);
    private static final Map<String, Integer> OTHER_WIDTHS = Map.ofEntries(
            Map.entry("F64", 8), Map.entry("I64", 8), Map.entry("U64", 8), Map.entry("I32", 4), Map.entry("U32", 4),
            Map.entry("I16", 2), Map.entry("U16", 2), Map.entry("I8", 1), Map.entry("U8", 1), Map.entry("BOOL", 1),
            Map.entry("F8_E4M3", 1), Map.entry("F8_E5M2", 1));

    private record Range(String name, long begin, long end) {
    }

    private SafetensorsCheckpoint() {
    }

    /**
     * Opens a file, or all shards of a {@code model.safetensors.index.json}.
     *
     * @throws CheckpointException when a header is damaged, or places a tensor outside of the file, over another one, or in
     *         more or fewer bytes than its shape needs
     */
    public static Checkpoint open(Path path) {
        return new Shards(SafetensorsCheckpoint::read).open(path);
    }

    private static List<StoredTensor> read(WeightFile file) {
        if (file.size() < LENGTH_BYTES) {
            throw file.truncated("the length of the header", LENGTH_BYTES);
        }
        ByteBuffer length = ByteBuffer.allocate(LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        file.read(0, length, "the length of the header");
        long headerBytes = length.getLong(0);
        if (headerBytes < 2 || headerBytes > LONGEST_HEADER) {
            throw new CheckpointException(file + " is not a safetensors file: it announces a header of "
                    + Long.toUnsignedString(headerBytes) + " bytes");
        }
        long dataStart = LENGTH_BYTES + headerBytes;
        if (dataStart > file.size()) {
            throw file.truncated("the header", dataStart);
        }
        byte[] header = new byte[(int) headerBytes];
        file.read(LENGTH_BYTES, ByteBuffer.wrap(header), "the header");
        return place(file, parse(file, header), dataStart);
    }

    private static JsonNode parse(WeightFile file, byte[] header) {
        try {
            JsonNode root = STRICT.readTree(header);
            if (root.isObject()) {
                return root;
            }
        } catch (IOException e) {
            throw new CheckpointException(file + " is not a safetensors file: its header is not valid JSON", e);
        }
        throw new CheckpointException(file + " is not a safetensors file: its header is not a JSON object");
    }

    private static List<StoredTensor> place(WeightFile file, JsonNode header, long dataStart) {
        List<StoredTensor> tensors = new ArrayList<>();
        List<Range> ranges = new ArrayList<>();
        for (Iterator<Map.Entry<String, JsonNode>> it = header.fields(); it.hasNext();) {
            Map.Entry<String, JsonNode> entry = it.next();
            if (entry.getKey().equals(METADATA)) {
                continue;
            }
            TensorInfo info = info(file, entry.getKey(), entry.getValue());
            Range range = range(file, info, entry.getValue().path("data_offsets"));
            if (dataStart + range.end() > file.size()) {
                throw file.truncated("tensor " + info.name(), dataStart + range.end());
            }
            ranges.add(range);
            tensors.add(new StoredTensor(info, FORMATS.get(info.type()), file, dataStart + range.begin()));
        }
        refuseOverlaps(file, ranges);
        return tensors;
    }

    private static TensorInfo info(WeightFile file, String name, JsonNode description) {
        List<Long> shape = new ArrayList<>();
        for (JsonNode dimension : description.path("shape")) {
            if (!dimension.canConvertToLong() || dimension.asLong(-1) < 0) {
                throw new CheckpointException(file + ": tensor " + name + " has a dimension of " + dimension);
            }
            shape.add(dimension.asLong());
        }
        return new TensorInfo(name, description.path("dtype").asText("nothing"), shape);
    }

    private static Range range(WeightFile file, TensorInfo info, JsonNode offsets) {
        long begin = offsets.path(0).asLong(-1);
        long end = offsets.path(1).asLong(-1);
        if (begin < 0 || end < begin || end > Long.MAX_VALUE / 2) {
            throw new CheckpointException(file + ": tensor " + info.name() + " has the data_offsets " + offsets
                    + "; expected where it begins and ends");
        }
        BlockFormat format = FORMATS.get(info.type());
        Integer width = format != null ? Integer.valueOf(format.bytes()) : OTHER_WIDTHS.get(info.type());
        if (width != null && bytes(file, info, width) != end - begin) {
            throw new CheckpointException(file + ": tensor " + info.name() + " " + info.shapeText() + " of type "
                    + info.type() + " takes " + (end - begin) + " bytes; expected " + bytes(file, info, width)
                    + ": the file is damaged");
        }
        return new Range(info.name(), begin, end);
    }

    private static long bytes(WeightFile file, TensorInfo info, int width) {
        try {
            return Math.multiplyExact(info.elements(), (long) width);
        } catch (ArithmeticException e) {
            throw new CheckpointException(file + ": tensor " + info.name() + " has an impossible shape "
                    + info.shapeText(), e);
        }
    }

    private static void refuseOverlaps(WeightFile file, List<Range> ranges) {
        ranges.sort(Comparator.comparingLong(Range::begin).thenComparingLong(Range::end));
        for (int i = 1; i < ranges.size(); i++) {
            Range before = ranges.get(i - 1);
            Range range = ranges.get(i);
            if (range.begin() < before.end()) {
                throw new CheckpointException(file + ": tensors " + before.name() + " and " + range.name()
                        + " overlap: the file is damaged");
            }
        }
    }
}

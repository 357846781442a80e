package io.quarkiverse.eagle.graph.checkpoint;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A tensor's description.
 *
 * @param name Hugging Face name
 * @param type stored type, as the file calls it ({@code F16}, {@code Q4_1}, …)
 * @param shape row-major shape, outermost dimension first
 */
public record TensorInfo(String name, String type, List<Long> shape) {

    public TensorInfo {
        shape = List.copyOf(shape);
    }

    public long elements() {
        return shape.stream().reduce(1L, Math::multiplyExact);
    }

    public boolean hasShape(long... expected) {
        return shape.equals(Arrays.stream(expected).boxed().toList());
    }

    /** The shape as messages show it: {@code [576, 1152]}. */
    public String shapeText() {
        return shape.stream().map(String::valueOf).collect(Collectors.joining(", ", "[", "]"));
    }
}

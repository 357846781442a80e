package io.quarkiverse.eagle.graph.onnx;

/** A named value of a graph: an input, an initializer or a node's output. */
public record Value(String name) {
}

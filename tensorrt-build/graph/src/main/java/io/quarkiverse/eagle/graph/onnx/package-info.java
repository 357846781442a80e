/**
 * Writes ONNX graphs: nodes, initializers, and weights as external data, streamed.
 * Knows operators and element types, no model; the protocol classes are generated from {@code onnx_subset.proto}.
 */
package io.quarkiverse.eagle.graph.onnx;

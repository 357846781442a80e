/**
 * Decoders as ONNX graphs: target and draft head under the engine contract, and the bundle that holds them.
 * Reads like the models' papers; uses {@code onnx} to write and {@code checkpoint} to read.
 */
package io.quarkiverse.eagle.graph.model;

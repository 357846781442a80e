/**
 * The engine contract: one graph over a pool of KV slots, run step by step.
 * Knows shapes and buffers only; trees, sampling and scheduling live above it, ONNX Runtime and Triton below.
 */
package io.quarkiverse.eagle.engine;

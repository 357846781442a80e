/**
 * Readers of trained weights: safetensors, GGUF, PyTorch archives and EAGLE heads, behind one interface with Hugging Face
 * tensor names. Tensors are streamed, never held whole. Nothing here knows ONNX.
 */
package io.quarkiverse.eagle.graph.checkpoint;

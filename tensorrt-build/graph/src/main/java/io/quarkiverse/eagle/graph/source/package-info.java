/**
 * Finds models and draft heads by name: folders, files, packages of a Python index, repositories of the Hugging Face hub.
 * Downloads are resumed, checked and shared between processes through a cache folder. Opens what it found with the readers of
 * {@code graph.checkpoint}, and knows nothing of what becomes of it.
 */
package io.quarkiverse.eagle.graph.source;

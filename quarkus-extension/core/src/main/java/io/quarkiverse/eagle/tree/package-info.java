/**
 * Draft trees in EAGLE-2's words: expand, rerank, the mask of a verification step, and the walk that accepts.
 * Plain host code over primitive arrays, allocated once per sequence; may use {@code engine} and {@code sampling}.
 */
package io.quarkiverse.eagle.tree;

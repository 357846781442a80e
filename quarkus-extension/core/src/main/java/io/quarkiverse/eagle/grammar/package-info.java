/**
 * Which tokens keep an answer in its format: a JSON Schema becomes a pushdown automaton over bytes, and its states answer for
 * the tokens of a vocabulary. May use the public formats and {@code text}; knows no logits and no trees.
 */
package io.quarkiverse.eagle.grammar;

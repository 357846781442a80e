/**
 * Writes Hugging Face {@code tokenizer.json} files from vocabularies that come in another form. Works on plain arrays and knows
 * nothing of the files that they come from.
 */
package io.quarkiverse.eagle.graph.tokenizer;

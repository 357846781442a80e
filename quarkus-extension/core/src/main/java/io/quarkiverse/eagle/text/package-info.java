/**
 * Between text and tokens: tokenizer, incremental detokenizer, stop strings and chat templates.
 * May use the tokenizer and template libraries and the public types; knows no engine, no sampling and no scheduling.
 */
package io.quarkiverse.eagle.text;

/**
 * Real clients of the OpenAI API against the server that {@code eagle serve} starts.
 */
package io.quarkiverse.eagle.openai.clients;

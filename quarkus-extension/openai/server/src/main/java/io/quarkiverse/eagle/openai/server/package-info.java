/**
 * The application that {@code eagle serve} starts: nothing but the OpenAI API, and a line that says where it listens.
 */
package io.quarkiverse.eagle.openai.server;

/**
 * The OpenAI API over the application's models: requests read and checked, answers written whole or as server-sent events.
 * Uses the extension's runtime and the core's requests; works on Vert.x routes, and decodes nothing itself.
 */
package io.quarkiverse.eagle.openai;

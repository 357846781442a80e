/**
 * The OpenAI API at build time: its routes. Nothing of it is in the built application.
 */
package io.quarkiverse.eagle.openai.deployment;

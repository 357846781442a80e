/**
 * LangChain4j's chat models over {@link io.quarkiverse.eagle.EagleModel}: requests, answers and errors in LangChain4j's words.
 * Knows nothing of Quarkus' configuration; that lives in {@code runtime}.
 */
package io.quarkiverse.eagle.langchain4j;

/** The provider's configuration, {@code quarkus.langchain4j.eagle.*}. */
package io.quarkiverse.eagle.langchain4j.runtime.config;

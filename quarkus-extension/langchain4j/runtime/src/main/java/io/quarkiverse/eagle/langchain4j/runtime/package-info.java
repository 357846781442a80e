/**
 * The provider {@code eagle} of Quarkus LangChain4j at run time: its configuration, and the recorder that makes chat models of
 * it.
 */
package io.quarkiverse.eagle.langchain4j.runtime;

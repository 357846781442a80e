/**
 * The provider {@code eagle} of Quarkus LangChain4j at build time: offers itself, asks for the models that the selected chat
 * models need, and makes the beans.
 */
package io.quarkiverse.eagle.langchain4j.deployment;

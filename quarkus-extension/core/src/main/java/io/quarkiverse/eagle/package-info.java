/**
 * What an application sees: the model, its requests and their results.
 * May use {@code sampling} options and Mutiny types; nothing here knows how tokens come about.
 */
package io.quarkiverse.eagle;

package io.quarkiverse.eagle.triton.client;

/**
 * A model of the repository.
 *
 * @param state as {@code READY} or {@code UNAVAILABLE}; empty for a model that was never loaded
 * @param reason why it is in that state, may be empty
 */
public record ModelState(String name, String version, String state, String reason) {
}

/**
 * The engine host's Python files, for who writes a Triton model repository.
 * Depends on nothing.
 */
package io.quarkiverse.eagle.triton.host;

/**
 * The bundle that is there without set-up: which model, which head, where it is kept.
 * Uses {@code source} to find weights and {@code model} to build.
 */
package io.quarkiverse.eagle.graph;

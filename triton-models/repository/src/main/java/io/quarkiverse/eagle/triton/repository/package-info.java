/**
 * Writes Triton model repositories from engine bundles.
 * May use the core's bundle package and the engine host's files; knows no engines.
 */
package io.quarkiverse.eagle.triton.repository;

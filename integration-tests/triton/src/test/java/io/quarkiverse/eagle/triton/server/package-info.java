/**
 * A real Triton server for tests, installed and run without a container, and what a decoder does over it.
 */
package io.quarkiverse.eagle.triton.server;

/**
 * A small reactive client of Triton's gRPC protocol: connections with failover, inference over long-lived streams, raw tensors.
 * Knows nothing of EAGLE and nothing of this project; may use gRPC, protobuf and Mutiny.
 */
package io.quarkiverse.eagle.triton.client;

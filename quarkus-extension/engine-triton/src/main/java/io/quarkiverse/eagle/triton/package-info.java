/**
 * The engine contract over a Triton server that hosts the engine: leases of its pool's slots, steps over one stream, recovery.
 * May use the client below it and the core's engine and bundle packages; knows no trees and no tokens' meaning.
 */
package io.quarkiverse.eagle.triton;

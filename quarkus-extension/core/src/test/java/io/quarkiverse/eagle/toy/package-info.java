/**
 * A language small enough to know exactly, engines that speak it by the engine contract and refuse its misuse, and models over
 * them: what the tests of the decoder run on.
 */
package io.quarkiverse.eagle.toy;

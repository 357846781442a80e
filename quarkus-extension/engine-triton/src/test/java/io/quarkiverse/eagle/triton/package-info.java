/** The engine against a host by the letter of the protocol, written in Java over the toy engines. */
package io.quarkiverse.eagle.triton;

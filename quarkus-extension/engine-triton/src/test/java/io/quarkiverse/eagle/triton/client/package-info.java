/** The client against a server of the real protocol over a real socket, whose answers the tests choose. */
package io.quarkiverse.eagle.triton.client;

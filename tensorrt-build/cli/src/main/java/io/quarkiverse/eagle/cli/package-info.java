/**
 * The {@code eagle} command line: one class per command, the options that commands share, and the streams they talk through.
 * May use everything that is public below it; nothing uses it.
 */
package io.quarkiverse.eagle.cli;

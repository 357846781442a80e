/**
 * Workers of the comparison with other ways to run the same model: each answers requests of {@code compare.py} as lines of JSON
 * on standard input and output, as {@code peers/README.md} describes them.
 */
package io.quarkiverse.eagle.benchmark.peers;

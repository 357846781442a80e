/**
 * What the host does between two engine steps, measured with JMH: the draft tree, the step's rows, verification, sampling.
 * Uses the core's own classes over outputs that were made beforehand; no engine runs.
 */
package io.quarkiverse.eagle.benchmark;

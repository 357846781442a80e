/**
 * The six-task benchmark: prompts, interleaved runs of the drafters, and the report.
 * Uses the core's model API only, so that it measures what an application gets.
 */
package io.quarkiverse.eagle.cli.bench;

/**
 * What the models do, as Micrometer meters. Loaded only where the application has the Micrometer extension.
 */
package io.quarkiverse.eagle.runtime.metrics;

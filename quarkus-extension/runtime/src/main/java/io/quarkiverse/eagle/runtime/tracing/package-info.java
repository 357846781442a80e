/**
 * What the models do, as OpenTelemetry spans. Loaded only where the application has the OpenTelemetry extension.
 */
package io.quarkiverse.eagle.runtime.tracing;

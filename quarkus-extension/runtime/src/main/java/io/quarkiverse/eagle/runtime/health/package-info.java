/**
 * The readiness check. Loaded only where the application has the SmallRye Health extension.
 */
package io.quarkiverse.eagle.runtime.health;

/**
 * The extension at run time: configuration, the models it opens, and the qualifier that tells them apart.
 * Uses the core and the engines; what happens at build time lives in the deployment module, and front doors build on this.
 */
package io.quarkiverse.eagle.runtime;

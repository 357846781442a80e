/**
 * Dev Services for models with {@code engine=triton}: a Triton container, a Triton server on this machine, or engines in the
 * process. Uses the repository writer and the local server; nothing of the extension's runtime but configuration names.
 */
package io.quarkiverse.eagle.deployment.triton;

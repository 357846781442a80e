/**
 * The extension at build time: which models the application uses, the beans that stand for them, the health check, and the
 * default bundle of dev and test mode. May use the graph builder; nothing of it is in the built application.
 */
package io.quarkiverse.eagle.deployment;

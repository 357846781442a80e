/**
 * The engine bundle on disk: its manifest, and the checks before anything of it is used.
 * Depends on Jackson only; the graph builder writes what is read here.
 */
package io.quarkiverse.eagle.bundle;

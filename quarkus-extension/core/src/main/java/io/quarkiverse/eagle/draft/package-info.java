/**
 * Drafters: what proposes a tree for every sequence of a cycle, and how large a tree pays.
 * Uses engines and trees; the decode loop drives it and never looks inside.
 */
package io.quarkiverse.eagle.draft;

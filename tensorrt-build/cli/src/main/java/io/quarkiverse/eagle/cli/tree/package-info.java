/** Draft trees as people look at them: as text and as a drawing. Uses the core's cycles and trees. */
package io.quarkiverse.eagle.cli.tree;

/**
 * The decode loop: sequences over the slots of a pair of engines, cycle by cycle, and the streams that carry their tokens out.
 * Everything of the core meets here; nothing below knows of it.
 */
package io.quarkiverse.eagle.decode;

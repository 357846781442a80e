package io.quarkiverse.eagle.decode;

/**
 * Whether the sequences of a model take turns in two halves: while the target verifies one half, the other is drafted for. Only
 * where the target's steps run elsewhere, so that a draft can run beside them.
 */
public enum HalfBatching {
    /** While two steps of half the sequences cost less than one step of all and the drafting before it, as measured. */
    WHEN_FASTER,
    /** Whenever two sequences decode. */
    ALWAYS,
    NEVER
}

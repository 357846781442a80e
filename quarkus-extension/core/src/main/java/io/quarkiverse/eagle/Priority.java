package io.quarkiverse.eagle;

/**
 * Who goes first when requests wait for a slot. It decides nothing else: what runs, runs side by side, and the text does not
 * depend on it. A lower priority waits longer, and never for ever: while requests of all priorities wait, at least one of six
 * slots goes to a {@link #NORMAL} one and at least one of seventeen to a {@link #LOW} one.
 */
public enum Priority {
    /** Can wait: batches, evaluations. */
    LOW,
    /** What nobody said anything about. */
    NORMAL,
    /** Somebody looks at the screen. */
    HIGH
}

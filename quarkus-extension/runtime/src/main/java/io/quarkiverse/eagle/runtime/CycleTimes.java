package io.quarkiverse.eagle.runtime;

/**
 * Where the time of a generation's cycles went, in nanoseconds.
 *
 * @param cycles how many they were
 * @param draft steps of the draft head
 * @param verify the target's steps
 * @param host everything else
 */
public record CycleTimes(int cycles, long draft, long verify, long host) {

    /** Those of no cycle. */
    public static final CycleTimes NONE = new CycleTimes(0, 0, 0, 0);

    /** These and one more cycle. */
    public CycleTimes and(long moreDraft, long moreVerify, long moreHost) {
        return new CycleTimes(cycles + 1, draft + moreDraft, verify + moreVerify, host + moreHost);
    }
}

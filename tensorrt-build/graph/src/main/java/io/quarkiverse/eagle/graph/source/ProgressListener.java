package io.quarkiverse.eagle.graph.source;

/**
 * Hears of long work on files, one task at a time, from the thread that asked for it. A task that has to start over ends and
 * begins again.
 */
public interface ProgressListener {

    /** Hears nothing. */
    ProgressListener NONE = new ProgressListener() {

        @Override
        public void begin(String task, long totalOrMinusOne) {
        }

        @Override
        public void advance(long bytes) {
        }

        @Override
        public void end() {
        }
    };

    /**
     * A task begins.
     *
     * @param task what it is, for people: {@code download model.safetensors}
     * @param totalOrMinusOne bytes to go through, or -1 when that is not known
     */
    void begin(String task, long totalOrMinusOne);

    /**
     * A task begins whose steps are counted, not bytes.
     *
     * @param totalOrMinusOne steps, or -1 when that is not known
     */
    default void beginCount(String task, long totalOrMinusOne) {
        begin(task, totalOrMinusOne);
    }

    /** So many more bytes are done; the part of a resumed download that was there already comes first. */
    void advance(long bytes);

    /** The task is over, done or not. */
    void end();
}

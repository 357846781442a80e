package io.quarkiverse.eagle.runtime;

import java.util.Locale;

import org.jboss.logging.Logger;

import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;

/**
 * Writes a line to the log for every request that came to its end: who served it, how many tokens, how long, and why it ended.
 * Never a word of prompt or answer. Its category is {@value #CATEGORY}, its level DEBUG.
 */
final class GenerationLog implements RequestListener {

    static final String CATEGORY = "io.quarkiverse.eagle.generation";

    private static final Logger LOG = Logger.getLogger(CATEGORY);

    private final String model;

    /** @param model the name that the model is configured under */
    GenerationLog(String model) {
        this.model = model;
    }

    @Override
    public GenerationListener requested(String id, GenerationRequest request) {
        return LOG.isDebugEnabled() ? new Line(model, id, request.options().drafter()) : GenerationListener.NONE;
    }

    /** The line of one request while it is gathered: cycles on the decode loop's thread, tokens on others. */
    private static final class Line implements GenerationListener {

        private final String model;
        private final String id;
        private final String wantedDrafter;
        private final long requestedAt = System.nanoTime();
        private volatile CycleTimes times = CycleTimes.NONE;
        private volatile int tokens;

        Line(String model, String id, String wantedDrafter) {
            this.model = model;
            this.id = id;
            this.wantedDrafter = wantedDrafter;
        }

        @Override
        public void timed(long draft, long verify, long host) {
            times = times.and(draft, verify, host);
        }

        @Override
        public void token() {
            tokens++;
        }

        /** What it waited is not the model's time: in the queue, and in the end for its consumer to read. */
        @Override
        public void finished(GenerationResult result) {
            LOG.debugf("%s drafter=%s reason=%s prompt_tokens=%d cached_tokens=%d tokens=%d cycles=%d tau=%s waited_ms=%s"
                    + " first_token_ms=%s %s", start(), result.drafter(), result.finishReason().json(),
                    result.promptTokens(), result.cachedTokens(), result.completionTokens(), result.cycles(),
                    String.format(Locale.ROOT, "%.2f", result.tau()),
                    milliseconds(Math.max(0, sinceRequest() - result.duration().toNanos())),
                    milliseconds(result.timeToFirstToken().toNanos()), end());
        }

        @Override
        public void cancelled() {
            LOG.debugf("%s drafter=%s reason=cancelled tokens=%d cycles=%d %s", start(), drafter(), tokens, times.cycles(),
                    end());
        }

        @Override
        public void failed(Throwable reason) {
            LOG.debugf("%s drafter=%s reason=failed error=%s tokens=%d cycles=%d %s", start(), drafter(),
                    reason.getClass().getSimpleName(), tokens, times.cycles(), end());
        }

        private String start() {
            return "generation id=" + id + " model=" + model;
        }

        private String end() {
            CycleTimes spent = times;
            return "total_ms=" + milliseconds(sinceRequest()) + " draft_ms=" + milliseconds(spent.draft()) + " verify_ms="
                    + milliseconds(spent.verify()) + " host_ms=" + milliseconds(spent.host());
        }

        private String drafter() {
            return wantedDrafter == null ? "default" : wantedDrafter;
        }

        private long sinceRequest() {
            return System.nanoTime() - requestedAt;
        }

        private static String milliseconds(long nanos) {
            return String.format(Locale.ROOT, "%.1f", nanos / 1e6);
        }
    }
}

package io.quarkiverse.eagle.benchmark;

import java.util.concurrent.CompletableFuture;

import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.decode.SpeculativeModel;

/**
 * An answer, and when it came.
 *
 * @param queueSeconds from the request until a slot was free
 * @param firstSeconds from the request to the first token
 * @param seconds from the request to the last token
 */
record TimedAnswer(GenerationResult result, double queueSeconds, double firstSeconds, double seconds) {

    private static final double NANOS = 1e9;

    /** Asks now; the answer comes when it is there. */
    static CompletableFuture<TimedAnswer> ask(SpeculativeModel model, GenerationRequest request) {
        CompletableFuture<TimedAnswer> answer = new CompletableFuture<>();
        long asked = System.nanoTime();
        long[] first = new long[1];
        model.stream(request).subscribe().with(token -> {
            long now = System.nanoTime();
            first[0] = token.index() == 0 ? now : first[0];
            if (token.last()) {
                double firstSeconds = (first[0] - asked) / NANOS;
                double queued = firstSeconds - token.result().timeToFirstToken().toNanos() / NANOS;
                answer.complete(new TimedAnswer(token.result(), Math.max(0, queued), firstSeconds, (now - asked) / NANOS));
            }
        }, answer::completeExceptionally);
        return answer;
    }
}

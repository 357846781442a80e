package io.quarkiverse.eagle.cli;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Predicate;

import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.decode.CycleListener;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.smallrye.mutiny.subscription.Cancellable;

/** One generation under way: shows its text as it comes, and can be waited for or cancelled. */
final class RunningAnswer {

    private final CompletableFuture<GenerationResult> end = new CompletableFuture<>();
    private final StringBuffer text = new StringBuffer();
    private final Predicate<String> show;
    private final Cancellable generation;

    /** An answer that nobody watches. */
    RunningAnswer(SpeculativeModel model, GenerationRequest request) {
        this(model, request, null, piece -> true);
    }

    /** An answer whose draft-verify cycles are looked at, and nothing else. */
    RunningAnswer(SpeculativeModel model, GenerationRequest request, CycleListener cycles) {
        this(model, request, cycles, piece -> true);
    }

    /** @param show takes every piece of text, on the model's emission thread; false when it wants no more */
    RunningAnswer(SpeculativeModel model, GenerationRequest request, Predicate<String> show) {
        this(model, request, null, show);
    }

    private RunningAnswer(SpeculativeModel model, GenerationRequest request, CycleListener cycles, Predicate<String> show) {
        this.show = show;
        this.generation = model.stream(request, cycles)
                .select().first(token -> token.text().isEmpty() || take(token.text()))
                .collect().last()
                .map(last -> last == null ? null : last.result())
                .subscribe().with(end::complete, end::completeExceptionally);
    }

    private boolean take(String piece) {
        text.append(piece);
        return show.test(piece);
    }

    /** The text so far. */
    String text() {
        return text.toString();
    }

    /** Ends the generation; whoever waits gets null. */
    void cancel() {
        generation.cancel();
        end.complete(null);
    }

    /** Waits for the end. Null when the answer was not wanted to its end. */
    GenerationResult await() {
        try {
            return end.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException reason) {
                throw reason;
            }
            throw e;
        }
    }
}

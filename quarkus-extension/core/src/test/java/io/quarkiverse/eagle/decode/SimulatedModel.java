package io.quarkiverse.eagle.decode;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.concurrent.Flow;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.Priority;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.draft.CostCurve;
import io.quarkiverse.eagle.draft.Drafters;
import io.quarkiverse.eagle.draft.SpeculationEconomy;
import io.quarkiverse.eagle.draft.StepCosts;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.sampling.TokenSampler;
import io.quarkiverse.eagle.text.IncrementalDetokenizer;
import io.quarkiverse.eagle.text.StopMatcher;
import io.quarkiverse.eagle.text.Tokenizer;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.VirtualClock;
import io.quarkiverse.eagle.tree.TreeVerifier;

/**
 * A model whose engines are toys on a virtual clock, turned step by step in the caller's thread. Decode loop, sequences,
 * streams,
 * drafters and economy are the real ones. What others do while a step runs, or while the loop sleeps, is planned on the clock.
 */
public final class SimulatedModel implements AutoCloseable {

    private static final Tokenizer LETTERS = letters();

    private final VirtualClock clock;
    private final EnginePair engines;
    private final ToyLanguage language;
    private final ModelOptions options;
    private final SpeculationEconomy economy;
    private final Drafters drafters;
    private final DecodeLoop loop;
    /** Somebody called while the loop did not sleep; its next sleep ends at once. */
    private boolean called;

    /**
     * @param engines toys that take time on the clock
     * @param target what the economy believes of the target's costs
     * @param draft and of the draft's
     * @param prior measured acceptance of the draft, may be empty
     */
    public SimulatedModel(VirtualClock clock, ToyLanguage language, EnginePair engines, CostCurve target, CostCurve draft,
            List<BundleManifest.Acceptance> prior, ModelOptions options) {
        this.clock = clock;
        this.engines = engines;
        this.language = language;
        this.options = options;
        StepCosts costs = new StepCosts(target);
        this.economy = new SpeculationEconomy(costs, new StepCosts(draft), prior);
        this.drafters = new Drafters("simulation", engines.target().shape().slots(), costs, engines, economy, draft,
                List.of());
        List<Integer> endTokens = language.endToken() < 0 ? List.of() : List.of(language.endToken());
        this.loop = new DecodeLoop("simulation", engines.target(), TreeVerifier.EndTokens.of(endTokens), options, costs,
                economy.draft());
    }

    private static Tokenizer letters() {
        try (InputStream resource = SimulatedModel.class.getResourceAsStream("/tokenizers/letters.json")) {
            Path file = Files.createTempFile("letters", ".json");
            try {
                Files.copy(resource, file, StandardCopyOption.REPLACE_EXISTING);
                return Tokenizer.load(file);
            } finally {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Subscribes to the answer to a prompt, as {@link SpeculativeModel#stream} would; null when the queue is full. */
    Sequence subscribe(int[] prompt, GenerationOptions wanted, String tenant, CycleListener cycles,
            Flow.Subscriber<? super GeneratedToken> subscriber) {
        TokenStream stream = new TokenStream(subscriber, options.emission(), this::call);
        long seed = wanted.seed() == null ? 0 : wanted.seed();
        Sequence sequence = new Sequence(prompt, wanted, seed,
                wanted.drafter() == null ? drafters.standard() : drafters.named(wanted.drafter()),
                new TokenSampler(wanted, seed, language.vocabulary()), new IncrementalDetokenizer(LETTERS),
                new StopMatcher(wanted.stop()), null, stream, cycles, engines.target().shape(), clock::now, tenant,
                Priority.NORMAL);
        subscriber.onSubscribe(stream);
        OverloadedException refusal = loop.submit(sequence);
        if (refusal != null) {
            stream.fail(refusal);
            return null;
        }
        called = true;
        return sequence;
    }

    /** Subscribes to the answer to a prompt. */
    public void stream(int[] prompt, GenerationOptions wanted, CycleListener cycles,
            Flow.Subscriber<? super GeneratedToken> subscriber) {
        subscribe(prompt, wanted, null, cycles, subscriber);
    }

    private void call() {
        called = true;
        loop.wake();
    }

    /** The loop takes a turn; false when there was nothing to do, and it would sleep now. */
    public boolean turn() {
        return loop.advance();
    }

    /** The loop sleeps until somebody calls or it looks for deadlines; false when nobody ever will. */
    public boolean sleep() {
        long end = loop.isIdle() ? Long.MAX_VALUE : clock.now() + DecodeLoop.DEADLINE_CHECK_NANOS;
        while (!called) {
            if (!clock.happensBy(end)) {
                if (loop.isIdle()) {
                    return false;
                }
                clock.advance(end - clock.now());
                return true;
            }
        }
        called = false;
        return true;
    }

    public SpeculationEconomy economy() {
        return economy;
    }

    int slotsInUse() {
        return loop.slotsInUse();
    }

    /** Fails what runs and waits. */
    @Override
    public void close() {
        loop.stop();
        engines.close();
    }
}

package io.quarkiverse.eagle.runtime.metrics;

import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.decode.ReplayReason;
import io.quarkiverse.eagle.runtime.GenerationListener;
import io.quarkiverse.eagle.runtime.ServedModel;

/**
 * The meters of one model. Beside the model's configured name they have at most one label, of few values: how a request ended,
 * why it was refused or replayed, a part of a cycle, a depth. All are there from the start, so that a rate is 0 and not
 * missing.
 */
final class ModelMeters implements GenerationListener {

    /**
     * Tokens per cycle up to which cycles are counted: every length that a tree of the paper's depth can bring, and two more.
     */
    private static final double[] LENGTHS = { 1, 2, 3, 4, 5, 6, 7, 8, 12, 17 };

    /** Depths that are counted one by one; what is deeper counts as this deep. */
    private static final int DEEPEST = 16;

    private static final Duration[] QUEUE = seconds(0.001, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60);

    private static final Duration[] FIRST_TOKEN = seconds(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30);

    private static final Duration[] BETWEEN_TOKENS = seconds(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1);

    private final Map<FinishReason, Counter> finished = new EnumMap<>(FinishReason.class);
    private final Counter failed;
    private final Counter invalid;
    private final Map<OverloadedException.Reason, Counter> overloaded = new EnumMap<>(OverloadedException.Reason.class);
    private final Counter tokens;
    private final Counter promptTokens;
    private final Counter cachedTokens;
    private final Counter prefixHits;
    private final Map<ReplayReason, Counter> replays = new EnumMap<>(ReplayReason.class);
    private final Counter drafted;
    private final DistributionSummary cycleTokens;
    private final Counter draftTime;
    private final Counter verifyTime;
    private final Counter hostTime;
    /** Cycles by how deep their trees reached, and by how deep they were accepted. */
    private final AtomicLongArray reached = new AtomicLongArray(DEEPEST + 1);
    private final AtomicLongArray accepted = new AtomicLongArray(DEEPEST + 1);
    private final Timer queueTime;
    private final Timer firstToken;
    private final Timer betweenTokens;

    ModelMeters(String name, ServedModel model, MeterRegistry registry) {
        Tags tags = Tags.of("model", name);
        for (FinishReason reason : FinishReason.values()) {
            finished.put(reason, generations(tags, reason.json(), registry));
        }
        failed = generations(tags, "failed", registry);
        invalid = refused(tags, "invalid", registry);
        for (OverloadedException.Reason reason : OverloadedException.Reason.values()) {
            overloaded.put(reason, refused(tags, reason.json(), registry));
        }
        tokens = Counter.builder("eagle.tokens").tags(tags).description("Tokens handed to consumers").register(registry);
        promptTokens = Counter.builder("eagle.prompt.tokens").tags(tags)
                .description("Prompt tokens of generations that came to their end").register(registry);
        cachedTokens = Counter.builder("eagle.prompt.tokens.cached").tags(tags)
                .description("Of these, tokens that were not read again because a slot still held them").register(registry);
        prefixHits = Counter.builder("eagle.prefix.hits").tags(tags)
                .description("Generations that got a slot which still held the beginning of their prompt").register(registry);
        for (ReplayReason reason : ReplayReason.values()) {
            replays.put(reason, Counter.builder("eagle.replays").tags(tags).tag("reason", reason.json())
                    .description("Running generations whose tokens had to be read again").register(registry));
        }
        drafted = Counter.builder("eagle.drafted.tokens").tags(tags)
                .description("Tokens that drafts proposed and steps verified").register(registry);
        cycleTokens = DistributionSummary.builder("eagle.cycle.tokens").tags(tags).serviceLevelObjectives(LENGTHS)
                .description("Tokens that a draft-verify cycle brought; their mean is tau, their count the number of cycles")
                .register(registry);
        draftTime = cycleTime(tags, "draft", registry);
        verifyTime = cycleTime(tags, "verify", registry);
        hostTime = cycleTime(tags, "host", registry);
        for (int depth = 1; depth <= DEEPEST; depth++) {
            byDepth("eagle.depth.reached", "Cycles whose draft tree reached a depth", reached, depth, tags, registry);
            byDepth("eagle.depth.accepted", "Cycles whose draft tree was accepted down to a depth", accepted, depth, tags,
                    registry);
        }
        queueTime = Timer.builder("eagle.queue.time").tags(tags).serviceLevelObjectives(QUEUE)
                .description("From the request to its slot").register(registry);
        firstToken = Timer.builder("eagle.time.to.first.token").tags(tags).serviceLevelObjectives(FIRST_TOKEN)
                .description("From the request to its first token, time in the queue included").register(registry);
        betweenTokens = Timer.builder("eagle.inter.token.latency").tags(tags).serviceLevelObjectives(BETWEEN_TOKENS)
                .description("Mean time from token to token of a generation that came to its end").register(registry);
        Gauge.builder("eagle.queue", model, served -> served.model().queued()).tags(tags)
                .description("Requests that wait for a slot").register(registry);
        Gauge.builder("eagle.slots.used", model, served -> served.model().slotsInUse()).tags(tags)
                .description("Slots that generations hold").register(registry);
        Gauge.builder("eagle.slots", model, served -> served.model().slots()).tags(tags)
                .description("Generations that can run at once").register(registry);
        Gauge.builder("eagle.replaced.requests", model, ServedModel::replacedRequests).tags(tags)
                .description("Requests that still run or wait on the bundle that the last reload replaced").register(registry);
    }

    private static Counter generations(Tags tags, String outcome, MeterRegistry registry) {
        return Counter.builder("eagle.generations").tags(tags).tag("outcome", outcome)
                .description("Generations by how they ended").register(registry);
    }

    private static Counter refused(Tags tags, String reason, MeterRegistry registry) {
        return Counter.builder("eagle.refused").tags(tags).tag("reason", reason)
                .description("Requests that were refused before any work").register(registry);
    }

    private static Counter cycleTime(Tags tags, String part, MeterRegistry registry) {
        return Counter.builder("eagle.cycle.time").tags(tags).tag("part", part).baseUnit("seconds")
                .description("Time of draft-verify cycles: steps of the draft, the target's step, everything else")
                .register(registry);
    }

    /** Cycles that came this deep are those that stopped here or deeper; they are added up when somebody looks. */
    private static void byDepth(String name, String description, AtomicLongArray cycles, int depth, Tags tags,
            MeterRegistry registry) {
        FunctionCounter.builder(name, cycles, counts -> {
            long sum = 0;
            for (int deeper = depth; deeper <= DEEPEST; deeper++) {
                sum += counts.get(deeper);
            }
            return sum;
        }).tags(tags).tag("depth", Integer.toString(depth)).description(description).register(registry);
    }

    @Override
    public void admitted(long waited, int cached) {
        queueTime.record(waited, TimeUnit.NANOSECONDS);
        if (cached > 0) {
            prefixHits.increment();
        }
    }

    @Override
    public void replayed(ReplayReason reason) {
        replays.get(reason).increment();
    }

    @Override
    public void timed(long draft, long verify, long host) {
        draftTime.increment(draft / 1e9);
        verifyTime.increment(verify / 1e9);
        hostTime.increment(host / 1e9);
    }

    @Override
    public void cycle(int nodes, int depth, int brought) {
        drafted.increment(nodes);
        cycleTokens.record(brought);
        reached.incrementAndGet(Math.min(depth, DEEPEST));
        accepted.incrementAndGet(Math.min(brought - 1, DEEPEST));
    }

    @Override
    public void firstToken(Duration sinceRequest) {
        firstToken.record(sinceRequest);
    }

    @Override
    public void token() {
        tokens.increment();
    }

    @Override
    public void finished(GenerationResult result) {
        finished.get(result.finishReason()).increment();
        promptTokens.increment(result.promptTokens());
        cachedTokens.increment(result.cachedTokens());
        if (result.completionTokens() > 1) {
            betweenTokens.record(result.duration().minus(result.timeToFirstToken()).dividedBy(result.completionTokens() - 1));
        }
    }

    @Override
    public void cancelled() {
        finished.get(FinishReason.CANCELLED).increment();
    }

    @Override
    public void failed(Throwable reason) {
        if (reason instanceof InvalidRequestException) {
            invalid.increment();
        } else if (reason instanceof OverloadedException refusal) {
            overloaded.get(refusal.reason()).increment();
        } else {
            failed.increment();
        }
    }

    private static Duration[] seconds(double... values) {
        Duration[] durations = new Duration[values.length];
        for (int i = 0; i < values.length; i++) {
            durations[i] = Duration.ofNanos(Math.round(values[i] * 1e9));
        }
        return durations;
    }
}

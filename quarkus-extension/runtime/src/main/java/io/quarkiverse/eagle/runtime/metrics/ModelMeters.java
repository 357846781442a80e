package io.quarkiverse.eagle.runtime.metrics;

import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.runtime.GenerationListener;
import io.quarkiverse.eagle.runtime.ServedModel;

/**
 * The meters of one model. Their only label beside the model's configured name is the outcome of a request or the reason of a
 * refusal, one of few; all are there from the start, so that a rate is 0 and not missing.
 */
final class ModelMeters implements GenerationListener {

    /**
     * Tokens per cycle up to which cycles are counted: every length that a tree of the paper's depth can bring, and two more.
     */
    private static final double[] LENGTHS = { 1, 2, 3, 4, 5, 6, 7, 8, 12, 17 };

    private static final Duration[] FIRST_TOKEN = seconds(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30);

    private static final Duration[] BETWEEN_TOKENS = seconds(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1);

    private final Map<FinishReason, Counter> finished = new EnumMap<>(FinishReason.class);
    private final Counter failed;
    private final Counter invalid;
    private final Map<OverloadedException.Reason, Counter> overloaded = new EnumMap<>(OverloadedException.Reason.class);
    private final Counter tokens;
    private final Counter promptTokens;
    private final Counter cachedTokens;
    private final Counter drafted;
    private final DistributionSummary cycleTokens;
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
        drafted = Counter.builder("eagle.drafted.tokens").tags(tags)
                .description("Tokens that drafts proposed and steps verified").register(registry);
        cycleTokens = DistributionSummary.builder("eagle.cycle.tokens").tags(tags).serviceLevelObjectives(LENGTHS)
                .description("Tokens that a draft-verify cycle brought; their mean is tau, their count the number of cycles")
                .register(registry);
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

    @Override
    public void cycle(int nodes, int brought) {
        drafted.increment(nodes);
        cycleTokens.record(brought);
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

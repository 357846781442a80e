package io.quarkiverse.eagle.runtime.tracing;

import java.time.Duration;
import java.util.List;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.StatusCode;
import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.runtime.CycleTimes;
import io.quarkiverse.eagle.runtime.EagleConfig;
import io.quarkiverse.eagle.runtime.GenerationListener;

/**
 * The span of one request while it runs; ended with the request, however that ends. Its first cycles become events, so many as
 * the configuration allows; the attributes count all of them.
 */
final class GenerationSpan implements GenerationListener {

    private final Span span;
    private final String model;
    private final String wantedDrafter;
    private final EagleConfig.TracingConfig tracing;
    private volatile CycleTimes times = CycleTimes.NONE;
    private volatile int drafted;
    private volatile int tokens;

    /** @param wantedDrafter the drafter that the request names; null for none */
    GenerationSpan(Span span, String model, String wantedDrafter, EagleConfig.TracingConfig tracing) {
        this.span = span;
        this.model = model;
        this.wantedDrafter = wantedDrafter;
        this.tracing = tracing;
    }

    @Override
    public void timed(long draft, long verify, long host) {
        times = times.and(draft, verify, host);
    }

    @Override
    public void cycle(int nodes, int depth, int brought) {
        drafted += nodes;
        if (times.cycles() <= tracing.cycleEvents()) {
            span.addEvent(SpanAttributes.CYCLE, Attributes.of(SpanAttributes.CYCLE_NODES, (long) nodes,
                    SpanAttributes.CYCLE_TOKENS, (long) brought));
        }
    }

    @Override
    public void firstToken(Duration sinceRequest) {
        span.setAttribute(SpanAttributes.FIRST_TOKEN, sinceRequest.toNanos() / 1e9);
    }

    @Override
    public void token() {
        tokens++;
    }

    @Override
    public void finished(GenerationResult result) {
        span.setAttribute(SpanAttributes.RESPONSE_MODEL, model);
        span.setAttribute(SpanAttributes.DRAFTER, result.drafter());
        span.setAttribute(SpanAttributes.DRAWN_SEED, result.seed());
        span.setAttribute(SpanAttributes.INPUT_TOKENS, result.promptTokens());
        span.setAttribute(SpanAttributes.CACHED_TOKENS, result.cachedTokens());
        if (tracing.includeContent()) {
            span.setAttribute(SpanAttributes.OUTPUT_MESSAGES, Messages.output(result));
        }
        end(result.finishReason(), result.completionTokens(), result.tau());
    }

    @Override
    public void cancelled() {
        nameWantedDrafter();
        span.setAttribute(SpanAttributes.CANCELLED, true);
        int cycles = times.cycles();
        end(FinishReason.CANCELLED, tokens, cycles == 0 ? 0 : Math.max(0, tokens - 1) / (double) cycles);
    }

    @Override
    public void failed(Throwable reason) {
        nameWantedDrafter();
        span.setAttribute(SpanAttributes.ERROR_TYPE, reason.getClass().getName());
        span.setStatus(StatusCode.ERROR, reason.getMessage() == null ? "" : reason.getMessage());
        span.recordException(reason);
        span.setAttribute(SpanAttributes.OUTPUT_TOKENS, tokens);
        span.setAttribute(SpanAttributes.CYCLES, times.cycles());
        span.end();
    }

    private void nameWantedDrafter() {
        if (wantedDrafter != null) {
            span.setAttribute(SpanAttributes.DRAFTER, wantedDrafter);
        }
    }

    private void end(FinishReason reason, int outputTokens, double tau) {
        CycleTimes spent = times;
        span.setAttribute(SpanAttributes.FINISH_REASONS, List.of(reason.json()));
        span.setAttribute(SpanAttributes.OUTPUT_TOKENS, outputTokens);
        span.setAttribute(SpanAttributes.CYCLES, spent.cycles());
        span.setAttribute(SpanAttributes.TAU, tau);
        span.setAttribute(SpanAttributes.DRAFTED_TOKENS, drafted);
        span.setAttribute(SpanAttributes.DRAFT_TIME, spent.draft() / 1e9);
        span.setAttribute(SpanAttributes.VERIFY_TIME, spent.verify() / 1e9);
        span.setAttribute(SpanAttributes.HOST_TIME, spent.host() / 1e9);
        span.end();
    }
}

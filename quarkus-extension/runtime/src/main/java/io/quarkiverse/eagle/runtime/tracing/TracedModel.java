package io.quarkiverse.eagle.runtime.tracing;

import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.runtime.EagleConfig;
import io.quarkiverse.eagle.runtime.GenerationListener;
import io.quarkiverse.eagle.runtime.ModelConfig;
import io.quarkiverse.eagle.runtime.RequestListener;

/**
 * Begins a span for every request of a model, as a child of the span that is current where the consumer subscribes. Spans have
 * the names and attributes of OpenTelemetry's semantic conventions for generative AI.
 */
final class TracedModel implements RequestListener {

    private static final String PROVIDER = "eagle";

    private final String name;
    private final Supplier<String> bundle;
    private final ModelConfig config;
    private final EagleConfig.TracingConfig tracing;
    private final Tracer tracer;

    /**
     * @param name the name that the model is configured under
     * @param bundle tells the name of the bundle in service, which a reload may change
     */
    TracedModel(String name, Supplier<String> bundle, ModelConfig config, EagleConfig.TracingConfig tracing,
            Tracer tracer) {
        this.name = name;
        this.bundle = bundle;
        this.config = config;
        this.tracing = tracing;
        this.tracer = tracer;
    }

    @Override
    public GenerationListener requested(String id, GenerationRequest request) {
        String model = bundle.get();
        String operation = request.messages() == null ? "text_completion" : "chat";
        boolean inProcess = config.engine() == ModelConfig.EngineKind.ONNXRUNTIME;
        // What a sampler decides by has to be there from the start.
        SpanBuilder builder = tracer.spanBuilder(operation + " " + model).setParent(Context.current())
                .setSpanKind(inProcess ? SpanKind.INTERNAL : SpanKind.CLIENT)
                .setAttribute(SpanAttributes.OPERATION, operation)
                .setAttribute(SpanAttributes.PROVIDER, PROVIDER)
                .setAttribute(SpanAttributes.SYSTEM, PROVIDER)
                .setAttribute(SpanAttributes.REQUEST_MODEL, model)
                .setAttribute(SpanAttributes.MODEL, name);
        if (!inProcess) {
            onlyServer().ifPresent(server -> addServer(builder, server));
        }
        Span span = builder.startSpan();
        if (!span.isRecording()) {
            return GenerationListener.NONE;
        }
        span.setAttribute(SpanAttributes.RESPONSE_ID, id);
        describe(span, request.options());
        if (tracing.includeContent()) {
            Messages.input(request).ifPresent(messages -> span.setAttribute(SpanAttributes.INPUT_MESSAGES, messages));
        }
        return new GenerationSpan(span, model, request.options().drafter(), tracing);
    }

    /** Which of several servers serves a request is decided later, or step by step, so then there is none to name. */
    private Optional<String> onlyServer() {
        List<String> endpoints = config.triton().endpoints().orElse(List.of(ModelConfig.TritonConfig.STANDARD_ENDPOINT));
        return endpoints.size() == 1 && !config.triton().spread() ? Optional.of(endpoints.get(0)) : Optional.empty();
    }

    private static void addServer(SpanBuilder builder, String endpoint) {
        int colon = endpoint.lastIndexOf(':');
        builder.setAttribute(SpanAttributes.SERVER_ADDRESS, endpoint.substring(0, colon))
                .setAttribute(SpanAttributes.SERVER_PORT, Long.parseLong(endpoint.substring(colon + 1)));
    }

    /** What leaves the distribution as it is goes without saying. */
    private static void describe(Span span, GenerationOptions options) {
        span.setAttribute(SpanAttributes.TEMPERATURE, options.temperature());
        span.setAttribute(SpanAttributes.TOP_P, options.topP());
        span.setAttribute(SpanAttributes.MAX_TOKENS, options.maxTokens());
        if (options.topK() > 0) {
            span.setAttribute(SpanAttributes.TOP_K, (double) options.topK());
        }
        if (options.seed() != null) {
            span.setAttribute(SpanAttributes.SEED, options.seed());
        }
        if (options.presencePenalty() != 0) {
            span.setAttribute(SpanAttributes.PRESENCE_PENALTY, options.presencePenalty());
        }
        if (options.frequencyPenalty() != 0) {
            span.setAttribute(SpanAttributes.FREQUENCY_PENALTY, options.frequencyPenalty());
        }
        if (!options.stop().isEmpty()) {
            span.setAttribute(SpanAttributes.STOP, options.stop());
        }
    }
}

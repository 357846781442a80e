package io.quarkiverse.eagle.runtime.tracing;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import io.quarkiverse.eagle.ChatMessage;
import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.runtime.EagleConfig;
import io.quarkiverse.eagle.runtime.GenerationListener;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;

/** What depends on the configuration; the rest is tested in an application. */
class TracedModelTest {

    private static final GenerationResult RESULT = new GenerationResult("Paris.", new int[] { 5, 6 }, FinishReason.STOP,
            "eagle2", 12, 4, 1, Duration.ofMillis(30), Duration.ofMillis(10), 99, List.of());

    private String bundle = "toy";
    private final InMemorySpanExporter exporter = InMemorySpanExporter.create();
    private SdkTracerProvider provider = provider(Sampler.alwaysOn());

    private SdkTracerProvider provider(Sampler sampler) {
        return SdkTracerProvider.builder().setSampler(sampler).addSpanProcessor(SimpleSpanProcessor.create(exporter)).build();
    }

    @AfterEach
    void close() {
        provider.close();
    }

    @Test
    void promptAndAnswerAreLeftOutUnlessTheyAreAskedFor() throws Exception {
        GenerationRequest question = GenerationRequest.chat(List.of(ChatMessage.system("Be brief."),
                ChatMessage.user("The \"capital\" of France?")));
        assertThat(span(question, Map.of()).toString()).doesNotContain("capital", "brief", "Paris");
        SpanData span = span(question, Map.of("quarkus.eagle.tracing.include-content", "true"));
        JsonNode input = new ObjectMapper().readTree(span.getAttributes().get(SpanAttributes.INPUT_MESSAGES));
        assertThat(input.at("/0/role").asText()).isEqualTo("system");
        assertThat(input.at("/1/parts/0/type").asText()).isEqualTo("text");
        assertThat(input.at("/1/parts/0/content").asText()).isEqualTo("The \"capital\" of France?");
        JsonNode output = new ObjectMapper().readTree(span.getAttributes().get(SpanAttributes.OUTPUT_MESSAGES));
        assertThat(output.at("/0/role").asText()).isEqualTo("assistant");
        assertThat(output.at("/0/parts/0/content").asText()).isEqualTo("Paris.");
        assertThat(output.at("/0/finish_reason").asText()).isEqualTo("stop");
    }

    @Test
    void aSpanNamesTheServerWhereThereIsOne() {
        SpanData inProcess = span(GenerationRequest.raw("one"), Map.of());
        assertThat(inProcess.getKind()).isEqualTo(SpanKind.INTERNAL);
        assertThat(inProcess.getAttributes().get(SpanAttributes.SERVER_ADDRESS)).isNull();
        SpanData atTriton = span(GenerationRequest.raw("one"),
                Map.of("quarkus.eagle.engine", "triton", "quarkus.eagle.triton.endpoints", "gpu-1:9001"));
        assertThat(atTriton.getKind()).isEqualTo(SpanKind.CLIENT);
        assertThat(atTriton.getAttributes().get(SpanAttributes.SERVER_ADDRESS)).isEqualTo("gpu-1");
        assertThat(atTriton.getAttributes().get(SpanAttributes.SERVER_PORT)).isEqualTo(9001);
        SpanData atOneOfTwo = span(GenerationRequest.raw("one"),
                Map.of("quarkus.eagle.engine", "triton", "quarkus.eagle.triton.endpoints", "gpu-1:9001,gpu-2:9001"));
        assertThat(atOneOfTwo.getKind()).isEqualTo(SpanKind.CLIENT);
        assertThat(atOneOfTwo.getAttributes().get(SpanAttributes.SERVER_ADDRESS)).isNull();
    }

    @Test
    void optionsThatChangeTheDrawsAreAttributesAndOthersAreNot() {
        SpanData plain = span(GenerationRequest.raw("one"), Map.of());
        assertThat(plain.getAttributes().get(SpanAttributes.TEMPERATURE)).isZero();
        assertThat(plain.getAttributes().get(SpanAttributes.SEED)).isNull();
        assertThat(plain.getAttributes().get(SpanAttributes.TOP_K)).isNull();
        assertThat(plain.getAttributes().get(SpanAttributes.STOP)).isNull();
        assertThat(plain.getAttributes().get(SpanAttributes.DRAWN_SEED)).isEqualTo(99);
        SpanData sampled = span(GenerationRequest.raw("one").with(GenerationOptions.defaults().withTemperature(0.8).withTopK(40)
                .withSeed(7L).withPenalties(1, 0.5, 0.25).withStop(List.of("\n"))), Map.of());
        assertThat(sampled.getAttributes().get(SpanAttributes.TEMPERATURE)).isEqualTo(0.8);
        assertThat(sampled.getAttributes().get(SpanAttributes.TOP_K)).isEqualTo(40);
        assertThat(sampled.getAttributes().get(SpanAttributes.SEED)).isEqualTo(7);
        assertThat(sampled.getAttributes().get(SpanAttributes.PRESENCE_PENALTY)).isEqualTo(0.5);
        assertThat(sampled.getAttributes().get(SpanAttributes.FREQUENCY_PENALTY)).isEqualTo(0.25);
        assertThat(sampled.getAttributes().get(SpanAttributes.STOP)).containsExactly("\n");
    }

    @Test
    void aSpanNamesTheBundleThatIsInServiceWhenTheRequestIsMade() {
        GenerationListener earlier = listener(GenerationRequest.raw("one"), Map.of());
        bundle = "toy-2";
        SpanData later = span(GenerationRequest.raw("one"), Map.of());
        assertThat(later.getName()).isEqualTo("text_completion toy-2");
        assertThat(later.getAttributes().get(SpanAttributes.RESPONSE_MODEL)).isEqualTo("toy-2");
        exporter.reset();
        earlier.finished(RESULT);
        SpanData ofTheOldOne = exporter.getFinishedSpanItems().get(0);
        assertThat(ofTheOldOne.getAttributes().get(SpanAttributes.REQUEST_MODEL)).isEqualTo("toy");
        assertThat(ofTheOldOne.getAttributes().get(SpanAttributes.RESPONSE_MODEL)).isEqualTo("toy");
    }

    @Test
    void nothingIsListenedToForARequestThatIsNotSampled() {
        provider.close();
        provider = provider(Sampler.alwaysOff());
        assertThat(listener(GenerationRequest.raw("one"), Map.of())).isSameAs(GenerationListener.NONE);
    }

    private GenerationListener listener(GenerationRequest request, Map<String, String> properties) {
        EagleConfig config = config(properties);
        return new TracedModel(EagleConfig.DEFAULT_MODEL, () -> bundle, config.models().get(EagleConfig.DEFAULT_MODEL),
                config.tracing(), provider.get("test")).requested("id", request);
    }

    /** The span of a request that was answered. */
    private SpanData span(GenerationRequest request, Map<String, String> properties) {
        exporter.reset();
        listener(request, properties).finished(RESULT);
        return exporter.getFinishedSpanItems().get(0);
    }

    private static EagleConfig config(Map<String, String> properties) {
        return new SmallRyeConfigBuilder().addDiscoveredConverters().withMapping(EagleConfig.class)
                .withSources(new PropertiesConfigSource(properties, "test", 100)).build().getConfigMapping(EagleConfig.class);
    }
}

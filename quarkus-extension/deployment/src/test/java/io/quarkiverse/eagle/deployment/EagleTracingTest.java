package io.quarkiverse.eagle.deployment;

import static io.opentelemetry.api.common.AttributeKey.booleanKey;
import static io.opentelemetry.api.common.AttributeKey.doubleKey;
import static io.opentelemetry.api.common.AttributeKey.longKey;
import static io.opentelemetry.api.common.AttributeKey.stringArrayKey;
import static io.opentelemetry.api.common.AttributeKey.stringKey;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.hamcrest.Matchers.containsString;

import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

import jakarta.inject.Inject;

import org.awaitility.Awaitility;
import org.jboss.logmanager.ExtLogRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Scope;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.data.EventData;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkus.test.QuarkusUnitTest;
import io.restassured.RestAssured;
import io.smallrye.mutiny.helpers.test.AssertSubscriber;

/** What traces and the log tell of generations with the default bundle. */
class EagleTracingTest {

    private static final int CYCLE_EVENTS = 3;
    private static final String CATEGORY = "io.quarkiverse.eagle.generation";

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withApplicationRoot(jar -> jar.addClasses(AnswerRoute.class, SpansInMemory.class))
            .overrideConfigKey("quarkus.eagle.slots", "1")
            .overrideConfigKey("quarkus.eagle.threads", "2")
            .overrideConfigKey("quarkus.eagle.tracing.cycle-events", String.valueOf(CYCLE_EVENTS))
            .overrideConfigKey("quarkus.log.category.\"" + CATEGORY + "\".level", "DEBUG");

    private static final Lines LOG = new Lines();

    private static final Duration LONG = Duration.ofSeconds(60);

    @Inject
    EagleModel model;

    @Inject
    InMemorySpanExporter spans;

    @Inject
    Tracer tracer;

    @BeforeEach
    void forget() {
        spans.reset();
        LOG.lines.clear();
        Logger.getLogger(CATEGORY).addHandler(LOG);
    }

    @AfterEach
    void stopListening() {
        Logger.getLogger(CATEGORY).removeHandler(LOG);
    }

    @Test
    void aGenerationIsASpanOfWhatWasAskedAndWhatCame() {
        GenerationResult result = model.generate(GenerationRequest.chat("What is the capital of France?")
                .with(GenerationOptions.defaults().withMaxTokens(24).withTemperature(0.4).withTopP(0.9).withSeed(7L)))
                .await().atMost(LONG);
        SpanData span = generation();
        assertThat(span.getName()).isEqualTo("chat SmolLM2-135M-Instruct");
        assertThat(span.getKind()).isEqualTo(SpanKind.INTERNAL);
        assertThat(span.getStatus().getStatusCode()).isEqualTo(StatusCode.UNSET);
        assertThat(span.getAttributes().asMap())
                .containsEntry(stringKey("gen_ai.operation.name"), "chat")
                .containsEntry(stringKey("gen_ai.provider.name"), "eagle")
                .containsEntry(stringKey("gen_ai.system"), "eagle")
                .containsEntry(stringKey("gen_ai.request.model"), "SmolLM2-135M-Instruct")
                .containsEntry(doubleKey("gen_ai.request.temperature"), 0.4)
                .containsEntry(doubleKey("gen_ai.request.top_p"), 0.9)
                .containsEntry(longKey("gen_ai.request.max_tokens"), 24L)
                .containsEntry(longKey("gen_ai.request.seed"), 7L)
                .containsEntry(stringArrayKey("gen_ai.response.finish_reasons"), List.of(result.finishReason().json()))
                .containsEntry(longKey("gen_ai.usage.input_tokens"), (long) result.promptTokens())
                .containsEntry(longKey("gen_ai.usage.output_tokens"), (long) result.completionTokens())
                .containsEntry(stringKey("eagle.drafter"), "eagle2")
                .containsEntry(longKey("eagle.cycles"), (long) result.cycles())
                .containsEntry(doubleKey("eagle.tau"), result.tau());
        assertThat(span.getAttributes().get(doubleKey("eagle.time.verify"))).isPositive();
        assertThat(span.getAttributes().get(doubleKey("eagle.time_to_first_token"))).isPositive();
        assertThat(span.toString()).doesNotContain("capital", "Paris");
    }

    @Test
    void onlyTheFirstCyclesBecomeEventsAndAllAreCounted() {
        GenerationResult result = model.generate(GenerationRequest.raw("one, two, three, four, five,")
                .with(GenerationOptions.defaults().withMaxTokens(40))).await().atMost(LONG);
        SpanData span = generation();
        assertThat(span.getName()).isEqualTo("text_completion SmolLM2-135M-Instruct");
        assertThat(result.cycles()).isGreaterThan(CYCLE_EVENTS);
        assertThat(span.getEvents()).hasSize(CYCLE_EVENTS).extracting(EventData::getName).containsOnly("eagle.cycle");
        assertThat(span.getEvents()).allSatisfy(event -> {
            long tokens = event.getAttributes().get(longKey("eagle.cycle.tokens"));
            assertThat(event.getAttributes().get(longKey("eagle.cycle.nodes"))).isGreaterThanOrEqualTo(tokens - 1);
        });
        assertThat(span.getAttributes().get(longKey("eagle.cycles"))).isEqualTo(result.cycles());
    }

    @Test
    void theSpanIsAChildOfTheCallers() {
        Span caller = tracer.spanBuilder("caller").startSpan();
        try (Scope current = caller.makeCurrent()) {
            model.generate(GenerationRequest.raw("one").with(GenerationOptions.defaults().withMaxTokens(1))).await()
                    .atMost(LONG);
        } finally {
            caller.end();
        }
        assertThat(generation().getParentSpanId()).isEqualTo(caller.getSpanContext().getSpanId());
    }

    @Test
    void theSpanBelongsToTheTraceOfTheHttpRequest() {
        String trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        RestAssured.given().header("traceparent", "00-" + trace + "-00f067aa0ba902b7-01").get("/answer").then()
                .statusCode(200).body(containsString("Paris"));
        Awaitility.await().atMost(LONG).untilAsserted(() -> assertThat(ofTrace(trace)).extracting(SpanData::getKind)
                .containsExactlyInAnyOrder(SpanKind.SERVER, SpanKind.INTERNAL));
        String server = ofTrace(trace).stream().filter(span -> span.getKind() == SpanKind.SERVER).findFirst().orElseThrow()
                .getSpanId();
        assertThat(generation().getTraceId()).isEqualTo(trace);
        assertThat(generation().getParentSpanId()).isEqualTo(server);
    }

    private List<SpanData> ofTrace(String trace) {
        return spans.getFinishedSpanItems().stream().filter(span -> span.getTraceId().equals(trace)).toList();
    }

    @Test
    void aGenerationThatItsConsumerLeavesIsMarkedAndIsNoError() {
        AssertSubscriber<GeneratedToken> consumer = model.stream(GenerationRequest.raw("one, two, three, four, five,")
                .with(GenerationOptions.defaults().withMaxTokens(1500).withDrafter("none")))
                .subscribe().withSubscriber(AssertSubscriber.create(3));
        consumer.awaitItems(3, LONG);
        consumer.cancel();
        SpanData span = generation();
        assertThat(span.getStatus().getStatusCode()).isEqualTo(StatusCode.UNSET);
        assertThat(span.getAttributes().asMap()).containsEntry(booleanKey("eagle.cancelled"), true)
                .containsEntry(stringArrayKey("gen_ai.response.finish_reasons"), List.of("cancelled"))
                .containsEntry(longKey("gen_ai.usage.output_tokens"), 3L)
                .containsEntry(stringKey("eagle.drafter"), "none");
    }

    @Test
    void aRequestThatIsRefusedIsAnError() {
        assertThatThrownBy(() -> model.generate(GenerationRequest.chat(List.of())).await().atMost(LONG))
                .isInstanceOf(InvalidRequestException.class);
        SpanData span = generation();
        assertThat(span.getStatus().getStatusCode()).isEqualTo(StatusCode.ERROR);
        assertThat(span.getStatus().getDescription()).contains("the chat has no messages");
        assertThat(span.getAttributes().get(stringKey("error.type"))).isEqualTo(InvalidRequestException.class.getName());
        assertThat(span.getEvents()).singleElement().extracting(EventData::getName).isEqualTo("exception");
    }

    @Test
    void theLogHasALineOfEveryGenerationWithoutItsText() {
        GenerationResult result = model.generate(GenerationRequest.chat("What is the capital of France?")
                .with(GenerationOptions.defaults().withMaxTokens(24))).await().atMost(LONG);
        String id = generation().getAttributes().get(stringKey("gen_ai.response.id"));
        assertThat(lines(id)).singleElement().asString().contains("model=<default>", "drafter=eagle2", "reason=stop",
                "prompt_tokens=" + result.promptTokens(), "tokens=" + result.completionTokens(), "cycles=" + result.cycles(),
                "tau=" + String.format(Locale.ROOT, "%.2f", result.tau())).containsPattern("waited_ms=\\d+\\.\\d ")
                .containsPattern("first_token_ms=\\d+\\.\\d total_ms=\\d+\\.\\d draft_ms=\\d+\\.\\d verify_ms=[1-9]\\d*\\.\\d ")
                .doesNotContain("capital", "Paris");
    }

    @Test
    void theLogTellsOfRequestsThatWereRefusedAndCancelled() {
        assertThatThrownBy(() -> model.generate(GenerationRequest.chat(List.of())).await().atMost(LONG));
        assertThat(lines(generation().getAttributes().get(stringKey("gen_ai.response.id")))).singleElement().asString()
                .contains("reason=failed error=InvalidRequestException tokens=0");
        spans.reset();
        AssertSubscriber<GeneratedToken> consumer = model.stream(GenerationRequest.raw("one, two, three, four, five,")
                .with(GenerationOptions.defaults().withMaxTokens(1500)))
                .subscribe().withSubscriber(AssertSubscriber.create(2));
        consumer.awaitItems(2, LONG);
        consumer.cancel();
        assertThat(lines(generation().getAttributes().get(stringKey("gen_ai.response.id")))).singleElement().asString()
                .contains("reason=cancelled tokens=2");
    }

    private static List<String> lines(String id) {
        return LOG.lines.stream().filter(line -> line.contains("id=" + id + " ")).toList();
    }

    /** The span of the only generation. */
    private SpanData generation() {
        List<SpanData> generations = spans.getFinishedSpanItems().stream()
                .filter(span -> span.getAttributes().get(stringKey("gen_ai.operation.name")) != null).toList();
        assertThat(generations).hasSize(1);
        return generations.get(0);
    }

    /** Keeps the lines of the generations' log. */
    private static final class Lines extends Handler {

        private final List<String> lines = new CopyOnWriteArrayList<>();

        @Override
        public void publish(LogRecord record) {
            lines.add(record instanceof ExtLogRecord extended ? extended.getFormattedMessage() : record.getMessage());
        }

        @Override
        public void flush() {
            // Every line is there at once.
        }

        @Override
        public void close() {
            // Lines are memory only.
        }
    }
}

package io.quarkiverse.eagle.deployment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import jakarta.inject.Inject;

import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.search.Search;
import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkus.test.QuarkusUnitTest;
import io.restassured.RestAssured;
import io.restassured.path.json.JsonPath;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.helpers.test.AssertSubscriber;

/** One slot and one place in the queue, so that requests wait and are refused. */
class EagleMetricsTest {

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withEmptyApplication()
            .overrideConfigKey("quarkus.eagle.slots", "1")
            .overrideConfigKey("quarkus.eagle.queue-limit", "1")
            .overrideConfigKey("quarkus.eagle.threads", "2");

    private static final Duration LONG = Duration.ofSeconds(60);

    private static final Pattern METRIC = Pattern.compile("eagle_[a-z_]+");

    @Inject
    EagleModel model;

    @Inject
    MeterRegistry registry;

    @Test
    void aGenerationIsCountedAsItsResultSays() {
        double tokens = meter("eagle.tokens").counter().count();
        double prompt = meter("eagle.prompt.tokens").counter().count();
        double stopped = ended("stop");
        double sum = meter("eagle.cycle.tokens").summary().totalAmount();
        long cycles = meter("eagle.cycle.tokens").summary().count();
        long firsts = meter("eagle.time.to.first.token").timer().count();
        GenerationResult result = model.generate(GenerationRequest.chat("What is the capital of France?")
                .with(GenerationOptions.defaults().withMaxTokens(24))).await().atMost(LONG);
        assertThat(meter("eagle.tokens").counter().count() - tokens).isEqualTo(result.completionTokens());
        assertThat(meter("eagle.prompt.tokens").counter().count() - prompt).isEqualTo(result.promptTokens());
        assertThat(meter("eagle.cycle.tokens").summary().count() - cycles).isEqualTo(result.cycles());
        assertThat(meter("eagle.cycle.tokens").summary().totalAmount() - sum).isEqualTo(result.completionTokens() - 1);
        assertThat(meter("eagle.time.to.first.token").timer().count() - firsts).isEqualTo(1);
        assertThat(ended("stop") - stopped).isEqualTo(1);
        assertThat(meter("eagle.inter.token.latency").timer().count()).isPositive();
    }

    @Test
    void aCyclesTimeAndHowDeepItsTreeWentAreCounted() {
        double accepted = byDepth("eagle.depth.accepted");
        double first = depth("eagle.depth.reached", 1);
        double verify = cycleTime("verify");
        double host = cycleTime("host");
        GenerationResult result = model.generate(GenerationRequest.chat("Count from one to twenty.")
                .with(GenerationOptions.defaults().withMaxTokens(24).withDrafter("eagle2")
                        .withBudget(TreeBudget.PAPER)))
                .await().atMost(LONG);
        assertThat(byDepth("eagle.depth.accepted") - accepted)
                .isEqualTo(result.completionTokens() - 1 - result.cycles()).isPositive();
        assertThat(depth("eagle.depth.reached", 1) - first).isPositive().isLessThanOrEqualTo(result.cycles());
        for (int depth = 1; depth <= 16; depth++) {
            assertThat(depth("eagle.depth.accepted", depth)).isLessThanOrEqualTo(depth("eagle.depth.reached", depth));
        }
        double seconds = result.duration().toNanos() / 1e9;
        assertThat(cycleTime("draft")).isPositive();
        assertThat(cycleTime("verify") - verify).isPositive().isLessThan(seconds);
        assertThat(cycleTime("host") - host).isPositive().isLessThan(seconds);
    }

    @Test
    void aPromptThatASlotStillHoldsIsAHit() {
        GenerationRequest request = GenerationRequest.chat("What is the longest river of Africa, and where does it end?")
                .with(GenerationOptions.defaults().withMaxTokens(4));
        model.generate(request).await().atMost(LONG);
        double hits = meter("eagle.prefix.hits").counter().count();
        long admitted = meter("eagle.queue.time").timer().count();
        double cached = meter("eagle.prompt.tokens.cached").counter().count();
        GenerationResult result = model.generate(request).await().atMost(LONG);
        assertThat(meter("eagle.prefix.hits").counter().count() - hits).isEqualTo(1);
        assertThat(meter("eagle.queue.time").timer().count() - admitted).isEqualTo(1);
        assertThat(meter("eagle.prompt.tokens.cached").counter().count() - cached).isEqualTo(result.cachedTokens())
                .isPositive();
    }

    @Test
    void replaysAreThereBeforeTheFirst() {
        assertThat(meter("eagle.replays").tag("reason", "pool_lost").counter().count()).isZero();
        assertThat(meter("eagle.replays").tag("reason", "slot_lost").counter().count()).isZero();
    }

    @Test
    void slotsQueueAndRefusalsShowWhatTheModelIsBusyWith() {
        double full = refused("queue_full");
        double cancelled = ended("cancelled");
        AssertSubscriber<GeneratedToken> running = endless().subscribe().withSubscriber(AssertSubscriber.create(1));
        running.awaitItems(1, LONG);
        AssertSubscriber<GeneratedToken> waiting = endless().subscribe().withSubscriber(AssertSubscriber.create(0));
        assertThat(meter("eagle.slots").gauge().value()).isEqualTo(1);
        assertThat(meter("eagle.slots.used").gauge().value()).isEqualTo(1);
        assertThat(meter("eagle.queue").gauge().value()).isEqualTo(1);
        assertThatThrownBy(() -> endless().collect().last().await().atMost(LONG)).isInstanceOf(OverloadedException.class);
        assertThat(refused("queue_full") - full).isEqualTo(1);
        running.cancel();
        waiting.cancel();
        assertThat(ended("cancelled") - cancelled).isEqualTo(2);
        Awaitility.await().atMost(LONG).untilAsserted(() -> {
            assertThat(meter("eagle.slots.used").gauge().value()).isZero();
            assertThat(meter("eagle.queue").gauge().value()).isZero();
        });
    }

    @Test
    void aRequestThatCannotBeServedCountsAsInvalid() {
        double invalid = refused("invalid");
        assertThatThrownBy(() -> model.generate(GenerationRequest.chat(List.of())).await().atMost(LONG))
                .isInstanceOf(InvalidRequestException.class);
        assertThat(refused("invalid") - invalid).isEqualTo(1);
    }

    @Test
    void theDashboardShowsEveryMeterAndNoOther() throws IOException {
        Set<String> shown = new TreeSet<>();
        JsonPath dashboard = JsonPath.from(Files.readString(dashboard()));
        for (String query : dashboard.<String> getList("panels.targets.expr.flatten()")) {
            Matcher metric = METRIC.matcher(query);
            while (metric.find()) {
                shown.add(plain(metric.group()));
            }
        }
        Set<String> exposed = new TreeSet<>();
        RestAssured.get("/q/metrics").then().statusCode(200).extract().asString().lines().map(METRIC::matcher)
                .filter(Matcher::lookingAt).forEach(metric -> exposed.add(plain(metric.group())));
        assertThat(shown).isNotEmpty().isEqualTo(exposed);
    }

    /** A histogram's name without what tells its series apart. */
    private static String plain(String series) {
        return series.replaceFirst("_(bucket|sum|count|max)$", "");
    }

    private static Path dashboard() {
        Path folder = Path.of("").toAbsolutePath();
        while (!Files.isDirectory(folder.resolve("quarkus-extension"))) {
            folder = folder.getParent();
        }
        return folder.resolve("docs/grafana-dashboard.json");
    }

    private Multi<GeneratedToken> endless() {
        return model.stream(GenerationRequest.raw("one, two, three, four, five, six, seven, eight,")
                .with(GenerationOptions.defaults().withMaxTokens(1500)));
    }

    private double byDepth(String name) {
        return meter(name).functionCounters().stream().mapToDouble(FunctionCounter::count).sum();
    }

    private double depth(String name, int depth) {
        return meter(name).tag("depth", Integer.toString(depth)).functionCounter().count();
    }

    private double cycleTime(String part) {
        return meter("eagle.cycle.time").tag("part", part).counter().count();
    }

    private double ended(String outcome) {
        return meter("eagle.generations").tag("outcome", outcome).counter().count();
    }

    private double refused(String reason) {
        return meter("eagle.refused").tag("reason", reason).counter().count();
    }

    private Search meter(String name) {
        return registry.find(name).tag("model", "<default>");
    }
}

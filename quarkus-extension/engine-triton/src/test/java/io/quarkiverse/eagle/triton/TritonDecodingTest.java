package io.quarkiverse.eagle.triton;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.toy.Consumer;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;
import io.quarkiverse.eagle.triton.FakeHost.Fault;
import io.quarkiverse.eagle.triton.client.Backoff;
import io.quarkiverse.eagle.triton.client.TritonClientOptions;

/** A decoder over Triton engines says token for token what the language says, whatever happens to the server. */
@Timeout(120)
class TritonDecodingTest {

    private static final ToyLanguage ENDLESS = ToyLanguage.endless();
    private static final GenerationOptions EAGLE = GenerationOptions.defaults().withDrafter("eagle2")
            .withBudget(new TreeBudget(20, 6, 4)).withMaxTokens(60);
    private static final Backoff QUICK = new Backoff(Duration.ofMillis(5), Duration.ofMillis(50), 4, 0.5);

    private final List<FakeHost> hosts = new ArrayList<>();

    @AfterEach
    void closeHosts() {
        hosts.forEach(FakeHost::close);
    }

    private FakeHost host(BundleManifest bundle, EnginePair engines) {
        FakeHost host = new FakeHost(bundle, engines);
        hosts.add(host);
        return host;
    }

    private static TritonOptions options(String... endpoints) {
        return TritonOptions.of(TritonClientOptions.of(endpoints).withBackoff(QUICK));
    }

    private ToyModel.Builder toy(UnaryOperator<TritonOptions> change) {
        return ToyModel.of(ENDLESS).withoutLogits().behind((bundle, engines) -> TritonEngines.open(bundle,
                change.apply(options(host(bundle, engines).server().endpoint()))));
    }

    private FakeHost host() {
        return hosts.get(0);
    }

    @Test
    void everyAnswerIsWhatTheLanguageSays() {
        try (ToyModel toy = toy(same -> same).open()) {
            for (int length : new int[] { 1, 5, 70 }) {
                int[] prompt = ToyModel.prompt(length, length);
                for (GenerationOptions options : List.of(EAGLE, EAGLE.withDrafter("none"))) {
                    assertThat(toy.ids(prompt, options)).isEqualTo(ENDLESS.greedy(prompt, 60));
                    assertThat(toy.ids(prompt, options.withTemperature(1).withSeed(9L)))
                            .isEqualTo(ENDLESS.seeded(prompt, 60, 9));
                }
            }
            assertThat(host().draft().operations()).contains("step");
        }
    }

    @Test
    void drawsBeyondTheBestTokensFetchTheirRowsLogits() {
        try (ToyModel toy = toy(same -> same).targetTopK(2).open(); ToyModel plain = ToyModel.of(ENDLESS).open()) {
            int[] prompt = ToyModel.prompt(20, 3);
            GenerationOptions options = EAGLE.withTemperature(1.5).withSeed(4L).withPenalties(1.3, 0.2, 0.2);
            assertThat(toy.ids(prompt, options)).isEqualTo(plain.ids(prompt, options.withDrafter("none")));
            assertThat(host().target().operations()).contains("logits");
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void tensorsInSharedMemoryAreTheSame() {
        try (ToyModel toy = toy(options -> options.withSharedMemory(true)).slots(2).targetTopK(2).open()) {
            int[] prompt = ToyModel.prompt(70, 3);
            assertThat(toy.ids(prompt, EAGLE.withTemperature(1).withSeed(9L))).isEqualTo(ENDLESS.seeded(prompt, 60, 9));
            assertThat(host().regions()).isEqualTo(2);
            assertThat(host().server().requests()).filteredOn(request -> FakeHost.operation(request).equals("step"))
                    .isNotEmpty().allSatisfy(request -> assertThat(request.getRawInputContentsCount()).isZero());
        }
        assertThat(host().regions()).isZero();
    }

    @Test
    void twoApplicationsShareAServer() {
        AtomicReference<FakeHost> shared = new AtomicReference<>();
        try (ToyModel first = ToyModel.of(ENDLESS).withoutLogits().slots(2).poolSlots(5).behind((bundle, engines) -> {
            shared.set(host(bundle, engines));
            shared.get().target().hold("somebody", 1);
            return TritonEngines.open(bundle, options(shared.get().server().endpoint()));
        }).open();
                ToyModel second = ToyModel.of(ENDLESS).withoutLogits().slots(2).behind((bundle, engines) -> TritonEngines
                        .open(bundle, options(shared.get().server().endpoint()))).open()) {
            List<Consumer> answers = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                ToyModel toy = i % 2 == 0 ? first : second;
                answers.add(Consumer.eager().of(toy.model().stream(ToyModel.request(ToyModel.prompt(20 + i, i), EAGLE))));
            }
            for (int i = 0; i < 8; i++) {
                assertThat(answers.get(i).awaitAnswer()).isEqualTo(ENDLESS.greedy(ToyModel.prompt(20 + i, i), 60));
            }
            assertThat(shared.get().target().holders()).hasSize(3);
        }
        assertThat(shared.get().target().holders()).containsOnlyKeys("somebody");
        assertThat(shared.get().draft().holders()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(booleans = { true, false })
    void aPromptThatBeginsLikeARunningOneIsCopiedWhereTheHostCan(boolean hostCopies) {
        int[] system = ToyModel.prompt(150, 1);
        try (ToyModel toy = ToyModel.of(ENDLESS).withoutLogits().slots(2).poolSlots(3).maxLength(2000)
                .behind((bundle, engines) -> {
                    FakeHost host = host(bundle, engines);
                    host.target().hold("somebody", 1);
                    if (!hostCopies) {
                        host.withoutRowCopying();
                    }
                    return TritonEngines.open(bundle, options(host.server().endpoint()));
                }).open()) {
            Consumer running = new Consumer(10).of(toy.model().stream(ToyModel.request(system, EAGLE.withMaxTokens(900))));
            running.awaitTokens(10);
            int[] prompt = Arrays.copyOf(system, 155);
            GenerationResult joined = toy.model().generate(ToyModel.request(prompt, EAGLE)).await()
                    .atMost(Duration.ofSeconds(60));
            assertThat(joined.tokenIds()).isEqualTo(ENDLESS.greedy(prompt, 60));
            assertThat(joined.cachedTokens()).isBetween(hostCopies ? 149 : 0, hostCopies ? 154 : 0);
            assertThat(host().target().operations().contains("copy")).isEqualTo(hostCopies);
            assertThat(host().draft().operations().contains("copy")).isEqualTo(hostCopies);
            running.cancel();
        }
    }

    /** What can go wrong before a request is served. */
    private enum Mishap {
        RESTART {
            @Override
            Fault at(FakeHost.Model model) {
                model.restart();
                return null;
            }
        },
        EXPIRY {
            @Override
            Fault at(FakeHost.Model model) {
                model.expireLeases();
                return null;
            }
        },
        BROKEN_STREAM {
            @Override
            Fault at(FakeHost.Model model) {
                return Fault.broken();
            }
        },
        DEAD_PROCESS {
            @Override
            Fault at(FakeHost.Model model) {
                model.restart();
                return Fault.error("Failed to process the request(s): Stub process 'toy_0_0' is not healthy.");
            }
        },
        FAILED_STEP {
            @Override
            Fault at(FakeHost.Model model) {
                return Fault.error("EAGLE_STEP_FAILED the runtime ran out of memory");
            }
        };

        abstract Fault at(FakeHost.Model model);
    }

    @ParameterizedTest
    @ValueSource(longs = { 1, 2, 3, 4, 5, 6 })
    void everyAnswerIsTheSameWithMishapsAtRandom(long seed) {
        Random random = new Random(seed);
        AtomicInteger mishaps = new AtomicInteger();
        try (ToyModel toy = toy(same -> same).slots(3).targetTopK(2).open()) {
            host().faults((model, request) -> {
                synchronized (random) {
                    if (random.nextInt(60) != 0) {
                        return null;
                    }
                    mishaps.incrementAndGet();
                    return Mishap.values()[random.nextInt(Mishap.values().length)].at(model);
                }
            });
            List<Consumer> answers = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                GenerationOptions options = i % 2 == 0 ? EAGLE : EAGLE.withTemperature(1).withSeed(seed);
                answers.add(Consumer.eager()
                        .of(toy.model().stream(ToyModel.request(ToyModel.prompt(10 + 20 * i, seed + i), options))));
            }
            for (int i = 0; i < 6; i++) {
                int[] prompt = ToyModel.prompt(10 + 20 * i, seed + i);
                assertThat(answers.get(i).awaitAnswer())
                        .isEqualTo(i % 2 == 0 ? ENDLESS.greedy(prompt, 60) : ENDLESS.seeded(prompt, 60, seed));
            }
            assertThat(mishaps.get()).isPositive();
        }
    }

    @ParameterizedTest
    @ValueSource(longs = { 1, 2, 3, 4, 5, 6 })
    void copiedBeginningsSurviveMishapsAtRandom(long seed) {
        Random random = new Random(seed);
        int[] system = ToyModel.prompt(80, seed);
        try (ToyModel toy = toy(same -> same).slots(3).maxLength(600).open()) {
            host().faults((model, request) -> {
                synchronized (random) {
                    boolean strikes = random.nextInt(FakeHost.operation(request).equals("copy") ? 3 : 90) == 0;
                    return strikes ? Mishap.values()[random.nextInt(Mishap.values().length)].at(model) : null;
                }
            });
            List<Consumer> answers = new ArrayList<>();
            List<int[]> prompts = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                int[] prompt = Arrays.copyOf(system, 80 + i);
                prompts.add(prompt);
                answers.add(Consumer.eager().of(toy.model().stream(ToyModel.request(prompt, EAGLE))));
                if (i % 3 == 0) {
                    answers.get(i).awaitTokens(1);
                }
            }
            for (int i = 0; i < prompts.size(); i++) {
                assertThat(answers.get(i).awaitAnswer()).isEqualTo(ENDLESS.greedy(prompts.get(i), 60));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = { false, true })
    void aServerThatIsKilledAndStartedAgainCostsNoToken(boolean sharedMemory) {
        int[] prompt = ToyModel.prompt(30, 5);
        try (ToyModel toy = toy(options -> options.withSharedMemory(sharedMemory)).open()) {
            Consumer answer = new Consumer(20).of(toy.model().stream(ToyModel.request(prompt, EAGLE)));
            answer.awaitTokens(20);
            int port = host().server().port();
            host().kill();
            answer.request(Long.MAX_VALUE);
            host().start(port);
            assertThat(answer.awaitAnswer()).isEqualTo(ENDLESS.greedy(prompt, 60));
        }
    }

    @Test
    void aSecondServerTakesOverInTheMiddleOfAnAnswer() {
        int[] prompt = ToyModel.prompt(30, 6);
        ToyModel.Builder spare = ToyModel.of(ENDLESS).withoutLogits()
                .behind((bundle, engines) -> {
                    host(bundle, engines);
                    return engines;
                });
        try (ToyModel second = spare.open();
                ToyModel toy = ToyModel.of(ENDLESS).withoutLogits()
                        .behind((bundle, engines) -> TritonEngines.open(bundle,
                                options(host(bundle, engines).server().endpoint(),
                                        hosts.get(0).server().endpoint())))
                        .open()) {
            Consumer answer = new Consumer(20).of(toy.model().stream(ToyModel.request(prompt, EAGLE)));
            answer.awaitTokens(20);
            assertThat(hosts.get(0).target().operations()).isEmpty();
            hosts.get(1).kill();
            answer.request(Long.MAX_VALUE);
            assertThat(answer.awaitAnswer()).isEqualTo(ENDLESS.greedy(prompt, 60));
            assertThat(hosts.get(0).target().operations()).contains("step");
        }
    }

    @Test
    void aServerThatStaysAwayFailsItsAnswersWithTheReason() {
        try (ToyModel toy = toy(same -> same).recovery(Duration.ofMillis(200)).open()) {
            int[] prompt = ToyModel.prompt(30, 7);
            Consumer answer = new Consumer(5).of(toy.model().stream(ToyModel.request(prompt, EAGLE)));
            answer.awaitTokens(5);
            host().kill();
            answer.request(Long.MAX_VALUE);
            assertThat(answer.awaitFailure()).hasMessageContaining("cannot be reached");
        }
    }

    @Test
    void aStepThatTheHostRefusesFailsItsAnswersAndNoOthersAfterwards() {
        try (ToyModel toy = toy(same -> same).open()) {
            int[] prompt = ToyModel.prompt(30, 8);
            AtomicInteger refusals = new AtomicInteger(1);
            host().faults((model, request) -> FakeHost.operation(request).equals("step") && refusals.getAndDecrement() > 0
                    ? Fault.error("EAGLE_INVALID a token is not in the vocabulary")
                    : null);
            assertThatThrownBy(() -> toy.ids(prompt, EAGLE)).hasMessageContaining("a token is not in the vocabulary");
            assertThat(toy.ids(prompt, EAGLE)).isEqualTo(ENDLESS.greedy(prompt, 60));
            List<GeneratedToken> again = toy.answer(prompt, EAGLE);
            assertThat(again).hasSize(60);
        }
    }
}

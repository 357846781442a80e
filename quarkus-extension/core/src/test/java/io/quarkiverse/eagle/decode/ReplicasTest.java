package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.IntStream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import io.quarkiverse.eagle.Acceptance;
import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.engine.EnginesAwayException;
import io.quarkiverse.eagle.engine.PoolLostException;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.toy.Consumer;
import io.quarkiverse.eagle.toy.Gate;
import io.quarkiverse.eagle.toy.ToyDraft;
import io.quarkiverse.eagle.toy.ToyHeads;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;
import io.quarkiverse.eagle.toy.ToyTarget;

/** A model over several sets of engines: every answer is the one that a single set gives, whatever comes, goes or fails. */
@Timeout(60)
class ReplicasTest {

    private static final ToyLanguage ENDLESS = ToyLanguage.endless();
    private static final GenerationOptions OPTIONS = GenerationOptions.defaults().withMaxTokens(30);
    private static final Duration FOR_EVER = Duration.ofDays(365_000);
    private static final String FIRST = SpeculativeModel.FIRST_REPLICA;
    private static final int LENGTH = 70;

    /** The model, whose own engines are the replica {@link #FIRST}. */
    private final ToyModel toy = ToyModel.of(ENDLESS).slots(2).recovery(Duration.ofMillis(50)).open();
    private final SpeculativeModel model = toy.model();
    private final Map<String, ToyTarget> targets = new LinkedHashMap<>(Map.of(FIRST, toy.target()));

    @AfterEach
    void close() {
        toy.close();
        assertThat(targets.values()).allSatisfy(target -> {
            assertThat(target.isClosed()).isTrue();
            assertThat(target.misuse()).isNull();
        });
    }

    private static ToyTarget target() {
        return new ToyTarget(ENDLESS, 2, 320, 128, 6, true);
    }

    private static ToyDraft draft() {
        return new ToyDraft(ENDLESS, 2, 320, 128, 10, 0.8);
    }

    /** Holds a replica's steps. */
    private Gate gateOf(String name) {
        Gate gate = new Gate();
        targets.get(name).beforeEveryStep(gate);
        return gate;
    }

    private void add(String name) {
        ToyTarget target = target();
        ToyDraft draft = draft();
        targets.put(name, target);
        ToyTarget language = new ToyTarget(ENDLESS, 2, 320, 128, 6, true, 0.8);
        model.addReplica(name, () -> new EnginePair(target, draft, Map.of("speculative", language)));
    }

    private Consumer ask(int seed) {
        return Consumer.eager().of(model.stream(ToyModel.request(ToyModel.prompt(LENGTH, seed), OPTIONS)));
    }

    private void assertAnswers(int seed) {
        assertAnswer(ask(seed), seed);
    }

    private static void assertAnswer(Consumer answer, int seed) {
        assertThat(answer.awaitAnswer()).isEqualTo(ENDLESS.greedy(ToyModel.prompt(LENGTH, seed), 30));
    }

    /** Which replica's engine ran while a question was answered. */
    private String whereAnswered(int seed) {
        Map<String, Integer> before = new LinkedHashMap<>();
        targets.forEach((name, target) -> before.put(name, target.steps()));
        assertAnswers(seed);
        await().until(() -> model.slotsInUse() == 0);
        List<String> ran = targets.keySet().stream().filter(name -> targets.get(name).steps() > before.get(name)).toList();
        assertThat(ran).hasSize(1);
        return ran.get(0);
    }

    /** A question that goes to this replica as long as nobody is busy. */
    private int questionFor(String name) {
        int seed = 0;
        while (!whereAnswered(seed).equals(name)) {
            seed++;
        }
        return seed;
    }

    private ReplicaStatus status(String name) {
        return model.replicas().stream().filter(each -> each.name().equals(name)).findFirst().orElseThrow();
    }

    @Test
    void aQuestionGoesWhereItWentBeforeAndAllReplicasGetSome() {
        add("second");
        add("third");
        Map<String, Integer> asked = new LinkedHashMap<>();
        for (int seed = 0; seed < 24; seed++) {
            String where = whereAnswered(seed);
            assertThat(whereAnswered(seed)).isEqualTo(where);
            asked.merge(where, 1, Integer::sum);
        }
        assertThat(asked).containsOnlyKeys(FIRST, "second", "third");
        assertThat(model.slots()).isEqualTo(6);
    }

    @Test
    void manyQuestionsAtOnceSpreadEvenWhenTheyAreTheSame() {
        add("second");
        Gate first = gateOf(FIRST);
        Gate second = gateOf("second");
        List<Consumer> answers = IntStream.range(0, 10).mapToObj(i -> ask(1)).toList();
        first.awaitArrival();
        second.awaitArrival();
        first.open();
        second.open();
        answers.forEach(answer -> assertAnswer(answer, 1));
    }

    @Test
    void aDrainedReplicaAnswersWhatItHasAndGetsNothingNew() {
        add("second");
        int question = questionFor("second");
        Gate gate = new Gate();
        ToyTarget leaving = targets.get("second");
        leaving.beforeEveryStep(gate);
        Consumer running = ask(question);
        gate.awaitArrival();
        CompletableFuture<Void> left = model.drainReplica("second", FOR_EVER).toCompletableFuture();
        assertThat(status("second").state()).isEqualTo(ReplicaStatus.State.DRAINING);
        for (int seed = 0; seed < 8; seed++) {
            assertAnswers(seed);
        }
        assertThat(leaving.isClosed()).isFalse();
        assertThat(running.isOver()).isFalse();
        gate.open();
        left.join();
        assertAnswer(running, question);
        assertThat(leaving.isClosed()).isTrue();
        assertThat(model.replicas()).extracting(ReplicaStatus::name).containsExactly(FIRST);
        assertThat(whereAnswered(question)).isEqualTo(FIRST);
        assertThat(model.isClosing()).isFalse();
    }

    @Test
    void whatWaitsAtADrainedReplicaHasItsTurnThere() {
        add("second");
        Gate first = gateOf(FIRST);
        Gate second = gateOf("second");
        List<Consumer> answers = IntStream.range(0, 10).mapToObj(i -> ask(1)).toList();
        first.awaitArrival();
        second.awaitArrival();
        await().until(() -> status("second").queued() > 0);
        CompletableFuture<Void> left = model.drainReplica("second", FOR_EVER).toCompletableFuture();
        first.open();
        second.open();
        left.join();
        answers.forEach(answer -> assertAnswer(answer, 1));
    }

    @Test
    void afterTheLimitOfADrainWhatRunsAndWaitsThereGoesOnElsewhere() {
        add("second");
        Gate first = gateOf(FIRST);
        Gate second = new Gate();
        AtomicInteger steps = new AtomicInteger();
        targets.get("second").beforeEveryStep(request -> {
            if (steps.incrementAndGet() == 8) {
                second.accept(request);
            }
        });
        List<Consumer> answers = IntStream.range(0, 10).mapToObj(i -> ask(1)).toList();
        first.awaitArrival();
        second.awaitArrival();
        assertThat(status("second").queued()).isPositive();
        CompletableFuture<Void> left = model.drainReplica("second", Duration.ZERO).toCompletableFuture();
        second.open();
        left.join();
        assertThat(targets.get("second").isClosed()).isTrue();
        first.open();
        answers.forEach(answer -> assertAnswer(answer, 1));
    }

    @Test
    void whereNobodyElseServesTheLimitOfADrainCutsOff() {
        add("second");
        int question = questionFor("second");
        targets.get(FIRST).beforeEveryStep(ReplicasTest::away);
        int other = 0;
        while (status(FIRST).state() != ReplicaStatus.State.LOST) {
            assertAnswers(other++);
        }
        Gate gate = new Gate();
        targets.get("second").beforeEveryStep(gate);
        Consumer cut = new Consumer(1).of(model.stream(ToyModel.request(ToyModel.prompt(LENGTH, question),
                OPTIONS.withMaxTokens(240)))); // more than it has room for unasked
        gate.awaitArrival();
        CompletableFuture<Void> left = model.drainReplica("second", Duration.ZERO).toCompletableFuture();
        gate.open();
        left.join();
        cut.request(Long.MAX_VALUE);
        targets.get(FIRST).beforeEveryStep(request -> {
        });
        cut.awaitAnswer();
        assertThat(cut.lastToken().result().finishReason()).isEqualTo(FinishReason.SHUTDOWN);
        assertAnswers(question);
    }

    @Test
    void aReplicaThatIsLostGetsRequestsAgainWhenItIsBack() {
        add("second");
        int question = questionFor("second");
        targets.get("second").beforeEveryStep(ReplicasTest::away);
        assertAnswers(question);
        assertThat(status("second").state()).isEqualTo(ReplicaStatus.State.LOST);
        assertAnswers(question);
        targets.get("second").beforeEveryStep(request -> {
        });
        await().until(() -> {
            assertAnswers(question);
            return status("second").state() == ReplicaStatus.State.SERVING;
        });
        assertThat(whereAnswered(question)).as("who read it meanwhile").isEqualTo(FIRST);
        questionFor("second");
    }

    private static void away(StepRequest request) {
        throw PoolLostException.unreachable("the toy server is away", null);
    }

    @ParameterizedTest
    @CsvSource({ "eagle2,COUPLED", "none,COUPLED", "pld,COUPLED", "speculative,COUPLED", "speculative,REJECTION" })
    void whatRanAndWaitedOnAReplicaThatDiesGoesOnElsewhereAndNothingComesTwice(String drafter, Acceptance rule) {
        add("second");
        int question = questionFor("second");
        Gate first = gateOf(FIRST);
        Gate second = new Gate();
        AtomicInteger steps = new AtomicInteger();
        targets.get("second").beforeEveryStep(request -> {
            if (steps.incrementAndGet() == 12) {
                second.accept(request);
            }
            if (steps.get() >= 12) {
                away(request);
            }
        });
        GenerationOptions options = GenerationOptions.defaults().withMaxTokens(60).withDrafter(drafter)
                .withAcceptance(rule).withTemperature(1.2);
        List<Consumer> answers = new ArrayList<>();
        List<ToldReplays> told = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            told.add(new ToldReplays());
            answers.add(Consumer.eager().of(model.stream(
                    ToyModel.request(ToyModel.prompt(LENGTH, question), options.withSeed((long) i)), told.get(i))));
        }
        second.awaitArrival();
        assertThat(status("second").queued()).isPositive();
        await().until(() -> answers.stream().anyMatch(answer -> answer.received() > 0));
        second.open();
        await().until(() -> status("second").slotsInUse() + status("second").queued() == 0);
        first.open();
        List<int[]> ids = answers.stream().map(Consumer::awaitAnswer).toList();
        assertThat(told.stream().map(ToldReplays::reasons).toList()).contains(List.of(ReplayReason.POOL_LOST));
        for (int i = 0; i < ids.size(); i++) {
            assertThat(ids.get(i)).isEqualTo(toy.ids(ToyModel.prompt(LENGTH, question), options.withSeed((long) i)));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = { 1, 2, 3, 4 })
    void everyAnswerIsWhatItWouldBeWhicheverReplicasAreLostMeanwhile(long seed) {
        Random random = new Random(seed);
        List<int[]> prompts = new ArrayList<>();
        List<GenerationOptions> options = new ArrayList<>();
        List<int[]> undisturbed = new ArrayList<>();
        for (int i = 0; i < 18; i++) {
            prompts.add(ToyModel.prompt(1 + random.nextInt(120), random.nextInt(6)));
            GenerationOptions any = OPTIONS.withMaxTokens(60).withDrafter(i % 3 == 0 ? "none" : "eagle2");
            options.add(i % 2 == 0 ? any.withTemperature(1.5).withSeed(random.nextLong()) : any);
            undisturbed.add(toy.ids(prompts.get(i), options.get(i)));
        }
        AtomicInteger away = new AtomicInteger();
        try (ToyModel several = ToyModel.of(ENDLESS).slots(2).open()) {
            loseNowAndThen(several.target(), several.draft(), new Random(seed), away);
            for (String name : List.of("second", "third")) {
                ToyTarget target = target();
                ToyDraft draft = draft();
                targets.put(name, target);
                several.model().addReplica(name, () -> new EnginePair(target, draft));
                loseNowAndThen(target, draft, new Random(seed + name.length()), away);
            }
            List<Consumer> consumers = new ArrayList<>();
            for (int i = 0; i < prompts.size(); i++) {
                consumers.add(new Consumer(i % 4 == 1 ? 3 : Long.MAX_VALUE)
                        .of(several.model().stream(ToyModel.request(prompts.get(i), options.get(i)))));
            }
            for (int i = 0; i < prompts.size(); i++) {
                if (i % 4 == 1) {
                    consumers.get(i).awaitTokens(3);
                    consumers.get(i).request(Long.MAX_VALUE);
                }
                assertThat(consumers.get(i).awaitAnswer()).isEqualTo(undisturbed.get(i));
            }
            await().until(() -> several.model().slotsInUse() + several.model().queued() == 0);
        }
        assertThat(away).as("steps of lost engines").hasPositiveValue();
    }

    /** The engines forget everything now and then, and may stay away for some steps. */
    private static void loseNowAndThen(ToyTarget target, ToyDraft draft, Random random, AtomicInteger away) {
        AtomicInteger left = new AtomicInteger();
        java.util.function.Consumer<StepRequest> fault = request -> {
            if (left.get() > 0) {
                left.decrementAndGet();
                away.incrementAndGet();
                away(request);
            }
            if (random.nextInt(60) == 0) {
                target.forget();
                draft.forget();
                left.set(random.nextInt(5));
                throw new PoolLostException("the toy server restarted", null);
            }
        };
        target.beforeEveryStep(fault);
        draft.beforeEveryStep(fault);
    }

    @Test
    void aConsumerThatDoesNotAskKeepsItsAnswerWhereverItIs() {
        add("second");
        int question = questionFor("second");
        Consumer slow = new Consumer(1).of(model.stream(ToyModel.request(ToyModel.prompt(LENGTH, question),
                OPTIONS.withMaxTokens(200))));
        slow.awaitTokens(1);
        targets.get("second").beforeEveryStep(ReplicasTest::away);
        slow.request(100);
        await().until(() -> status("second").slotsInUse() == 0);
        slow.request(Long.MAX_VALUE);
        assertThat(slow.awaitAnswer()).isEqualTo(ENDLESS.greedy(ToyModel.prompt(LENGTH, question), 200));
    }

    @Test
    void whatIsRefusedCostsNothingAnywhere() {
        add("second");
        int question = questionFor("second");
        AtomicInteger tried = new AtomicInteger();
        targets.get("second").beforeEveryStep(request -> {
            tried.incrementAndGet();
            away(request);
        });
        assertAnswers(question);
        await().until(() -> status("second").slotsInUse() == 0);
        int before = tried.get();
        for (GenerationOptions wrong : List.of(OPTIONS.withDrafter("abacus"), OPTIONS.withAcceptance(Acceptance.REJECTION))) {
            assertThat(Consumer.eager().of(model.stream(ToyModel.request(ToyModel.prompt(LENGTH, question), wrong)))
                    .awaitFailure()).isInstanceOf(InvalidRequestException.class);
        }
        assertThat(Consumer.eager().of(model.stream(ToyModel.request(ToyModel.prompt(400, 1), OPTIONS))).awaitFailure())
                .isInstanceOf(InvalidRequestException.class);
        model.drainReplica("second", Duration.ofSeconds(20)).toCompletableFuture().join();
        assertThat(tried.get()).as("a request that is placed looks whether the lost replica is back").isEqualTo(before);
    }

    @Test
    void aConversationStaysWhereItsTokensAre() {
        add("second");
        add("third");
        int[] prompt = ToyModel.prompt(LENGTH, 5);
        List<Integer> cached = new ArrayList<>();
        for (int turn = 0; turn < 3; turn++) {
            Consumer answer = Consumer.eager()
                    .of(model.stream(ToyModel.request(prompt, OPTIONS.withMaxTokens(90).withDrafter("pld"))));
            int[] ids = answer.awaitAnswer();
            cached.add(answer.lastToken().result().cachedTokens());
            await().until(() -> model.slotsInUse() == 0);
            assertAnswers(100 + turn);
            int[] longer = Arrays.copyOf(prompt, prompt.length + ids.length + 5);
            System.arraycopy(ids, 0, longer, prompt.length, ids.length);
            prompt = longer;
        }
        assertThat(cached.get(0)).isZero();
        assertThat(cached.subList(1, 3)).as("prefix hits").allSatisfy(count -> assertThat(count).isGreaterThan(LENGTH));
    }

    @Test
    void aReplicaWhoseStepsAllFailLeavesAndIsOpenedAnew() {
        List<ToyTarget> opened = new ArrayList<>();
        AtomicBoolean mended = new AtomicBoolean(true);
        model.addReplica("second", () -> {
            if (!mended.get()) {
                throw new EnginesAwayException("the toy is broken", null);
            }
            ToyTarget target = target();
            opened.add(target);
            targets.put("second", target);
            return new EnginePair(target, draft());
        });
        int question = questionFor("second");
        ToyTarget broken = opened.get(0);
        mended.set(false);
        broken.beforeEveryStep(request -> {
            throw new EngineException("the toy breaks");
        });
        for (int i = 0; i < DecodeLoop.MOST_FAILURES; i++) {
            assertThat(ask(question).awaitFailure()).hasMessageContaining("the toy breaks");
        }
        await().until(() -> status("second").state() == ReplicaStatus.State.ABSENT);
        assertThat(broken.isClosed()).isTrue();
        assertAnswers(question);
        mended.set(true);
        await().until(() -> status("second").state() == ReplicaStatus.State.SERVING);
        assertThat(opened).hasSize(2);
        questionFor("second");
    }

    @Test
    void whatWaitsWhereAllStepsFailGoesOnElsewhere() {
        add("second");
        Gate first = gateOf(FIRST);
        Gate second = new Gate();
        targets.get("second").beforeEveryStep(request -> {
            second.accept(request);
            throw new EngineException("the toy breaks");
        });
        List<Consumer> answers = IntStream.range(0, 30).mapToObj(i -> ask(1)).toList();
        first.awaitArrival();
        second.awaitArrival();
        assertThat(status("second").queued()).isGreaterThan(2 * DecodeLoop.MOST_FAILURES);
        second.open();
        await().until(() -> status("second").state() == ReplicaStatus.State.ABSENT);
        first.open();
        answers.forEach(Consumer::awaitGone);
        assertThat(answers.stream().filter(answer -> answer.received() == 0)).as("those of failed steps")
                .hasSizeBetween(1, 2 * DecodeLoop.MOST_FAILURES);
        assertThat(answers).allSatisfy(answer -> assertThat(answer.ids()).satisfiesAnyOf(
                ids -> assertThat(ids).isEmpty(),
                ids -> assertThat(ids).isEqualTo(ENDLESS.greedy(ToyModel.prompt(LENGTH, 1), 30))));
    }

    @Test
    void aStepThatFailsNowAndThenIsNoReasonToLeave() {
        add("second");
        int question = questionFor("second");
        AtomicBoolean breaks = new AtomicBoolean();
        targets.get("second").beforeEveryStep(request -> {
            if (breaks.getAndSet(false)) {
                throw new EngineException("the toy breaks");
            }
        });
        for (int i = 0; i < 2 * DecodeLoop.MOST_FAILURES; i++) {
            breaks.set(true);
            assertThat(ask(question).awaitFailure()).hasMessageContaining("the toy breaks");
            assertAnswers(question);
        }
        assertThat(status("second").state()).isEqualTo(ReplicaStatus.State.SERVING);
    }

    @Test
    void theOnlyReplicaStaysHoweverOftenItFails() {
        toy.target().beforeEveryStep(request -> {
            throw new EngineException("the toy breaks");
        });
        for (int i = 0; i < 2 * DecodeLoop.MOST_FAILURES; i++) {
            assertThat(ask(i).awaitFailure()).hasMessageContaining("the toy breaks");
        }
        toy.target().beforeEveryStep(request -> {
        });
        assertAnswers(1);
    }

    @Test
    void whatIsAwayWhenTheModelOpensIsAddedWhenItAnswers() {
        AtomicBoolean there = new AtomicBoolean();
        ToyTarget late = target();
        ToyTarget early = target();
        Map<String, Supplier<EnginePair>> openers = new LinkedHashMap<>();
        openers.put("never", () -> {
            throw new EnginesAwayException("nobody there", null);
        });
        openers.put("late", () -> {
            if (!there.get()) {
                throw new EnginesAwayException("nobody there yet", null);
            }
            return new EnginePair(late, null);
        });
        openers.put("early", () -> new EnginePair(early, null));
        try (SpeculativeModel several = SpeculativeModel.open(model.bundle(), openers,
                new ModelOptions("none", null, 4, ForkJoinPool.commonPool()))) {
            assertThat(several.replicas()).extracting(ReplicaStatus::name, ReplicaStatus::state).containsExactly(
                    tuple("early", ReplicaStatus.State.SERVING), tuple("never", ReplicaStatus.State.ABSENT),
                    tuple("late", ReplicaStatus.State.ABSENT));
            assertThat(several.slots()).isEqualTo(2);
            several.drainReplica("never", Duration.ZERO).toCompletableFuture().join();
            there.set(true);
            await().untilAsserted(() -> assertThat(several.replicas()).extracting(ReplicaStatus::name, ReplicaStatus::state)
                    .containsExactly(tuple("early", ReplicaStatus.State.SERVING), tuple("late", ReplicaStatus.State.SERVING)));
            several.drainReplica("early", FOR_EVER).toCompletableFuture().join();
            assertThat(several.generate(ToyModel.request(ToyModel.prompt(5, 1), OPTIONS)).await().indefinitely().tokenIds())
                    .isEqualTo(ENDLESS.greedy(ToyModel.prompt(5, 1), 30));
        }
        assertThat(late.isClosed()).isTrue();
    }

    @Test
    void aModelDoesNotOpenWhenAllAreAwayOrOneIsWrong() {
        ToyTarget good = target();
        Map<String, Supplier<EnginePair>> openers = new LinkedHashMap<>();
        openers.put("away", () -> {
            throw new EnginesAwayException("nobody there", null);
        });
        ModelOptions options = new ModelOptions("none", null, 4, ForkJoinPool.commonPool());
        assertThatThrownBy(() -> SpeculativeModel.open(model.bundle(), openers, options))
                .isInstanceOf(EnginesAwayException.class).hasMessage("nobody there");
        openers.put("good", () -> new EnginePair(good, null));
        openers.put("wrong", () -> {
            throw new EngineException("another bundle");
        });
        assertThatThrownBy(() -> SpeculativeModel.open(model.bundle(), openers, options)).isInstanceOf(EngineException.class)
                .hasMessage("another bundle");
        assertThat(good.isClosed()).isTrue();
    }

    @Test
    void whateverIsClosedTwiceIsClosedOnce() {
        AtomicInteger closed = new AtomicInteger();
        ToyTarget target = target();
        model.addReplica("second", () -> new EnginePair(target, null, Map.of("medusa", countingClose(closed))));
        model.drainReplica("second", Duration.ZERO).toCompletableFuture().join();
        model.drain(Duration.ZERO);
        model.close(Duration.ofSeconds(5));
        model.close();
        assertThat(closed).hasValue(1);
        Replica alone = new Replica("alone", null, model.manifest(),
                new EnginePair(target(), null, Map.of("medusa", countingClose(closed))),
                new ModelOptions("none", null, 4, ForkJoinPool.commonPool()));
        alone.start(DecodeLoop.Neighbourhood.NONE);
        alone.loop().drain(Duration.ZERO);
        assertThat(alone.awaitEnd(Duration.ofSeconds(5))).isTrue();
        assertThat(alone.awaitEnd(Duration.ofSeconds(5))).isTrue();
        assertThat(alone.stop()).isTrue();
        assertThat(closed).hasValue(2);
    }

    private static Engine countingClose(AtomicInteger closed) {
        Engine heads = new ToyHeads(ENDLESS, false, 2, 10, 0.8);
        return (Engine) Proxy.newProxyInstance(Engine.class.getClassLoader(), new Class<?>[] { Engine.class },
                (proxy, method, arguments) -> {
                    if (method.getName().equals("close")) {
                        closed.incrementAndGet();
                    }
                    return method.invoke(heads, arguments);
                });
    }

    @Test
    void aStepThatFailsHurtsOnlyItsOwnReplica() {
        add("second");
        int question = questionFor("second");
        int other = questionFor(FIRST);
        Gate gate = new Gate();
        targets.get(FIRST).beforeEveryStep(gate);
        Consumer neighbour = ask(other);
        gate.awaitArrival();
        targets.get("second").beforeEveryStep(request -> {
            throw new EngineException("the toy breaks");
        });
        assertThat(ask(question).awaitFailure()).hasMessageContaining("the toy breaks");
        gate.open();
        assertAnswer(neighbour, other);
    }

    @Test
    void namesAreTakenOnceAndTheLastReplicaStays() {
        assertThatThrownBy(() -> add(FIRST)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("has a replica first already");
        targets.put(FIRST, toy.target());
        assertThatThrownBy(() -> model.drainReplica("nobody", FOR_EVER)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("no replica nobody", "[first]");
        assertThatThrownBy(() -> model.drainReplica(FIRST, FOR_EVER)).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("the last replica");
        assertAnswers(1);
    }

    @Test
    void enginesThatDoNotOpenLeaveTheModelAsItIs() {
        assertThatThrownBy(() -> model.addReplica("second", () -> {
            throw new EngineException("another bundle");
        })).isInstanceOf(EngineException.class).hasMessage("another bundle");
        assertThat(model.replicas()).extracting(ReplicaStatus::name).containsExactly(FIRST);
        assertAnswers(1);
    }

    @Test
    void closingClosesAllEvenThoseThatWereToldToLeaveLater() {
        add("second");
        Gate gate = new Gate();
        int question = questionFor("second");
        targets.get("second").beforeEveryStep(gate);
        Consumer running = ask(question);
        gate.awaitArrival();
        CompletableFuture<Void> left = model.drainReplica("second", FOR_EVER).toCompletableFuture();
        await().until(() -> targets.get("second").steps() > 0);
        gate.open();
        model.close(Duration.ofSeconds(20));
        left.join();
        assertAnswer(running, question);
        assertThat(model.isClosing()).isTrue();
        assertThatThrownBy(() -> add("third")).isInstanceOf(IllegalStateException.class).hasMessageContaining("is closing");
        targets.remove("third");
    }
}

package io.quarkiverse.eagle.decode;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Supplier;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.draft.CostCurve;
import io.quarkiverse.eagle.draft.Drafters;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.engine.PoolLostException;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.toy.AgreeingDraft;
import io.quarkiverse.eagle.toy.StepTime;
import io.quarkiverse.eagle.toy.ToyEngine;
import io.quarkiverse.eagle.toy.ToyHeads;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyTarget;
import io.quarkiverse.eagle.toy.VirtualClock;

/**
 * One random life of a model, all of it decided by a seed: sizes, costs, requests and their consumers, faults. Runs it and
 * fails
 * where the scheduler breaks a promise; the toy engines themselves refuse steps that break the engine contract.
 */
final class ScheduleRun {

    private static final long MILLI = 1_000_000;
    /** A run that takes more turns hangs, or starves somebody. */
    private static final int MOST_TURNS = 40_000;
    private static final int DRAFT_ROWS = 128;
    /** Who was verified in a round's first half may be in the second one of the next. */
    private static final int MOST_LEFT_OUT = 2;

    private final SplittableRandom random;
    private final VirtualClock clock = new VirtualClock();
    private final ToyLanguage language;
    /** Most lives are short, so that there can be many; the others are long enough for what takes its time. */
    private final boolean brief;
    private final int slots;
    private final int maxLength;
    private final int queueLimit;
    private final Duration queueTimeout;
    private final Duration recovery;
    private final ToyTarget target;
    private final AgreeingDraft draft;
    private final List<ToyEngine> pools = new ArrayList<>();
    private final List<String> drafters;
    private final SimulatedModel model;
    private final List<ScheduledConsumer> consumers = new ArrayList<>();
    private final List<int[]> prompts = new ArrayList<>();
    private final Faults faults;
    private int turns;
    private int tokens;

    /** What goes wrong, and how often at most. */
    private final class Faults {
        private final int lossEvery = chance(3) ? between(20, 200) : 0;
        private final int errorEvery = chance(6) ? between(40, 400) : 0;
        private final int stallEvery = chance(4) ? between(10, 60) : 0;
        private int left = between(1, 6);
        private long awayUntil;
        /** A step failed with an error, which ends who took part. */
        private boolean mayFail;

        void beforeStep(ToyEngine engine, StepRequest request) {
            if (clock.now() < awayUntil) {
                throw PoolLostException.unreachable("the simulated engine is away", null);
            }
            if (hits(stallEvery)) {
                clock.advance(between(20, 400) * MILLI);
            }
            if (hits(errorEvery)) {
                mayFail = true;
                engine.spoil(request);
                throw new EngineException("the simulated step failed");
            }
            beforeFetch();
        }

        void beforeFetch() {
            if (hits(lossEvery)) {
                forget();
                if (chance(3)) {
                    awayUntil = clock.now() + between(1, 3000) * MILLI;
                }
                throw new PoolLostException("the simulated engine lost its pool", null);
            }
        }

        private boolean hits(int every) {
            if (every == 0 || left == 0 || random.nextInt(every) != 0) {
                return false;
            }
            left--;
            return true;
        }

        private void forget() {
            pools.forEach(ToyEngine::forget);
        }

        /** Whether what went wrong may have ended a generation. */
        boolean explains(Throwable failure) {
            return failure instanceof PoolLostException ? lossEvery > 0 : failure instanceof EngineException && mayFail;
        }
    }

    ScheduleRun(long seed) {
        this.random = new SplittableRandom(seed);
        this.language = chance(2) ? ToyLanguage.endless() : ToyLanguage.ending();
        this.brief = !chance(5);
        this.slots = between(1, brief ? 3 : 5);
        this.maxLength = brief ? between(24, 60) : between(60, 300);
        this.queueLimit = chance(4) ? between(1, 4) : 64;
        this.queueTimeout = chance(5) ? Duration.ofMillis(between(1, 800)) : null;
        this.recovery = chance(4) ? Duration.ofMillis(between(0, 500)) : Duration.ofSeconds(30);
        this.faults = new Faults();
        int targetRows = List.of(16, 32, 64, 128).get(random.nextInt(brief ? 2 : 4));
        int draftTopK = between(4, 10);
        this.target = new ToyTarget(language, slots, maxLength, targetRows, between(1, 6), chance(2));
        double agreement = random.nextDouble();
        this.draft = new AgreeingDraft(language, slots, maxLength, draftTopK > 6 ? DRAFT_ROWS : DRAFT_ROWS / 2, draftTopK,
                agreement, 0.8 * agreement);
        pools.add(target);
        pools.add(draft);
        StepTime targetTime = time(between(1, 20) * MILLI, between(0, 1500) * 1000L);
        StepTime draftTime = time(between(50, 2000) * 1000L, between(0, 100) * 1000L);
        target.takesTime(clock, targetTime);
        draft.takesTime(clock, draftTime);
        HalfBatching halfBatching = HalfBatching.WHEN_FASTER;
        if (chance(3)) {
            target.runsBesideOthers();
            halfBatching = chance(2) ? HalfBatching.ALWAYS : HalfBatching.WHEN_FASTER;
        }
        Map<String, Engine> further = chance(4) ? further(draftTopK, targetTime, draftTime) : Map.of();
        this.drafters = Drafters.NAMES.stream().filter(name -> !List.of("medusa", "hydra", "speculative").contains(name)
                || further.containsKey(name)).toList();
        pools.forEach(engine -> engine.beforeEveryStep(request -> faults.beforeStep(engine, request)));
        target.beforeEveryFetch(faults::beforeFetch);
        this.model = new SimulatedModel(clock, language, new EnginePair(target, draft, further), believed(between(1, 20)),
                believed(between(1, 3)), List.of(),
                new ModelOptions(null, chance(6) ? anyBudget() : null, queueLimit, this::emit).withRecovery(recovery)
                        .withQueueTimeout(queueTimeout).withPrefixReuse(!chance(5)).withHalfBatching(halfBatching));
    }

    private Map<String, Engine> further(int topK, StepTime targetTime, StepTime draftTime) {
        Map<String, Engine> engines = new HashMap<>();
        ToyHeads medusa = new ToyHeads(language, false, slots, topK, 0.8);
        ToyHeads hydra = new ToyHeads(language, true, slots * topK, topK, 0.8);
        ToyTarget other = new ToyTarget(language, slots, maxLength, DRAFT_ROWS, 6, chance(2), 0.8);
        medusa.takesTime(clock, draftTime);
        hydra.takesTime(clock, draftTime);
        other.takesTime(clock, targetTime);
        pools.add(other);
        engines.put("medusa", medusa);
        engines.put("hydra", hydra);
        engines.put("speculative", other);
        return engines;
    }

    private static StepTime time(long step, long row) {
        return request -> step + row * request.batch() * request.rows();
    }

    /** What a busy machine may have measured: seldom what steps cost. */
    private CostCurve believed(int milliseconds) {
        int[] rows = { 2, 8, 64 };
        double[] seconds = new double[rows.length];
        double step = milliseconds / 1e3;
        for (int i = 0; i < rows.length; i++) {
            seconds[i] = step;
            step *= 1 + random.nextDouble();
        }
        return new CostCurve(rows, seconds, 64, chance(2) ? 0 : 1e-3);
    }

    /** Subscribers run at once or a little later, as other threads would. */
    private void emit(Runnable task) {
        if (chance(2)) {
            task.run();
        } else {
            clock.after(between(0, 4000) * 1000L, task);
        }
    }

    private boolean chance(int oneIn) {
        return random.nextInt(oneIn) == 0;
    }

    private int between(int least, int most) {
        return random.nextInt(least, most + 1);
    }

    private TreeBudget anyBudget() {
        if (brief && !chance(8)) {
            return new TreeBudget(between(1, 12), between(1, 4), between(1, 4));
        }
        return chance(6) ? TreeBudget.PAPER : new TreeBudget(between(1, 60), between(1, 10), between(1, 8));
    }

    private GenerationOptions anyOptions() {
        GenerationOptions options = GenerationOptions.defaults()
                .withMaxTokens(brief ? between(1, 16) : chance(5) ? between(100, 200) : between(1, 40))
                .withDrafter(chance(2) ? "eagle2" : drafters.get(random.nextInt(drafters.size())))
                .withBudget(chance(2) ? null : anyBudget());
        if (chance(2)) {
            options = options.withTemperature(1).withSeed(random.nextLong());
        }
        if (chance(6)) {
            options = options.withLogprobs(between(1, 3));
        }
        return chance(8) ? options.withDeadline(Duration.ofMillis(between(1, 2000))) : options;
    }

    private int[] anyPrompt() {
        int length = chance(4) ? between(1, maxLength - 1) : between(1, brief ? 8 : 20);
        int[] fresh = random.ints(length, 0, 11).toArray();
        if (prompts.isEmpty() || !chance(3)) {
            return fresh;
        }
        int[] before = prompts.get(random.nextInt(prompts.size()));
        int[] answer = language.greedy(before, between(0, 40));
        int[] chat = Arrays.copyOf(before, before.length + answer.length);
        System.arraycopy(answer, 0, chat, before.length, answer.length);
        int[] all = Arrays.copyOf(chat, chat.length + length);
        System.arraycopy(fresh, 0, all, chat.length, length);
        return Arrays.copyOf(all, Math.min(all.length, maxLength - 1));
    }

    private void plan() {
        int count = between(1, brief ? 5 : 10);
        long at = 0;
        for (int i = 0; i < count; i++) {
            at += chance(2) ? 0 : between(0, 300) * MILLI;
            int[] prompt = anyPrompt();
            prompts.add(prompt);
            String tenant = chance(3) ? "tenant " + between(1, 2) : null;
            ScheduledConsumer consumer = new ScheduledConsumer(i, prompt, tenant, anyOptions(), expectation());
            consumers.add(consumer);
            clock.after(at, () -> consumer.watch(model.subscribe(prompt, consumer.options(), tenant, null, consumer)));
            consumer.plan(clock, at, random);
        }
    }

    private ScheduledConsumer.Expectation expectation() {
        return (prompt, options) -> {
            int most = (int) Math.min(options.maxTokens(), (long) maxLength - prompt.length);
            return options.greedy() ? language.greedy(prompt, most) : language.seeded(prompt, most, options.seed());
        };
    }

    /** Runs until everybody is served. */
    void run() {
        plan();
        boolean awake = true;
        while (awake || clock.isPlanned()) {
            require(turns++ < MOST_TURNS, () -> "not done after " + MOST_TURNS + " turns: " + unfinished());
            List<ScheduledConsumer> present = consumers.stream().filter(ScheduledConsumer::isPresent).toList();
            boolean alone = present.stream().anyMatch(consumer -> consumer.sequence().replays() > 1);
            present.forEach(ScheduledConsumer::beforeTurn);
            boolean worked = model.turn();
            require(model.slotsInUse() <= present.size(), () -> model.slotsInUse() + " slots are in use, and "
                    + present.size() + " generations may have one");
            consumers.forEach(ScheduledConsumer::check);
            present.forEach(ScheduledConsumer::checkDeadline);
            if (worked && !alone) {
                present.forEach(consumer -> consumer.afterTurn(target.runsElsewhere() ? MOST_LEFT_OUT : 0));
            }
            checkEngines();
            if (!worked) {
                awake = model.sleep();
                require(awake || consumers.stream().noneMatch(ScheduledConsumer::isPresent),
                        () -> "the loop sleeps for ever beside " + unfinished());
            }
        }
        finish();
    }

    private void finish() {
        model.close();
        while (clock.isPlanned()) {
            clock.advance(MILLI);
        }
        checkEngines();
        for (ScheduledConsumer consumer : consumers) {
            tokens += consumer.received();
            consumer.checkEnd(queueLimit < consumers.size(), queueTimeout != null, faults::explains, consumers);
        }
    }

    private void checkEngines() {
        for (ToyEngine engine : pools) {
            if (engine.misuse() != null) {
                throw engine.misuse();
            }
        }
    }

    private String unfinished() {
        return consumers.stream().filter(ScheduledConsumer::isPresent).map(ScheduledConsumer::toString).toList().toString();
    }

    static void require(boolean holds, Supplier<String> broken) {
        if (!holds) {
            throw new AssertionError(broken.get());
        }
    }

    /** Tokens that consumers received. */
    int tokens() {
        return tokens;
    }

    int turns() {
        return turns;
    }
}

package io.quarkiverse.eagle.benchmark;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Flow;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.decode.ModelOptions;
import io.quarkiverse.eagle.decode.SimulatedModel;
import io.quarkiverse.eagle.draft.CostMeasurement;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.toy.AgreeingDraft;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyTarget;
import io.quarkiverse.eagle.toy.VirtualClock;

/**
 * A model under load: so many streams, each of which asks again as soon as it has its answer. Decode loop, drafters and economy
 * are the real ones; the engines are toys that take the time of a machine.
 */
final class LoadSimulation {

    private static final int MAX_LENGTH = 512;
    private static final int MAX_ROWS = 64;
    private static final int TARGET_TOP_K = 4;
    private static final int DRAFT_TOP_K = 10;
    private static final int SHORTEST_PROMPT = 32;
    private static final int LONGEST_PROMPT = 64;
    private static final int SHORTEST_ANSWER = 128;
    private static final int LONGEST_ANSWER = 384;
    private static final double PER_SECOND = 1e9;
    private static final double PER_MILLISECOND = 1e6;

    /** A way to decode. */
    enum Way {
        PLAIN("plain", "none", null),
        FIXED("eagle2, 60 nodes", "eagle2", TreeBudget.PAPER),
        ADAPTIVE("eagle2, adaptive", "eagle2", null);

        private final String title;
        private final GenerationOptions options;

        Way(String title, String drafter, TreeBudget budget) {
            this.title = title;
            this.options = GenerationOptions.defaults().withDrafter(drafter).withBudget(budget);
        }

        String title() {
            return title;
        }
    }

    /** Milliseconds. */
    record Percentiles(double p50, double p95, double p99) {
        static Percentiles of(long[] nanos, int count) {
            long[] sorted = Arrays.copyOf(nanos, count);
            Arrays.sort(sorted);
            return new Percentiles(at(sorted, 0.5), at(sorted, 0.95), at(sorted, 0.99));
        }

        private static double at(long[] sorted, double share) {
            return sorted.length == 0 ? 0 : sorted[(int) Math.ceil(share * sorted.length) - 1] / PER_MILLISECOND;
        }
    }

    /**
     * What was counted after every stream had its first answer.
     *
     * @param tokensPerSecond of all streams
     * @param tau tokens per cycle and stream, the first token of every answer left out
     * @param nodes mean nodes that a cycle verified for a stream
     * @param firstToken from the request on
     * @param between from a cycle's tokens to the next cycle's, of one stream
     */
    record Point(String machine, String way, int streams, double tokensPerSecond, double tau, double nodes,
            Percentiles firstToken, Percentiles between) {
    }

    private final VirtualClock clock = new VirtualClock();
    private final SplittableRandom random = new SplittableRandom(20240624);
    private final SimulatedMachine machine;
    private final Way way;
    private final int streams;
    private final SimulatedModel model;
    private final Times firsts = new Times();
    private final Times gaps = new Times();
    private int settled;
    private boolean counting;
    /** What runs is no longer of interest. */
    private boolean over;
    private long countedFrom;
    private long tokens;
    private long cycles;
    private long cycleTokens;
    private long nodes;

    /** Nanoseconds, as many as come. */
    private static final class Times {
        private long[] nanos = new long[1024];
        private int count;

        void add(long time) {
            if (count == nanos.length) {
                nanos = Arrays.copyOf(nanos, 2 * count);
            }
            nanos[count++] = time;
        }

        Percentiles percentiles() {
            return Percentiles.of(nanos, count);
        }
    }

    private LoadSimulation(SimulatedMachine machine, Way way, int streams) {
        this.machine = machine;
        this.way = way;
        this.streams = streams;
        ToyLanguage language = ToyLanguage.endless();
        int slots = streams;
        ToyTarget target = new ToyTarget(language, slots, MAX_LENGTH, MAX_ROWS, TARGET_TOP_K, false);
        AgreeingDraft draft = new AgreeingDraft(language, slots, MAX_LENGTH, MAX_ROWS, DRAFT_TOP_K, machine.agreement());
        target.takesTime(clock, machine.target());
        draft.takesTime(clock, machine.draft());
        this.model = new SimulatedModel(clock, language, new EnginePair(target, draft),
                CostMeasurement.measure(target, MAX_ROWS), CostMeasurement.measure(draft, DRAFT_TOP_K), List.of(),
                new ModelOptions(null, null, Math.max(1, streams), Runnable::run).withPrefixReuse(false));
    }

    /** @param wanted tokens to count, of all streams */
    static Point run(SimulatedMachine machine, Way way, int streams, int wanted) {
        LoadSimulation simulation = new LoadSimulation(machine, way, streams);
        try (SimulatedModel model = simulation.model) {
            for (int i = 0; i < streams; i++) {
                simulation.new Stream().ask();
            }
            while (simulation.tokens < wanted) {
                if (!model.turn()) {
                    model.sleep();
                }
            }
            simulation.over = true;
            return simulation.point();
        }
    }

    private Point point() {
        return new Point(machine.name(), way.title(), streams, tokens * PER_SECOND / (clock.now() - countedFrom),
                cycles == 0 ? 0 : cycleTokens / (double) cycles, cycles == 0 ? 0 : nodes / (double) cycles,
                firsts.percentiles(), gaps.percentiles());
    }

    /** Asks, reads, and asks again. */
    private final class Stream implements Flow.Subscriber<GeneratedToken> {
        private long askedAt;
        private long lastAt;
        private boolean counted;
        private boolean served;

        void ask() {
            int[] prompt = random.ints(random.nextInt(SHORTEST_PROMPT, LONGEST_PROMPT + 1), 0, 11).toArray();
            askedAt = clock.now();
            lastAt = 0;
            counted = counting;
            model.stream(prompt, way.options.withMaxTokens(random.nextInt(SHORTEST_ANSWER, LONGEST_ANSWER + 1)),
                    (root, tree, accepted, emitted, count) -> {
                        if (counting) {
                            cycles++;
                            cycleTokens += count;
                            nodes += tree.size();
                        }
                    }, this);
        }

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(GeneratedToken token) {
            long now = clock.now();
            if (counting) {
                tokens++;
            }
            if (token.index() == 0 && counted) {
                firsts.add(now - askedAt);
            } else if (token.index() > 0 && now > lastAt && counting) {
                gaps.add(now - lastAt);
            }
            lastAt = now;
        }

        @Override
        public void onError(Throwable reason) {
            if (!over) {
                throw new IllegalStateException("a simulated stream failed", reason);
            }
        }

        @Override
        public void onComplete() {
            if (!served) {
                served = true;
                settled++;
                if (settled == streams) {
                    counting = true;
                    countedFrom = clock.now();
                }
            }
            // The slot is left after this call; the next request comes when others do.
            clock.after(1, this::ask);
        }
    }
}

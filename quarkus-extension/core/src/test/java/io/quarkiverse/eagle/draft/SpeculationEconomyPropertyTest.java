package io.quarkiverse.eagle.draft;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** The economy's decisions against its rules written down as lists; both add in the same order, so they agree exactly. */
class SpeculationEconomyPropertyTest {

    private static final int MOST = 64;
    /** What a fresh economy takes for a node's two best children. */
    private static final float LOG_BEST = (float) Math.log(0.4);
    private static final float LOG_SECOND = (float) Math.log(0.15);

    @Property(tries = 500, seed = "20240627", edgeCases = EdgeCasesMode.NONE)
    void choosesTheNodesThatBringMostTokensPerSecond(@ForAll @IntRange(max = MOST) int count,
            @ForAll @IntRange(min = 1, max = 4) int batch, @ForAll long seed) {
        Random random = new Random(seed);
        CostCurve target = curve(random, 0.2);
        SpeculationEconomy economy = new SpeculationEconomy(target, curve(random, 0.1), List.of());
        float[] ranked = ranked(count, random);
        double spent = random.nextDouble() * 0.02;

        int nodes = economy.choose(ranked, count, batch, spent);

        assertThat(rate(target, ranked, nodes, batch, spent)).isEqualTo(bestRate(target, ranked, count, batch, spent));
        assertThat(economy.promised(ranked, nodes)).isEqualTo(tokens(ranked, nodes));
    }

    @Property(tries = 1000, seed = "20240628", edgeCases = EdgeCasesMode.NONE)
    void draftsAnotherLevelWhenItsLikelyChildrenRaiseTheRate(@ForAll @IntRange(min = 1, max = MOST) int count,
            @ForAll @IntRange(min = 1, max = 20) int expanded, @ForAll @IntRange(min = 1, max = 4) int batch,
            @ForAll long seed) {
        Random random = new Random(seed);
        CostCurve target = curve(random, 0.2);
        CostCurve draft = curve(random, 0.01);
        SpeculationEconomy economy = new SpeculationEconomy(target, draft, List.of());
        float[] ranked = ranked(count, random);
        float[] frontier = ranked(expanded, random);
        double spent = random.nextDouble() * 0.002;

        boolean pays = economy.anotherLevelPays(ranked, count, frontier, expanded, batch, spent);

        float[] likely = descending(DoubleStream.concat(floats(ranked), floats(frontier).mapMulti((value, all) -> {
            all.accept((float) value + LOG_BEST);
            all.accept((float) value + LOG_SECOND);
        })));
        int most = Math.min(MOST, likely.length);
        double after = spent + draft.at(Math.max(2, batch * expanded));
        assertThat(pays).isEqualTo(
                bestRate(target, likely, most, batch, after) > bestRate(target, ranked, count, batch, spent));
    }

    private static double bestRate(CostCurve target, float[] ranked, int count, int batch, double spent) {
        return IntStream.rangeClosed(0, count).mapToDouble(nodes -> rate(target, ranked, nodes, batch, spent)).max()
                .orElseThrow();
    }

    private static double rate(CostCurve target, float[] ranked, int nodes, int batch, double spent) {
        int rows = nodes == 0 ? Math.max(2, batch) : batch * (nodes + 1);
        return tokens(ranked, nodes) / (spent + target.at(rows));
    }

    private static double tokens(float[] ranked, int nodes) {
        double tokens = 1;
        for (int i = 0; i < nodes; i++) {
            tokens += Math.exp(ranked[i]);
        }
        return tokens;
    }

    private static float[] ranked(int count, Random random) {
        return descending(random.doubles(count).map(Math::log));
    }

    private static float[] descending(DoubleStream values) {
        double[] ascending = values.sorted().toArray();
        float[] descending = new float[ascending.length];
        for (int i = 0; i < descending.length; i++) {
            descending[i] = (float) ascending[ascending.length - 1 - i];
        }
        return descending;
    }

    private static DoubleStream floats(float[] values) {
        return IntStream.range(0, values.length).mapToDouble(i -> values[i]);
    }

    /** A curve that never falls, up to so many times the least cost. */
    private static CostCurve curve(Random random, double most) {
        int[] rows = { 2, 4, 8, 16, 64 };
        double[] seconds = new double[rows.length];
        seconds[0] = random.nextDouble() * most / 10 + 1e-4;
        for (int i = 1; i < rows.length; i++) {
            seconds[i] = seconds[i - 1] * (1 + random.nextDouble());
        }
        return new CostCurve(rows, seconds);
    }
}

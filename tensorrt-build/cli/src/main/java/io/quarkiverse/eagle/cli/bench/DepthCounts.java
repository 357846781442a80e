package io.quarkiverse.eagle.cli.bench;

import io.quarkiverse.eagle.decode.CycleListener;
import io.quarkiverse.eagle.tree.DraftTree;

/**
 * How deep trees reached, how deep they were accepted, and what their cycles took. Written by the decode loop's thread, read
 * after the generations.
 */
final class DepthCounts implements CycleListener {

    private static final int DEEPEST = 16;

    private final long[] offered = new long[DEEPEST];
    private final long[] accepted = new long[DEEPEST];
    private long nodes;
    private long draftNanos;
    private long verifyNanos;
    private long hostNanos;

    @Override
    public void verified(int root, DraftTree tree, int[] acceptedNodes, int[] emitted, int emittedCount) {
        int deepest = tree.deepest();
        for (int depth = 0; depth < Math.min(deepest, DEEPEST); depth++) {
            offered[depth]++;
        }
        for (int depth = 0; depth < Math.min(emittedCount - 1, DEEPEST); depth++) {
            accepted[depth]++;
        }
        nodes += tree.size();
    }

    @Override
    public void timed(long draft, long verify, long host) {
        draftNanos += draft;
        verifyNanos += verify;
        hostNanos += host;
    }

    void add(DepthCounts other) {
        draftNanos += other.draftNanos;
        verifyNanos += other.verifyNanos;
        hostNanos += other.hostNanos;
        for (int depth = 0; depth < DEEPEST; depth++) {
            offered[depth] += other.offered[depth];
            accepted[depth] += other.accepted[depth];
        }
        nodes += other.nodes;
    }

    /** Where the time of the cycles went. */
    BenchReport.Times times() {
        return new BenchReport.Times(draftNanos / 1e9, verifyNanos / 1e9, hostNanos / 1e9);
    }

    /** Nodes that were verified. */
    long nodes() {
        return nodes;
    }

    /**
     * Of the trees that reached a depth, the share that was accepted down to it; index 0 is depth 1, ends with the last depth
     * that any tree reached.
     */
    double[] acceptance() {
        int reached = 0;
        while (reached < DEEPEST && offered[reached] > 0) {
            reached++;
        }
        double[] shares = new double[reached];
        for (int depth = 0; depth < reached; depth++) {
            shares[depth] = accepted[depth] / (double) offered[depth];
        }
        return shares;
    }
}

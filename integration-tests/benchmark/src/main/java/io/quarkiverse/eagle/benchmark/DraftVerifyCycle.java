package io.quarkiverse.eagle.benchmark;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.List;

import io.quarkiverse.eagle.draft.SpeculationEconomy;
import io.quarkiverse.eagle.draft.StepCosts;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.sampling.TokenSampler;
import io.quarkiverse.eagle.tree.DraftTree;
import io.quarkiverse.eagle.tree.DynamicDraftTree;
import io.quarkiverse.eagle.tree.TreeVerifier;

/**
 * The host's work of a draft-verify cycle of one sequence, step by step as {@code EagleDrafter} and {@code DecodeLoop} do it,
 * with the engines' outputs given. Text, streams and the choice of sequences are left out.
 */
final class DraftVerifyCycle {

    private final DynamicDraftTree candidates = new DynamicDraftTree();
    private final StepRequest draftRequest = new StepRequest(DraftOutputs.SHAPE, 1, DraftOutputs.SHAPE.maxRows(),
            DraftOutputs.SHAPE.maxRows());
    private final StepRequest targetRequest = new StepRequest(TargetOutputs.SHAPE, 1, TargetOutputs.SHAPE.maxRows(),
            2 * TargetOutputs.SHAPE.maxRows());
    private final TreeVerifier verifier = new TreeVerifier();
    private final TreeVerifier.EndTokens endTokens = TreeVerifier.EndTokens.of(List.of(-1, -2));
    private final int[] levelOffsets = new int[DraftOutputs.DEEPEST];
    private final float[] ranked = new float[64];
    private final float[] frontier = new float[32];
    /** The last adaptive tree's nodes, and the tokens that it promised. */
    private int adaptiveNodes = 8;
    private double promised;

    /** The tokens that the last cycle brought, with their features, as the next extension's rows. */
    private final int[] pendingTokens = new int[DraftTree.MAX_NODES + 1];
    private final FloatBuffer pendingFeatures = ByteBuffer
            .allocateDirect((DraftTree.MAX_NODES + 1) * DraftOutputs.FEATURE_SIZE * Float.BYTES)
            .order(ByteOrder.nativeOrder()).asFloatBuffer();
    private int pending = 1;

    /** Rows of the last step that the target's next step has to keep. */
    private final int[] keep = new int[DraftTree.MAX_NODES + 1];
    private int keepCount;

    /** Drafts a tree of the paper's size. */
    void build(DraftOutputs outputs, int length, DraftTree into) {
        extend(outputs, length);
        int window = 0;
        for (int level = 1;; level++) {
            int size = candidates.nextFrontier(DraftOutputs.TOP_K);
            if (level == DraftOutputs.DEPTH) {
                break;
            }
            window = expand(outputs, length, level, size, window);
        }
        candidates.select(DraftOutputs.NODES, into);
    }

    /**
     * Drafts a tree whose levels and nodes are chosen by what they promise.
     *
     * @param stepNanos how long every draft step took; 0 for as long as was expected
     */
    void buildAdaptively(DraftOutputs outputs, int length, SpeculationEconomy economy, long stepNanos, DraftTree into) {
        int rows = Math.max(Engine.MIN_ROWS, pending);
        extend(outputs, length);
        double spent = spent(economy.draft(), rows, stepNanos);
        int window = 0;
        for (int level = 1;; level++) {
            int size = candidates.nextFrontier(economy.expansion(adaptiveNodes, DraftOutputs.TOP_K));
            if (level == DraftOutputs.DEEPEST || !anotherLevelPays(economy, size, spent)) {
                break;
            }
            window = expand(outputs, length, level, size, window);
            spent += spent(economy.draft(), Math.max(Engine.MIN_ROWS, size), stepNanos);
            StepResult result = outputs.levels()[level - 1];
            economy.sawConfidence(result.topLogit(0, 0, 0), result.topLogit(0, 0, 1));
        }
        int count = candidates.rankedValues(ranked);
        adaptiveNodes = economy.choose(ranked, count, 1, spent);
        promised = economy.promised(ranked, adaptiveNodes);
        candidates.select(adaptiveNodes, into);
    }

    private static double spent(StepCosts costs, int rows, long stepNanos) {
        if (stepNanos == 0) {
            return costs.at(rows);
        }
        costs.took(rows, stepNanos);
        return costs.latest(rows);
    }

    private boolean anotherLevelPays(SpeculationEconomy economy, int size, double spent) {
        int count = candidates.rankedValues(ranked);
        for (int i = 0; i < size; i++) {
            frontier[i] = candidates.frontierValue(i);
        }
        return economy.anotherLevelPays(ranked, count, frontier, size, 1, spent);
    }

    /** The step over the tokens accepted last, whose last row gives the first level. */
    private void extend(DraftOutputs outputs, int length) {
        int start = length - 1 - pending;
        int rows = Math.max(Engine.MIN_ROWS, pending);
        draftRequest.begin(0, 1, rows, 0, rows, 1);
        draftRequest.windowStart(0, start);
        for (int t = 0; t < pending; t++) {
            draftRequest.row(0, t, pendingTokens[t], start + t);
            draftRequest.feature(0, t, pendingFeatures, t * DraftOutputs.FEATURE_SIZE);
            for (int seen = 0; seen < t; seen++) {
                draftRequest.see(0, t, seen);
            }
        }
        draftRequest.outputRow(0, 0, pending - 1);
        candidates.begin();
        for (int i = 0; i < DraftOutputs.TOP_K; i++) {
            candidates.addToRoot(outputs.extension().topId(0, 0, i), outputs.extension().topLogit(0, 0, i));
        }
    }

    /** One level's step over the frontier, and the children that it brings. */
    private int expand(DraftOutputs outputs, int length, int level, int size, int window) {
        int columns = window + size;
        levelOffsets[level - 1] = window;
        draftRequest.begin(0, 1, size, 0, columns, size);
        draftRequest.windowStart(0, length - 1);
        draftRequest.writeOffset(0, window);
        StepResult before = level == 1 ? outputs.extension() : outputs.levels()[level - 2];
        for (int t = 0; t < size; t++) {
            draftRequest.row(0, t, candidates.frontierToken(t), length + level - 2);
            int parentRow = level == 1 ? 0 : candidates.parentPlace(t);
            draftRequest.feature(0, t, before.features(), before.featureOffset(0, parentRow));
            candidates.seeAncestors(draftRequest, 0, t, t, levelOffsets);
        }
        StepResult result = outputs.levels()[level - 1];
        for (int t = 0; t < size; t++) {
            for (int i = 0; i < DraftOutputs.TOP_K; i++) {
                candidates.addToFrontier(t, result.topId(0, t, i), result.topLogit(0, t, i));
            }
        }
        return columns;
    }

    /** The target's step over the tree. */
    StepRequest writeRows(DraftTree tree, int length, int rootToken) {
        int rows = tree.size() + 1;
        targetRequest.begin(0, 1, rows, keepCount, keepCount + rows, rows);
        targetRequest.windowStart(0, length - 1 - keepCount);
        for (int i = 0; i < keepCount; i++) {
            targetRequest.keepRow(0, i, keep[i]);
        }
        tree.writeRows(targetRequest, 0, keepCount, rootToken, length - 1);
        for (int t = 0; t < rows; t++) {
            for (int kept = 0; kept < keepCount; kept++) {
                targetRequest.see(0, t, kept);
            }
        }
        return targetRequest;
    }

    /** Walks the tree; the accepted rows are remembered for the next cycle. */
    TreeVerifier verify(DraftTree tree, StepResult result, int length, TokenSampler sampler) {
        verifier.begin();
        if (!verifier.walk(tree, result, 0, sampler, length, Integer.MAX_VALUE, endTokens)) {
            throw new IllegalStateException("row " + verifier.row() + " cannot be decided without its full logits");
        }
        int count = verifier.count();
        keepCount = 0;
        for (int i = 0; i < count; i++) {
            int row = verifier.acceptedRow(i);
            if (keepCount > 0 || row != i) {
                keep[keepCount++] = length - 1 + row;
            }
            pendingTokens[i] = verifier.emitted(i);
            pendingFeatures.put(i * DraftOutputs.FEATURE_SIZE, result.features(), result.featureOffset(0, row),
                    DraftOutputs.FEATURE_SIZE);
        }
        pending = count;
        return verifier;
    }

    /** Tokens that the last adaptive tree may bring. */
    double promised() {
        return promised;
    }

    StepRequest draftRequest() {
        return draftRequest;
    }
}

package io.quarkiverse.eagle.graph.model;

import java.util.List;

import io.quarkiverse.eagle.graph.onnx.Attribute;
import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;

/**
 * Logits of the likeliest tokens of the whole vocabulary: a product of low rank ranks all tokens, and the rows of the
 * projection are gathered for the best of them alone. Each row has candidates of its own. Log-probabilities are among the
 * candidates, which makes them too high by what all other tokens would have had.
 *
 * @param matrix the output projection, {@code [vocabulary, hidden]}
 * @param weights what each token counts in the factorisation
 */
record CandidateProjection(Rows matrix, double[] weights, DraftCandidates candidates) implements OutputProjection {

    @Override
    public int vocabulary() {
        return matrix.count();
    }

    @Override
    public int writeBest(HeadBody.Blocks blocks, StepInputs step, Value wanted) {
        OnnxGraph graph = blocks.graph();
        int count = Math.min(candidates.count(), matrix.count());
        Value retrieved = retrieve(graph, blocks.projections().forRows(wanted), wanted, count);
        Value logits = step.logits(graph, logits(blocks, wanted, retrieved), "draft_logits", count);
        int topK = Math.min(GraphOptions.DRAFT_TOP_K, count);
        List<Value> best = graph.nodes("TopK", 2, List.of(logits, graph.longs(topK)), Attribute.of("axis", -1));
        graph.output(graph.named("top_logits", "Sub", List.of(best.get(0), StepInputs.logSumExp(graph, logits, best))),
                ElementType.FLOAT, "batch", "outputs", topK);
        Value ids = graph.node("GatherElements", List.of(step.byOutput(graph, retrieved, count), best.get(1)),
                Attribute.of("axis", 2));
        graph.output(graph.named("top_ids", "Cast", List.of(ids), Attribute.of("to", ElementType.INT32.number())),
                ElementType.INT32, "batch", "outputs", topK);
        return topK;
    }

    /** Tokens by the product of low rank, {@code [rows, count]}. */
    private Value retrieve(OnnxGraph graph, Projections projections, Value wanted, int count) {
        // What all tokens share does not tell them apart, and would take up the product's best direction.
        LowRank product = LowRank.of(matrix.less(matrix.mean(weights)), candidates.rank(), weights);
        // Few directions hold most of the product; mixed with the others, all of them keep their resolution in 8 bits.
        BlockHadamard mixed = new BlockHadamard(candidates.rank());
        Value reduced = projections.project(wanted, "lm_head.down", product.down().writing(mixed));
        Value scores = projections.project(reduced, "lm_head.up", product.up().reading(mixed, null));
        return graph.nodes("TopK", 2, List.of(scores, graph.longs(count)), Attribute.of("axis", -1),
                Attribute.of("sorted", 0)).get(1);
    }

    /** The candidates' logits, {@code [rows, count]}: a product per row, so that no row depends on its neighbours. */
    private Value logits(HeadBody.Blocks blocks, Value wanted, Value retrieved) {
        OnnxGraph graph = blocks.graph();
        Value column = graph.node("Unsqueeze", List.of(wanted, graph.longs(2)));
        Value last = graph.longs(2);
        if (blocks.projections() instanceof Projections.Floating floating) {
            Value table = floating.weights().matrix("lm_head", floating.type(), List.of(matrix));
            Value rows = graph.node("Gather", List.of(table, retrieved), Attribute.of("axis", 0));
            return graph.node("Squeeze", List.of(graph.node("MatMul", List.of(rows, column)), last));
        }
        Weights.Quantized table = blocks.weights().quantizedRows("lm_head", matrix);
        Value rows = graph.node("Cast",
                List.of(graph.node("Gather", List.of(table.matrix(), retrieved), Attribute.of("axis", 0))),
                Attribute.of("to", ElementType.FLOAT.number()));
        Value sums = graph.node("Squeeze", List.of(graph.node("MatMul", List.of(rows, column)), last));
        return graph.node("Mul",
                List.of(sums, graph.node("Gather", List.of(table.scales(), retrieved), Attribute.of("axis", 0))));
    }
}

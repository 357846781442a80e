package io.quarkiverse.eagle.graph.model;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

import io.quarkiverse.eagle.graph.checkpoint.Checkpoint;
import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.onnx.Attribute;
import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;

/**
 * Tokens that a draft can propose.
 *
 * @param tokens their ids, ascending
 */
record DraftVocabulary(int[] tokens) {

    /**
     * The most frequent tokens, or all of them.
     *
     * @param wanted how many, 0 for all
     * @param byFrequency all ids, most frequent first; empty when nothing ranks them
     * @param source of the ranking, for messages
     */
    static DraftVocabulary of(int vocabulary, int wanted, int[] byFrequency, String source) {
        if (wanted == 0 || wanted == vocabulary) {
            return new DraftVocabulary(IntStream.range(0, vocabulary).toArray());
        }
        if (byFrequency.length < wanted) {
            throw new CheckpointException(source + " ranks " + byFrequency.length + " tokens by frequency, but a draft"
                    + " vocabulary of " + wanted + " is asked for; give the head a token_frequency.json, or use"
                    + " --draft-vocabulary " + vocabulary + " (all tokens)");
        }
        int[] tokens = Arrays.copyOf(byFrequency, wanted);
        Arrays.sort(tokens);
        return new DraftVocabulary(tokens);
    }

    int size() {
        return tokens.length;
    }

    /** The target's output projection over these tokens. */
    Rows lmHead(ModelConfig config, Checkpoint target) {
        String tensor = config.tiedEmbeddings() ? Embedding.TENSOR : "lm_head.weight";
        return Rows.of(target, tensor, config.vocabulary(), config.hidden()).picked(tokens);
    }

    /** Declares the outputs of logits {@code [B, outputs, size]}: the best tokens and their log-probabilities. */
    int writeBest(OnnxGraph graph, Value logits, int most) {
        int topK = Math.min(most, size());
        List<Value> best = graph.nodes("TopK", 2, List.of(logits, graph.longs(topK)), Attribute.of("axis", -1));
        graph.output(graph.named("top_logits", "Sub",
                List.of(best.get(0), StepInputs.logSumExp(graph, logits, best))), ElementType.FLOAT, "batch",
                "outputs", topK);
        graph.output(graph.named("top_ids", "Gather", List.of(table(graph), best.get(1))),
                ElementType.INT32, "batch", "outputs", topK);
        return topK;
    }

    private Value table(OnnxGraph graph) {
        ByteBuffer bytes = ByteBuffer.allocate(tokens.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int token : tokens) {
            bytes.putInt(token);
        }
        return graph.constant("draft_tokens", ElementType.INT32, bytes.flip(), tokens.length);
    }
}

package io.quarkiverse.eagle.sampling;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntPredicate;

import io.quarkiverse.eagle.GenerationOptions;

/** The decision of {@link TokenSampler} written for reading: whole softmax, whole sort, one filter after the other. */
public final class ReferenceSampler {

    public record Candidate(int token, double logit, double probability) {
    }

    private final GenerationOptions options;
    private final List<Integer> prompt = new ArrayList<>();
    private final List<Integer> generated = new ArrayList<>();

    public ReferenceSampler(GenerationOptions options) {
        this.options = options;
    }

    public void observePrompt(int token) {
        prompt.add(token);
    }

    public void accept(int token) {
        generated.add(token);
    }

    int sample(float[] row, double u) {
        return sample(row, u, token -> true);
    }

    /** @param allowed the tokens that can be drawn */
    int sample(float[] row, double u, IntPredicate allowed) {
        List<Candidate> kept = distribution(row, allowed);
        double sum = 0;
        for (Candidate candidate : kept) {
            sum += candidate.probability;
            if (sum > u) {
                return candidate.token;
            }
        }
        return kept.get(kept.size() - 1).token;
    }

    /** The tokens that can be drawn, most probable first, with probabilities that sum to 1. */
    public List<Candidate> distribution(float[] row) {
        return distribution(row, token -> true);
    }

    private List<Candidate> distribution(float[] row, IntPredicate allowed) {
        List<Candidate> candidates = new ArrayList<>();
        for (int token = 0; token < row.length; token++) {
            if (allowed.test(token)) {
                candidates.add(new Candidate(token, penalised(token, row[token]), 0));
            }
        }
        candidates.sort(Comparator.comparingDouble((Candidate c) -> -c.logit).thenComparingInt(Candidate::token));
        if (options.greedy()) {
            return List.of(new Candidate(candidates.get(0).token, candidates.get(0).logit, 1));
        }
        if (options.topK() > 0) {
            candidates = candidates.subList(0, Math.min(options.topK(), candidates.size()));
        }
        return normalised(minP(topP(weighted(candidates, options.temperature()))));
    }

    private double penalised(int token, float logit) {
        double x = logit;
        if (prompt.contains(token) || generated.contains(token)) {
            x = x > 0 ? x / options.repetitionPenalty() : x * options.repetitionPenalty();
        }
        long times = generated.stream().filter(t -> t == token).count();
        if (times > 0) {
            x -= options.presencePenalty() + options.frequencyPenalty() * times;
        }
        return (float) x + 0f;
    }

    /** Weights relative to the most probable token; filters compare them, and only the result is normalised. */
    private static List<Candidate> weighted(List<Candidate> candidates, double temperature) {
        double best = candidates.get(0).logit;
        return candidates.stream().map(c -> new Candidate(c.token, c.logit, Math.exp((c.logit - best) / temperature)))
                .toList();
    }

    private List<Candidate> topP(List<Candidate> candidates) {
        double needed = options.topP() * total(candidates);
        double sum = 0;
        for (int i = 0; i < candidates.size(); i++) {
            sum += candidates.get(i).probability;
            if (sum >= needed) {
                return candidates.subList(0, i + 1);
            }
        }
        return candidates;
    }

    private List<Candidate> minP(List<Candidate> candidates) {
        return candidates.stream().filter(c -> c.probability >= options.minP()).toList();
    }

    private static List<Candidate> normalised(List<Candidate> candidates) {
        double total = total(candidates);
        return candidates.stream().map(c -> new Candidate(c.token, c.logit, c.probability / total)).toList();
    }

    private static double total(List<Candidate> candidates) {
        return candidates.stream().mapToDouble(Candidate::probability).sum();
    }
}

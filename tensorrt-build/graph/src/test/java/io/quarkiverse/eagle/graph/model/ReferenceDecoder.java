package io.quarkiverse.eagle.graph.model;

import io.quarkiverse.eagle.graph.checkpoint.Checkpoint;
import io.quarkiverse.eagle.graph.checkpoint.DraftHead;
import io.quarkiverse.eagle.graph.checkpoint.Eagle3Head;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig.RopeScaling;

/**
 * A LLaMA-like decoder as the papers have it, in doubles and without a cache: RMSNorm, grouped attention with rotary positions
 * (halves of a head rotated against each other), SwiGLU. Slow, short, and written from the formulae alone.
 */
final class ReferenceDecoder {

    private final ModelConfig config;
    private final Checkpoint weights;

    ReferenceDecoder(ModelConfig config, Checkpoint weights) {
        this.config = config;
        this.weights = weights;
    }

    /** Final hidden states after the last norm, {@code [position][hidden]}. */
    double[][] features(int[] tokens) {
        return norm(streams(tokens)[config.layers()], "model.norm.weight");
    }

    /** What enters each layer, and what leaves the last one, {@code [layer][position][hidden]}. */
    private double[][][] streams(int[] tokens) {
        double[][][] streams = new double[config.layers() + 1][][];
        double[][] x = embed(tokens);
        for (int layer = 0; layer < config.layers(); layer++) {
            streams[layer] = x;
            String prefix = "model.layers." + layer + ".";
            x = layer(x, prefix, norm(x, prefix + "input_layernorm.weight"));
        }
        streams[config.layers()] = x;
        return streams;
    }

    /** What an EAGLE-3 head makes of three of the target's streams: {@code fc([stream; stream; stream])}. */
    double[][] fused(Eagle3Head head, int[] layers, int[] tokens) {
        double[][][] streams = streams(tokens);
        int hidden = config.hidden();
        double[][] all = new double[tokens.length][3 * hidden];
        for (int t = 0; t < tokens.length; t++) {
            for (int i = 0; i < 3; i++) {
                System.arraycopy(streams[layers[i]][t], 0, all[t], i * hidden, hidden);
            }
        }
        double[][] x = times(all, matrix(head.checkpoint(), "fc.weight", hidden, 3 * hidden));
        return head.fcBias() ? plus(x, vector(head.checkpoint(), "fc.bias", hidden)) : x;
    }

    /** An EAGLE-3 head's outputs: one layer whose attention reads {@code [norm(embedding); norm(feature)]}. */
    double[][] outputs(Eagle3Head head, int[] tokens, double[][] features) {
        ReferenceDecoder own = new ReferenceDecoder(head.config(), head.checkpoint());
        double[][] embedded = own.norm(embed(tokens), "midlayer.input_layernorm.weight");
        double[][] normalised = own.norm(features, "midlayer.hidden_norm.weight");
        int hidden = config.hidden();
        double[][] both = new double[tokens.length][2 * hidden];
        for (int t = 0; t < tokens.length; t++) {
            System.arraycopy(embedded[t], 0, both[t], 0, hidden);
            System.arraycopy(normalised[t], 0, both[t], hidden, hidden);
        }
        return own.layer(features, "midlayer.", both);
    }

    /** Logits of an EAGLE-3 head's outputs over the tokens that it can propose. */
    double[][] logits(Eagle3Head head, double[][] outputs) {
        ReferenceDecoder own = new ReferenceDecoder(head.config(), head.checkpoint());
        return times(own.norm(outputs, "norm.weight"),
                matrix(head.checkpoint(), "lm_head.weight", head.draftTokens().length, config.hidden()));
    }

    /** Logits of hidden states, {@code [position][vocabulary]}. */
    double[][] logits(double[][] features) {
        String output = config.tiedEmbeddings() ? "model.embed_tokens.weight" : "lm_head.weight";
        return times(features, matrix(weights, output, config.vocabulary(), config.hidden()));
    }

    /** What an EAGLE head predicts of the next features: rows are {@code fc([embedding; feature])}. */
    double[][] head(DraftHead head, int[] tokens, double[][] features) {
        ReferenceDecoder own = new ReferenceDecoder(head.config(), head.checkpoint());
        int hidden = config.hidden();
        double[][] embedded = embed(tokens);
        double[][] both = new double[tokens.length][2 * hidden];
        for (int t = 0; t < tokens.length; t++) {
            System.arraycopy(embedded[t], 0, both[t], 0, hidden);
            System.arraycopy(features[t], 0, both[t], hidden, hidden);
        }
        double[][] x = times(both, matrix(head.checkpoint(), "fc.weight", hidden, 2 * hidden));
        if (head.fcBias()) {
            x = plus(x, vector(head.checkpoint(), "fc.bias", hidden));
        }
        for (int layer = 0; layer < head.config().layers(); layer++) {
            String prefix = "layers." + layer + ".";
            x = own.layer(x, prefix, layer == 0 ? x : own.norm(x, prefix + "input_layernorm.weight"));
        }
        return x;
    }

    private double[][] embed(int[] tokens) {
        double[][] table = matrix(weights, "model.embed_tokens.weight", config.vocabulary(), config.hidden());
        double[][] x = new double[tokens.length][];
        for (int t = 0; t < tokens.length; t++) {
            x[t] = table[tokens[t]].clone();
        }
        return x;
    }

    private double[][] layer(double[][] x, String prefix, double[][] normalised) {
        double[][] afterAttention = plus(x, attention(normalised, prefix + "self_attn."));
        return plus(afterAttention, mlp(norm(afterAttention, prefix + "post_attention_layernorm.weight"), prefix + "mlp."));
    }

    private double[][] attention(double[][] x, String prefix) {
        int width = config.headDim();
        double[][] q = project(x, prefix + "q_proj", config.heads() * width);
        double[][] k = project(x, prefix + "k_proj", config.kvHeads() * width);
        double[][] v = project(x, prefix + "v_proj", config.kvHeads() * width);
        rotate(q, config.heads());
        rotate(k, config.kvHeads());
        double[][] attended = new double[x.length][config.heads() * width];
        for (int head = 0; head < config.heads(); head++) {
            int own = head * width;
            int shared = head / (config.heads() / config.kvHeads()) * width;
            for (int t = 0; t < x.length; t++) {
                double[] share = new double[t + 1];
                double sum = 0;
                for (int s = 0; s <= t; s++) {
                    double score = 0;
                    for (int i = 0; i < width; i++) {
                        score += q[t][own + i] * k[s][shared + i];
                    }
                    share[s] = Math.exp(score / Math.sqrt(width));
                    sum += share[s];
                }
                for (int s = 0; s <= t; s++) {
                    for (int i = 0; i < width; i++) {
                        attended[t][own + i] += share[s] / sum * v[s][shared + i];
                    }
                }
            }
        }
        return times(attended, matrix(weights, prefix + "o_proj.weight", config.hidden(), config.heads() * width));
    }

    private double[][] project(double[][] x, String name, int width) {
        double[][] y = times(x, matrix(weights, name + ".weight", width, x[0].length));
        return config.qkvBias() ? plus(y, vector(weights, name + ".bias", width)) : y;
    }

    private void rotate(double[][] x, int heads) {
        int half = config.headDim() / 2;
        for (int position = 0; position < x.length; position++) {
            for (int i = 0; i < half; i++) {
                double angle = position * frequency(i);
                for (int head = 0; head < heads; head++) {
                    int at = head * config.headDim() + i;
                    double first = x[position][at];
                    double second = x[position][at + half];
                    x[position][at] = first * Math.cos(angle) - second * Math.sin(angle);
                    x[position][at + half] = second * Math.cos(angle) + first * Math.sin(angle);
                }
            }
        }
    }

    private double frequency(int i) {
        double frequency = 1 / Math.pow(config.ropeTheta(), 2.0 * i / config.headDim());
        if (config.ropeScaling() instanceof RopeScaling.Linear linear) {
            return frequency / linear.factor();
        }
        if (config.ropeScaling() instanceof RopeScaling.Llama3 scaling) {
            double wavelength = 2 * Math.PI / frequency;
            double longest = scaling.originalMaxPositions() / scaling.lowFrequencyFactor();
            double shortest = scaling.originalMaxPositions() / scaling.highFrequencyFactor();
            if (wavelength > longest) {
                return frequency / scaling.factor();
            }
            if (wavelength < shortest) {
                return frequency;
            }
            double smooth = (scaling.originalMaxPositions() / wavelength - scaling.lowFrequencyFactor())
                    / (scaling.highFrequencyFactor() - scaling.lowFrequencyFactor());
            return (1 - smooth) * frequency / scaling.factor() + smooth * frequency;
        }
        return frequency;
    }

    private double[][] mlp(double[][] x, String prefix) {
        double[][] gate = times(x, matrix(weights, prefix + "gate_proj.weight", config.intermediate(), config.hidden()));
        double[][] up = times(x, matrix(weights, prefix + "up_proj.weight", config.intermediate(), config.hidden()));
        for (int t = 0; t < x.length; t++) {
            for (int i = 0; i < config.intermediate(); i++) {
                gate[t][i] = gate[t][i] / (1 + Math.exp(-gate[t][i])) * up[t][i];
            }
        }
        return times(gate, matrix(weights, prefix + "down_proj.weight", config.hidden(), config.intermediate()));
    }

    private double[][] norm(double[][] x, String name) {
        double[] gain = vector(weights, name, config.hidden());
        double[][] y = new double[x.length][config.hidden()];
        for (int t = 0; t < x.length; t++) {
            double squares = 0;
            for (double value : x[t]) {
                squares += value * value;
            }
            double root = Math.sqrt(squares / config.hidden() + config.normEpsilon());
            for (int i = 0; i < config.hidden(); i++) {
                y[t][i] = x[t][i] / root * gain[i];
            }
        }
        return y;
    }

    private static double[][] times(double[][] x, double[][] matrix) {
        double[][] y = new double[x.length][matrix.length];
        for (int t = 0; t < x.length; t++) {
            for (int row = 0; row < matrix.length; row++) {
                for (int i = 0; i < matrix[row].length; i++) {
                    y[t][row] += matrix[row][i] * x[t][i];
                }
            }
        }
        return y;
    }

    private static double[][] plus(double[][] x, double[][] y) {
        double[][] sum = new double[x.length][];
        for (int t = 0; t < x.length; t++) {
            sum[t] = plus(new double[][] { x[t] }, y[t])[0];
        }
        return sum;
    }

    private static double[][] plus(double[][] x, double[] bias) {
        double[][] sum = new double[x.length][bias.length];
        for (int t = 0; t < x.length; t++) {
            for (int i = 0; i < bias.length; i++) {
                sum[t][i] = x[t][i] + bias[i];
            }
        }
        return sum;
    }

    private static double[][] matrix(Checkpoint weights, String name, int rows, int columns) {
        double[] flat = vector(weights, name, rows * columns);
        double[][] matrix = new double[rows][];
        for (int row = 0; row < rows; row++) {
            matrix[row] = java.util.Arrays.copyOfRange(flat, row * columns, (row + 1) * columns);
        }
        return matrix;
    }

    private static double[] vector(Checkpoint weights, String name, int length) {
        float[] values = new float[length];
        weights.read(name, 0, values, 0, length);
        double[] vector = new double[length];
        for (int i = 0; i < length; i++) {
            vector[i] = values[i];
        }
        return vector;
    }
}

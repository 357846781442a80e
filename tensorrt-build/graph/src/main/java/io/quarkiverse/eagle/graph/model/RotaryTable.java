package io.quarkiverse.eagle.graph.model;

import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig.RopeScaling;

/**
 * Cosines and sines of the rotary embedding, {@code [positions, head_dim / 2]} row-major.
 *
 * @param rows positions
 * @param columns half of a head's width
 */
record RotaryTable(float[] cos, float[] sin, int rows, int columns) {

    static RotaryTable of(ModelConfig config, int rows) {
        int columns = config.headDim() / 2;
        double[] frequencies = new double[columns];
        for (int i = 0; i < columns; i++) {
            double plain = Math.pow(config.ropeTheta(), -2.0 * i / config.headDim());
            frequencies[i] = scaled(plain, config.ropeScaling());
        }
        float[] cos = new float[rows * columns];
        float[] sin = new float[rows * columns];
        for (int position = 0; position < rows; position++) {
            for (int i = 0; i < columns; i++) {
                double angle = position * frequencies[i];
                cos[position * columns + i] = (float) Math.cos(angle);
                sin[position * columns + i] = (float) Math.sin(angle);
            }
        }
        return new RotaryTable(cos, sin, rows, columns);
    }

    private static double scaled(double frequency, RopeScaling scaling) {
        if (scaling instanceof RopeScaling.Linear linear) {
            return frequency / linear.factor();
        }
        if (scaling instanceof RopeScaling.Llama3 llama3) {
            double wavelength = 2 * Math.PI / frequency;
            double turns = llama3.originalMaxPositions() / wavelength;
            if (turns < llama3.lowFrequencyFactor()) {
                return frequency / llama3.factor();
            }
            if (turns > llama3.highFrequencyFactor()) {
                return frequency;
            }
            double kept = (turns - llama3.lowFrequencyFactor())
                    / (llama3.highFrequencyFactor() - llama3.lowFrequencyFactor());
            return (1 - kept) * frequency / llama3.factor() + kept * frequency;
        }
        return frequency;
    }
}

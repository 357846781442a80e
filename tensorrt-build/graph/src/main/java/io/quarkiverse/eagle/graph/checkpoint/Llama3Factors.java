package io.quarkiverse.eagle.graph.checkpoint;

import io.quarkiverse.eagle.graph.checkpoint.ModelConfig.RopeScaling;

/**
 * Recognises the rotary scaling of LLaMA 3.1 in the table of divisors that a GGUF file carries instead of its parameters. The
 * divisor of frequency i is 1 where the wavelength 2π·θ^(2i/d) is below original/high, the factor where it is above
 * original/low, and 1/((1-s)/factor + s) between, with s = (original/wavelength - low)/(high - low).
 */
final class Llama3Factors {

    private static final double TOLERANCE = 1e-3;
    private static final double LOW = 1;
    private static final double HIGH = 4;

    private Llama3Factors() {
    }

    /**
     * @param divisors one per frequency, highest frequency first
     * @param theta base of the frequencies
     * @param file for the message when the table follows no known rule
     */
    static RopeScaling recognise(float[] divisors, double theta, String file) {
        double factor = divisors[divisors.length - 1];
        if (matches(divisors, new double[divisors.length], 1)) {
            return new RopeScaling.None();
        }
        if (matches(divisors, new double[divisors.length], factor)) {
            return new RopeScaling.Linear(factor);
        }
        for (int original = 1024; original <= 1 << 20; original *= 2) {
            RopeScaling.Llama3 scaling = new RopeScaling.Llama3(round(factor), LOW, HIGH, original);
            if (matches(divisors, divisors(scaling, divisors.length, theta), 0)) {
                return scaling;
            }
        }
        throw new CheckpointException(file + ": tensor " + GgufNames.ROTARY_FACTORS
                + " stretches the rotary frequencies by a rule other than LLaMA 3.1's"
                + "; use the model's Hugging Face folder, whose config.json names its rule");
    }

    static double[] divisors(RopeScaling.Llama3 scaling, int count, double theta) {
        double[] divisors = new double[count];
        for (int i = 0; i < count; i++) {
            double turns = scaling.originalMaxPositions() / (2 * Math.PI * Math.pow(theta, (double) i / count));
            if (turns > scaling.highFrequencyFactor()) {
                divisors[i] = 1;
            } else if (turns < scaling.lowFrequencyFactor()) {
                divisors[i] = scaling.factor();
            } else {
                double smooth = (turns - scaling.lowFrequencyFactor())
                        / (scaling.highFrequencyFactor() - scaling.lowFrequencyFactor());
                divisors[i] = 1 / ((1 - smooth) / scaling.factor() + smooth);
            }
        }
        return divisors;
    }

    private static boolean matches(float[] found, double[] expected, double plus) {
        for (int i = 0; i < found.length; i++) {
            double wanted = expected[i] + plus;
            if (Math.abs(found[i] - wanted) > TOLERANCE * wanted) {
                return false;
            }
        }
        return true;
    }

    private static double round(double factor) {
        return Math.rint(factor * 1000) / 1000;
    }
}

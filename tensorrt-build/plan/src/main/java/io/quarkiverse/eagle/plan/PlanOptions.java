package io.quarkiverse.eagle.plan;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;

/**
 * How plans are built. Precision is the graph's own: networks are strongly typed.
 *
 * @param optimisationLevel 0 (builds at once) to 5 (tries most kernels); TensorRT's default is 3
 * @param workspaceMiB most scratch memory of a step in MiB, 0 for all of the GPU's memory
 * @param versionCompatible whether later versions of the same TensorRT major version shall run the plans too
 * @param hardware which other GPUs shall run the plans
 * @param timingCache file that keeps measured kernels between builds, created when it is not there; null for none
 * @param profiles which optimisation profiles a plan gets
 */
public record PlanOptions(int optimisationLevel, int workspaceMiB, boolean versionCompatible, Hardware hardware,
        Path timingCache, Profiles profiles) {

    public static final int USUAL_LEVEL = 3;

    /** Which GPUs run a plan. */
    public enum Hardware {
        /** The kind that built it: fastest. */
        SAME_GPU,
        /** All of the same compute capability. */
        SAME_COMPUTE_CAPABILITY,
        /** All since Ampere. */
        AMPERE_PLUS;

        public String text() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    /** Optimisation profiles of a plan. */
    public enum Profiles {
        /** One for every step, fastest for verifying a tree: what the engine host uses. */
        COVERING,
        /** That one first, then one each for a lone row, a tree and a prefill chunk, for hosts that switch between them. */
        EACH;

        public String text() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    public PlanOptions {
        if (optimisationLevel < 0 || optimisationLevel > 5) {
            throw new IllegalArgumentException("optimisation level is " + optimisationLevel + "; it must be between 0 and 5");
        }
        if (workspaceMiB < 0) {
            throw new IllegalArgumentException("workspace is " + workspaceMiB
                    + " MiB; it must be positive, or 0 for all of the GPU's memory");
        }
    }

    public static PlanOptions defaults() {
        return new PlanOptions(USUAL_LEVEL, 0, false, Hardware.SAME_GPU, null, Profiles.COVERING);
    }

    /** The hardware of that name on the command line. */
    public static Hardware hardware(String text) {
        return Arrays.stream(Hardware.values()).filter(value -> value.text().equals(text)).findFirst()
                .orElseThrow(() -> new IllegalArgumentException("\"" + text + "\" is not one of "
                        + String.join(", ", Arrays.stream(Hardware.values()).map(Hardware::text).toList())));
    }
}

package io.quarkiverse.eagle.benchmark;

import io.quarkiverse.eagle.draft.CostCurve;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.toy.StepTime;

/**
 * What a machine's steps cost, and how well the draft head agrees with the model that runs there.
 *
 * @param description where the figures come from
 * @param agreement chance that the draft's first guess is the target's best token, by depth; chosen so that one stream with the
 *        paper's tree has the mean tokens per cycle that the description names
 */
record SimulatedMachine(String name, String description, StepTime target, StepTime draft, double... agreement) {

    /** A roofline, as in docs/tensorrt.md. */
    private static final class Roofline implements StepTime {
        private static final double BANDWIDTH = 0.8 * 3.35e12;
        private static final double FLOPS = 0.5 * 989e12;
        private static final double OVERHEAD = 100e-6;
        private static final int HEADS = 32;
        private static final int KV_HEADS = 8;
        private static final int HEAD_WIDTH = 128;

        private final int layers;
        private final double parameters;

        Roofline(int layers, double parameters) {
            this.layers = layers;
            this.parameters = parameters;
        }

        @Override
        public long nanos(StepRequest request) {
            double context = 0;
            for (int b = 0; b < request.batch(); b++) {
                context += request.windowStart().get(b);
            }
            double rows = (double) request.batch() * request.rows();
            double bytes = 2 * parameters + context * layers * 2 * 2 * KV_HEADS * HEAD_WIDTH;
            double operations = 2 * parameters * rows + 4 * request.rows() * context * layers * HEADS * HEAD_WIDTH;
            return (long) (1e9 * (Math.max(bytes / BANDWIDTH, operations / FLOPS) + OVERHEAD));
        }
    }

    /** A curve that was measured, for the longest sequence of the step. */
    private record Measured(CostCurve curve) implements StepTime {
        @Override
        public long nanos(StepRequest request) {
            long context = 0;
            for (int b = 0; b < request.batch(); b++) {
                context = Math.max(context, request.windowStart().get(b));
            }
            double slower = Math.max(0.5, 1 + curve.growth() * (context - curve.context()));
            return (long) (1e9 * slower * curve.at(request.batch() * request.rows()));
        }
    }

    static SimulatedMachine h100() {
        double layer = 4096.0 * 128 * (2 * 32 + 2 * 8) + 3.0 * 4096 * 14336;
        double vocabulary = 128256.0 * 4096;
        return new SimulatedMachine("H100, LLaMA-3-8B fp16", """
                One H100 SXM by its data sheet (3.35 TB/s, 989 TFLOP/s dense bf16), of which steps are taken to reach 80 % and
                50 %: a step takes max(bytes ÷ bandwidth, operations ÷ FLOP/s) + 100 µs, as `eagle plan --estimate` has it, with
                the weights of LLaMA-3-8B (7.5 billion parameters are read per step, 0.78 billion by the EAGLE head) and the
                keys and values of every sequence's own length. On paper, not measured. The draft agrees so often that one
                stream with the paper's tree brings about 4.2 tokens per cycle, near what the paper has for 8B models""",
                new Roofline(32, 32 * layer + vocabulary), new Roofline(1, 2.0 * 4096 * 4096 + layer + vocabulary),
                0.76, 0.73, 0.70, 0.67, 0.65);
    }

    static SimulatedMachine cpu() {
        CostCurve target = new CostCurve(new int[] { 2, 3, 4, 6, 8, 12, 16, 32, 64 }, new double[] { 10.906e-3, 11.152e-3,
                11.825e-3, 13.126e-3, 14.513e-3, 16.977e-3, 19.869e-3, 31.226e-3, 55.006e-3 }, 192, 7.1e-4);
        CostCurve draft = new CostCurve(new int[] { 2, 3, 4, 6, 8 },
                new double[] { 0.5446e-3, 0.5446e-3, 0.5503e-3, 0.5967e-3, 0.6825e-3 }, 192, 4.6e-4);
        return new SimulatedMachine("Intel Xeon, 2 cores, SmolLM2-135M int8", """
                The curve that was measured for report.json: Intel Xeon with avx512_vnni and amx_int8, 2 cores, the default
                bundle. Steps of more than 64 rows (target) and 8 (draft) follow the slope at the end of the curve; they grow
                by 0.07 % (0.05 %) per row of context, as measured on a processor of the same name. The draft agrees so often
                that one stream with the paper's tree brings about 2.1 tokens per cycle, as measured""",
                new Measured(target), new Measured(draft), 0.22, 0.18, 0.16);
    }
}

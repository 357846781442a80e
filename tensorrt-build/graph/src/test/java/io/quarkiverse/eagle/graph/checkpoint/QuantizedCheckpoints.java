package io.quarkiverse.eagle.graph.checkpoint;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkiverse.eagle.graph.checkpoint.ModelConfig.RopeScaling;

/**
 * Writes models of random quantised weights in the forms of public tools, and the same models in float32. Weights are chosen as
 * levels and packed as the tools' own loops do it; their values come from the levels, never from what was packed.
 */
public final class QuantizedCheckpoints {

    private static final ObjectMapper MAPPER = new ObjectMapper();

    /** AutoAWQ: nibble i of an integer holds the output channel of this place among eight. */
    private static final int[] AWQ_ORDER = { 0, 2, 4, 6, 1, 3, 5, 7 };

    private static final int[] IN_ORDER = { 0, 1, 2, 3, 4, 5, 6, 7 };

    private QuantizedCheckpoints() {
    }

    /** The forms, and their configurations. */
    public enum Form {
        AWQ("{\"quantization_config\":{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":%d,\"version\":\"gemm\","
                + "\"zero_point\":true}}"),
        GPTQ("{\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":%d,\"desc_act\":false,"
                + "\"sym\":false}}"),
        GPTQ_SYMMETRIC("{\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":%d,"
                + "\"desc_act\":false,\"sym\":true}}"),
        GPTQ_V2("{\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":%d,\"desc_act\":false,"
                + "\"checkpoint_format\":\"gptq_v2\"}}"),
        COMPRESSED_INT4("{\"quantization_config\":{\"quant_method\":\"compressed-tensors\",\"format\":\"pack-quantized\","
                + "\"config_groups\":{\"group_0\":{\"weights\":{\"type\":\"int\",\"num_bits\":4,\"strategy\":\"group\","
                + "\"group_size\":%d,\"symmetric\":true,\"dynamic\":false},\"input_activations\":null}}}}"),
        MODELOPT("{\"quantization_config\":{\"quant_method\":\"modelopt\",\"quant_algo\":\"FP8\"}}"),
        COMPRESSED("{\"quantization_config\":{\"quant_method\":\"compressed-tensors\",\"format\":\"float-quantized\","
                + "\"config_groups\":{\"group_0\":{\"weights\":{\"type\":\"float\",\"num_bits\":8,\"strategy\":\"channel\","
                + "\"symmetric\":true,\"dynamic\":false},\"input_activations\":{\"type\":\"float\",\"num_bits\":8,"
                + "\"strategy\":\"tensor\",\"dynamic\":false}}}}}"),
        COMPRESSED_DYNAMIC("{\"quantization_config\":{\"quant_method\":\"compressed-tensors\",\"format\":\"float-quantized\","
                + "\"config_groups\":{\"group_0\":{\"weights\":{\"type\":\"float\",\"num_bits\":8,\"strategy\":\"channel\","
                + "\"symmetric\":true,\"dynamic\":false},\"input_activations\":{\"type\":\"float\",\"num_bits\":8,"
                + "\"strategy\":\"token\",\"dynamic\":true}}}}}");

        private final String json;

        Form(String json) {
            this.json = json;
        }

        public boolean int4() {
            return compareTo(MODELOPT) < 0;
        }
    }

    /** Two layers whose widths hold whole groups of 32 channels. */
    public static ModelConfig small(boolean biases) {
        return new ModelConfig(biases ? "qwen2" : "llama", 64, 64, 96, 2, 4, 2, 16, 1e-5, 10000, new RopeScaling.None(), true,
                biases, 128, 1, List.of(2));
    }

    /**
     * Writes a model twice.
     *
     * @param quantized the folder of the quantised one
     * @param plain the folder of the one in float32, null for none
     */
    public static void write(Path quantized, Path plain, ModelConfig config, Form form, int group, long seed) {
        writeConfig(quantized, config, form, group);
        SafetensorsBuilder values = new SafetensorsBuilder();
        tensors(config, form, group, seed, values).write(quantized.resolve("model.safetensors"), seed);
        if (plain != null) {
            GeneratedCheckpoints.writeConfig(plain, config);
            values.write(plain.resolve("model.safetensors"), seed);
        }
    }

    /** The tensors of the quantised model. */
    static SafetensorsBuilder tensors(ModelConfig config, Form form, int group, long seed) {
        return tensors(config, form, group, seed, new SafetensorsBuilder());
    }

    private static SafetensorsBuilder tensors(ModelConfig config, Form form, int group, long seed, SafetensorsBuilder values) {
        Random random = new Random(seed);
        SafetensorsBuilder shapes = GeneratedCheckpoints.target(config, "F32");
        SafetensorsBuilder own = new SafetensorsBuilder();
        for (String name : shapes.names()) {
            long[] shape = shapes.shape(name);
            if (name.endsWith("_proj.weight")) {
                String module = name.substring(0, name.length() - ".weight".length());
                double[] dequantised = form.int4()
                        ? int4(own, module, (int) shape[0], (int) shape[1], form, group, random)
                        : float8(own, module, (int) shape[0], (int) shape[1], form, random);
                values.addValues(name, "F32", dequantised, shape);
            } else {
                double[] numbers = new double[(int) java.util.Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
                for (int i = 0; i < numbers.length; i++) {
                    // A few bits only, so that 16 bits hold them exactly.
                    double number = (name.endsWith("norm.weight") ? 1 : 0)
                            + random.nextGaussian() * (shape.length == 1 ? 0.1 : 1 / Math.sqrt(shape[1]));
                    numbers[i] = Math.rint(number * 128) / 128;
                }
                own.addValues(name, "F16", numbers, shape);
                values.addValues(name, "F32", numbers, shape);
            }
        }
        return own;
    }

    /** Writes a model of any size whose levels are all zero and take no room on the disk, and whose scales are all the same. */
    public static Path writeSparse(Path folder, ModelConfig config, Form form, int group, float scale) {
        writeConfig(folder, config, form, group);
        SafetensorsBuilder shapes = GeneratedCheckpoints.target(config, "F16");
        SafetensorsBuilder sparse = new SafetensorsBuilder();
        List<String> scales = new ArrayList<>();
        for (String name : shapes.names()) {
            long[] shape = shapes.shape(name);
            String module = name.substring(0, name.length() - ".weight".length());
            if (!name.endsWith("_proj.weight")) {
                sparse.add(name, "F16", shape);
            } else if (form.int4()) {
                boolean awq = form == Form.AWQ;
                sparse.add(module + ".qweight", "I32", awq ? shape[1] : shape[1] / 8, awq ? shape[0] / 8 : shape[0]);
                sparse.add(module + ".qzeros", "I32", shape[1] / group, shape[0] / 8);
                sparse.add(module + ".scales", "F16", shape[1] / group, shape[0]);
                scales.add(module + ".scales");
            } else {
                sparse.add(name, "F8_E4M3", shape);
                boolean channels = form == Form.COMPRESSED;
                sparse.add(module + ".weight_scale", "F32", channels ? new long[] { shape[0], 1 } : new long[0]);
                sparse.add(module + ".input_scale", "F32");
                scales.addAll(List.of(module + ".weight_scale", module + ".input_scale"));
            }
        }
        sparse.writeSparse(folder.resolve("model.safetensors"));
        scales.forEach(name -> sparse.fill(folder.resolve("model.safetensors"), name, scale));
        return folder;
    }

    static void writeConfig(Path folder, ModelConfig config, Form form, int group) {
        ObjectNode json = GeneratedCheckpoints.json(config);
        try {
            json.setAll((ObjectNode) MAPPER.readTree(form.json.formatted(group)));
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
        GeneratedCheckpoints.write(folder.resolve("config.json"), json);
    }

    private static double[] int4(SafetensorsBuilder own, String module, int rows, int columns, Form form, int group,
            Random random) {
        int groups = columns / group;
        int[][] level = new int[columns][rows];
        int[][] zero = new int[groups][rows];
        double[] scales = new double[groups * rows];
        for (int[] line : level) {
            for (int n = 0; n < rows; n++) {
                line[n] = random.nextInt(16);
            }
        }
        for (int g = 0; g < groups; g++) {
            for (int n = 0; n < rows; n++) {
                zero[g][n] = form == Form.GPTQ_SYMMETRIC || form == Form.COMPRESSED_INT4 ? 8
                        : form == Form.GPTQ ? 1 + random.nextInt(15) : random.nextInt(16);
                scales[g * rows + n] = (16 + random.nextInt(16)) / 16.0 / 8
                        / (1 << (int) Math.round(Math.log(columns) / Math.log(4)));
            }
        }
        double[] values = new double[rows * columns];
        for (int n = 0; n < rows; n++) {
            for (int k = 0; k < columns; k++) {
                values[n * columns + k] = scales[k / group * rows + n] * (level[k][n] - zero[k / group][n]);
            }
        }
        if (form == Form.COMPRESSED_INT4) {
            int[][] byRows = new int[rows][columns];
            double[] scalesByRows = new double[scales.length];
            for (int n = 0; n < rows; n++) {
                for (int k = 0; k < columns; k++) {
                    byRows[n][k] = level[k][n];
                    scalesByRows[n * groups + k / group] = scales[k / group * rows + n];
                }
            }
            own.addValues(module + ".weight_packed", "I32", alongRows(byRows, IN_ORDER, 0), rows, columns / 8);
            own.addValues(module + ".weight_scale", "F16", scalesByRows, rows, groups);
            own.addIntegers(module + ".weight_shape", rows, columns);
            return values;
        }
        if (form == Form.AWQ) {
            own.addValues(module + ".qweight", "I32", alongRows(level, AWQ_ORDER, 0), columns, rows / 8);
            own.addValues(module + ".qzeros", "I32", alongRows(zero, AWQ_ORDER, 0), groups, rows / 8);
        } else {
            double[] packed = new double[columns / 8 * rows];
            for (int i = 0; i < columns / 8; i++) {
                for (int n = 0; n < rows; n++) {
                    int bits = 0;
                    for (int j = 0; j < 8; j++) {
                        bits |= level[8 * i + j][n] << 4 * j;
                    }
                    packed[i * rows + n] = bits;
                }
            }
            own.addValues(module + ".qweight", "I32", packed, columns / 8, rows);
            own.addValues(module + ".qzeros", "I32",
                    alongRows(zero, IN_ORDER, form == Form.GPTQ_V2 ? 0 : 1), groups, rows / 8);
            double[] index = new double[columns];
            for (int k = 0; k < columns; k++) {
                index[k] = k / group;
            }
            own.addValues(module + ".g_idx", "I32", index, columns);
        }
        own.addValues(module + ".scales", "F16", scales, groups, rows);
        return values;
    }

    /** Eight neighbours of a line in an integer, each lowered. */
    private static double[] alongRows(int[][] lines, int[] order, int lowered) {
        int width = lines[0].length / 8;
        double[] packed = new double[lines.length * width];
        for (int k = 0; k < lines.length; k++) {
            for (int i = 0; i < width; i++) {
                int bits = 0;
                for (int j = 0; j < 8; j++) {
                    bits |= lines[k][8 * i + order[j]] - lowered << 4 * j;
                }
                packed[k * width + i] = bits;
            }
        }
        return packed;
    }

    private static double[] float8(SafetensorsBuilder own, String module, int rows, int columns, Form form, Random random) {
        boolean channels = form != Form.MODELOPT;
        double[] scales = new double[channels ? rows : 1];
        for (int i = 0; i < scales.length; i++) {
            scales[i] = (8 + random.nextInt(8)) / 8.0 / 128 / Math.sqrt(columns);
            scales[i] = (float) scales[i];
        }
        double[] bits = new double[rows * columns];
        double[] values = new double[rows * columns];
        for (int i = 0; i < bits.length; i++) {
            int code = random.nextInt(127) | random.nextInt(2) << 7;
            bits[i] = code;
            values[i] = e4m3(code) * (float) scales[channels ? i / columns : 0];
        }
        own.addValues(module + ".weight", "F8_E4M3", bits, rows, columns);
        if (channels) {
            own.addValues(module + ".weight_scale", "F32", scales, rows, 1);
        } else {
            own.addValues(module + ".weight_scale", "F32", scales);
        }
        if (form != Form.COMPRESSED_DYNAMIC) {
            own.addValues(module + ".input_scale", "F32",
                    new double[] { module.endsWith("v_proj") && channels ? 5 / 256.0 : 1 / 64.0 });
        }
        return values;
    }

    /** By the definition: sign, four bits of exponent with bias 7, three of mantissa. */
    public static float e4m3(int code) {
        int exponent = code >> 3 & 15;
        double magnitude = exponent == 0 ? Math.pow(2, -6) * (code & 7) / 8
                : Math.pow(2, exponent - 7) * (1 + (code & 7) / 8.0);
        return (float) (code > 127 ? -magnitude : magnitude);
    }
}

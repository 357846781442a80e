package io.quarkiverse.eagle.graph.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

import io.quarkiverse.eagle.graph.checkpoint.Checkpoint;
import io.quarkiverse.eagle.graph.checkpoint.ModelConfig;
import io.quarkiverse.eagle.graph.onnx.Attribute;
import io.quarkiverse.eagle.graph.onnx.ElementType;
import io.quarkiverse.eagle.graph.onnx.OnnxGraph;
import io.quarkiverse.eagle.graph.onnx.Value;

/** The blocks of a LLaMA-like decoder layer. Rows of all sequences are flat, {@code [R, hidden]} with {@code R = B · T}. */
final class DecoderLayers {

    /** Rows of a multiple of it are added up alike by ONNX Runtime, wherever they lie among others. */
    private static final int VECTOR = 16;

    private final OnnxGraph graph;
    private final ModelConfig config;
    private final Checkpoint checkpoint;
    private final Weights weights;
    private final Projections projections;
    private final KvPool pool;
    private final ResidualBasis basis;
    private final ElementType type;
    private final StepInputs step;
    private final Value cos;
    private final Value sin;
    private final Value headsShape;

    DecoderLayers(OnnxGraph graph, ModelConfig config, Checkpoint checkpoint, Weights weights, Projections projections,
            KvPool pool, GraphOptions options, ResidualBasis basis, StepInputs step) {
        this.graph = graph;
        this.config = config;
        this.checkpoint = checkpoint;
        this.weights = weights;
        this.projections = projections;
        this.pool = pool;
        this.basis = basis;
        this.type = options.precision().activations();
        this.step = step;
        RotaryTable table = RotaryTable.of(config, options.poolRows());
        this.cos = weights.values("rotary_cos", type, table.cos(), table.rows(), table.columns());
        this.sin = weights.values("rotary_sin", type, table.sin(), table.rows(), table.columns());
        this.headsShape = graph.node("Concat",
                List.of(graph.node("Shape", List.of(step.inputIds())),
                        graph.longs(config.heads() + 2L * config.kvHeads(), config.headDim())),
                Attribute.of("axis", 0));
    }

    /**
     * One layer: {@code x + attention(norm(x))}, then {@code x + mlp(norm(x))}.
     *
     * @param prefix of the layer's tensors, for example {@code model.layers.0.}
     * @param inputNorm false for the first layer of an EAGLE head, which reads its input as it is
     */
    Value layer(int layer, String prefix, Value x, boolean inputNorm) {
        return layer(layer, prefix, x, input(prefix, x, inputNorm), false);
    }

    /** One layer, of the rows that are wanted: {@code [B · outputs, hidden]}; the others leave their keys and values. */
    Value wantedOfLayer(int layer, String prefix, Value x, boolean inputNorm) {
        return layer(layer, prefix, x, input(prefix, x, inputNorm), true);
    }

    private Input input(String prefix, Value x, boolean inputNorm) {
        return inputNorm ? normalised(x, prefix + "input_layernorm.weight") : asItIs(x);
    }

    /**
     * The layer of an EAGLE-3 head: {@code x + attention([norm(token); norm(x)])}, then {@code x + mlp(norm(x))}; of the
     * rows that are wanted, as {@link #wantedOfLayer}.
     *
     * @param prefix of the layer's tensors
     * @param x features, {@code [R, hidden]}
     * @param tokens rows of an embedding table, alike
     * @param table the basis of that table's rows
     */
    Value wantedOfLayerBesideTokens(String prefix, Value x, Value tokens, ResidualBasis table) {
        String tokenNorm = prefix + "input_layernorm.weight";
        String featureNorm = prefix + "hidden_norm.weight";
        int hidden = config.hidden();
        Value both = graph.node("Concat", List.of(rmsNorm(tokens, tokenNorm, table), rmsNorm(x, featureNorm)),
                Attribute.of("axis", 1));
        return layer(0, prefix, x, new Input(ofRows -> ofRows.prepare(both), 1, (tensor, count) -> {
            Rows rows = Rows.of(checkpoint, tensor, count, 2 * hidden);
            return table.reading(rows.part(0, hidden), checkpoint, tokenNorm)
                    .beside(basis.reading(rows.part(hidden, hidden), checkpoint, featureNorm));
        }), true);
    }

    /**
     * What projections read.
     *
     * @param prepare makes rows ready for them, divided by {@code unit}
     * @param matrices the form in which a tensor of so many rows is for the rows as they are
     */
    private record Input(Function<Projections, Projections.Prepared> prepare, float unit, Matrices matrices) {

        /** A tensor of so many rows in the form that multiplies the prepared rows. */
        Rows weights(String tensor, int count) {
            Rows rows = matrices.of(tensor, count);
            float[] units = constant(count, unit);
            return units == null ? rows : rows.scaled(units, null);
        }
    }

    private interface Matrices {
        Rows of(String tensor, int count);
    }

    private Value layer(int layer, String prefix, Value x, Input input, boolean wantedOnly) {
        Value rows = wantedOnly ? step.wanted(graph, step.bySequence(graph, x, config.hidden()), config.hidden()) : x;
        Projections ofRows = wantedOnly ? projections.forRows(rows) : projections;
        Value attended = add(rows, attention(layer, prefix, input, ofRows, wantedOnly));
        return add(attended, mlp(prefix, normalised(attended, prefix + "post_attention_layernorm.weight"), ofRows));
    }

    private Value attention(int layer, String prefix, Input input, Projections ofRows, boolean wantedOnly) {
        int heads = config.heads();
        int kvHeads = config.kvHeads();
        float[] valueUnits = valueUnits(prefix + "self_attn.v_proj", input.matrices());
        Value qkv = qkv(prefix + "self_attn.", input, valueUnits);
        Value byRow = graph.shaped(graph.node("Reshape", List.of(qkv, headsShape)), type, "batch", "rows",
                heads + 2 * kvHeads, config.headDim());
        Value byHead = graph.node("Transpose", List.of(byRow), Attribute.ofInts("perm", 0, 2, 1, 3));
        List<Value> rotatedAndValue = split(byHead, heads + kvHeads, kvHeads);
        Value rotated = graph.node("RotaryEmbedding", List.of(rotatedAndValue.get(0), cos, sin, step.positionIds()));
        List<Value> queryAndKey = split(rotated, heads, kvHeads);
        Value query = wantedOnly ? step.wantedByHead(graph, queryAndKey.get(0), heads) : queryAndKey.get(0);
        Value attended = pool.attend(layer, query, queryAndKey.get(1), rotatedAndValue.get(1), wantedOnly);
        Value flat = graph.shaped(graph.node("Reshape", List.of(
                graph.node("Transpose", List.of(attended), Attribute.ofInts("perm", 0, 2, 1, 3)),
                graph.longs(-1, (long) heads * config.headDim()))), type,
                wantedOnly ? StepInputs.FLAT_OUTPUTS : StepInputs.FLAT_ROWS, heads * config.headDim());
        String output = prefix + "self_attn.o_proj.weight";
        Rows rows = Rows.of(checkpoint, output, config.hidden(), heads * config.headDim());
        return ofRows.project(flat, output,
                basis.writing(valueUnits == null ? rows : rows.scaled(null, byQueryHead(valueUnits))));
    }

    /** Units of the value channels for order-free attention, {@code [kv_heads · head_dim]}; null for plain attention. */
    private float[] valueUnits(String projection, Matrices matrices) {
        OrderFreeAttention orderFree = pool.orderFree();
        if (orderFree == null) {
            return null;
        }
        int width = config.kvHeads() * config.headDim();
        double[] norms = matrices.of(projection + ".weight", width).norms();
        float[] bias = config.qkvBias() ? new Projections.Bias(checkpoint, projection + ".bias", width, null).values()
                : new float[width];
        float[] units = new float[width];
        for (int i = 0; i < width; i++) {
            units[i] = orderFree.unit(norms[i], bias[i]);
        }
        return units;
    }

    /** What each channel of the attention's output is to be multiplied with: a key-value head serves several query heads. */
    private float[] byQueryHead(float[] units) {
        int headDim = config.headDim();
        int group = config.heads() / config.kvHeads();
        float[] scales = new float[config.heads() * headDim];
        for (int i = 0; i < scales.length; i++) {
            int kvHead = i / headDim / group;
            scales[i] = (float) (units[kvHead * headDim + i % headDim] * pool.orderFree().outputScale());
        }
        return scales;
    }

    private List<Value> split(Value byHead, int first, int second) {
        return graph.nodes("Split", 2, List.of(byHead, graph.longs(first, second)), Attribute.of("axis", 1));
    }

    private Value qkv(String prefix, Input input, float[] valueUnits) {
        int kvWidth = config.kvHeads() * config.headDim();
        int[] widths = { config.heads() * config.headDim(), kvWidth, kvWidth };
        String[] names = { "q_proj", "k_proj", "v_proj" };
        float[][] scales = { constant(widths[0], (float) pool.queryScale()), null, inverse(valueUnits) };
        List<Rows> parts = new ArrayList<>();
        List<Projections.Bias> bias = new ArrayList<>();
        for (int i = 0; i < names.length; i++) {
            Rows rows = input.weights(prefix + names[i] + ".weight", widths[i]);
            parts.add(scales[i] == null ? rows : rows.scaled(scales[i], null));
            if (config.qkvBias()) {
                bias.add(new Projections.Bias(checkpoint, prefix + names[i] + ".bias", widths[i], scales[i]));
            }
        }
        return projections.project(input.prepare().apply(projections), prefix + "qkv", parts, bias);
    }

    private static float[] constant(int length, float value) {
        if (value == 1) {
            return null;
        }
        float[] values = new float[length];
        Arrays.fill(values, value);
        return values;
    }

    private static float[] inverse(float[] values) {
        if (values == null) {
            return null;
        }
        float[] inverse = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            inverse[i] = 1 / values[i];
        }
        return inverse;
    }

    private Value mlp(String prefix, Input input, Projections ofRows) {
        int width = config.intermediate();
        Projections.Prepared prepared = input.prepare().apply(ofRows);
        Rows gateRows = input.weights(prefix + "mlp.gate_proj.weight", width);
        Rows upRows = input.weights(prefix + "mlp.up_proj.weight", width);
        Value gate;
        Value up;
        if (ofRows instanceof Projections.Int8) {
            // Taking one product apart costs a pass over it, more than a second product.
            gate = ofRows.project(prepared, prefix + "mlp.gate_proj", List.of(gateRows), List.of());
            up = ofRows.project(prepared, prefix + "mlp.up_proj", List.of(upRows), List.of());
        } else {
            Value both = ofRows.project(prepared, prefix + "mlp.gate_up", List.of(gateRows, upRows), List.of());
            List<Value> parts = graph.nodes("Split", 2, List.of(both, graph.longs(width, width)), Attribute.of("axis", 1));
            gate = parts.get(0);
            up = parts.get(1);
        }
        Value silu = graph.node("Mul", List.of(gate, graph.node("Sigmoid", List.of(gate))));
        return ofRows.project(graph.node("Mul", List.of(silu, up)), prefix + "mlp.down_proj.weight",
                writing(prefix + "mlp.down_proj.weight", width));
    }

    Value rmsNorm(Value x, String tensor) {
        return rmsNorm(x, tensor, basis);
    }

    private Value rmsNorm(Value x, String tensor, ResidualBasis basis) {
        return graph.node("RMSNormalization", List.of(x, basis.gain(weights, type, checkpoint, tensor, config.hidden())),
                Attribute.of("axis", -1), Attribute.of("epsilon", config.normEpsilon()));
    }

    private Value add(Value a, Value b) {
        return graph.node("Add", List.of(a, b));
    }

    private Input asItIs(Value x) {
        return new Input(ofRows -> ofRows.prepare(x), 1,
                (tensor, count) -> Rows.of(checkpoint, tensor, count, config.hidden()));
    }

    private Input normalised(Value x, String norm) {
        int hidden = config.hidden();
        Matrices matrices = (tensor, count) -> basis.reading(Rows.of(checkpoint, tensor, count, hidden), checkpoint, norm);
        if (projections instanceof Projections.Int8 && basis.gainIsOne() && hidden % VECTOR == 0) {
            return new Input(ofRows -> ((Projections.Int8) ofRows).prepareNormalised(x, hidden, config.normEpsilon()),
                    (float) Math.sqrt(hidden), matrices);
        }
        return new Input(ofRows -> ofRows.prepare(rmsNorm(x, norm)), 1, matrices);
    }

    private Rows writing(String tensor, int columns) {
        return basis.writing(Rows.of(checkpoint, tensor, config.hidden(), columns));
    }
}

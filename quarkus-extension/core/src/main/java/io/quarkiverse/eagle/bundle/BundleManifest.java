package io.quarkiverse.eagle.bundle;

import java.util.List;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonInclude;

/**
 * {@code bundle.json}: everything that a loader must know of an engine bundle before it opens a graph.
 *
 * @param formatVersion {@link #FORMAT_VERSION} of the writer
 * @param name the model's name
 * @param checkpoint file that the weights came from, with the folder it lay in
 * @param head file that the draft head came from, with the folder it lay in; null without one
 * @param target runtime that the graphs are for: {@code onnxruntime} or {@code tensorrt}
 * @param precision {@code int8}, {@code fp32}, {@code fp16} or {@code bf16}
 * @param update {@code in-place} or {@code functional}: how a step hands back the KV pool
 * @param maxLength most tokens of one sequence
 * @param slots sequences of the KV pool
 * @param bosId first token of a text, -1 when there is none
 * @param eosIds tokens that end an answer
 * @param model the target's dimensions
 * @param targetGraph the target engine
 * @param draftGraph the draft engine, null without an EAGLE head
 * @param heads Medusa and Hydra heads, one of a kind; empty without any
 * @param knownAnswer graph that tells whether signed integer kernels saturate on a CPU; null unless int8
 * @param acceptance measured mean tokens per cycle by node budget, fewest nodes first; a prior for choosing a budget, may be
 *        empty
 * @param files every other file of the bundle
 * @param plans what the bundle's TensorRT plans were built with; null, and absent from the file, without plans
 * @param checksum SHA-256 over the manifest's own fields, this one left out
 */
public record BundleManifest(int formatVersion, String name, String checkpoint, String head, String target, String precision,
        String update, int maxLength, int slots, int bosId, List<Integer> eosIds, Model model, Graph targetGraph,
        Graph draftGraph, @JsonInclude(JsonInclude.Include.NON_EMPTY) List<Graph> heads, String knownAnswer,
        List<Acceptance> acceptance, List<FileEntry> files,
        @JsonInclude(JsonInclude.Include.NON_NULL) TensorRtPlans plans, String checksum) {

    /** What this version reads and writes. */
    public static final int FORMAT_VERSION = 1;

    /** The manifest's file name. */
    public static final String FILE = "bundle.json";

    public static final String TOKENIZER = "tokenizer.json";

    public static final String CHAT_TEMPLATE = "chat_template.jinja";

    @JsonCreator
    public BundleManifest {
        eosIds = eosIds == null ? List.of() : List.copyOf(eosIds);
        heads = heads == null ? List.of() : List.copyOf(heads);
        acceptance = acceptance == null ? List.of() : List.copyOf(acceptance);
        files = files == null ? List.of() : List.copyOf(files);
    }

    /** A bundle with at most an EAGLE head, and without TensorRT plans. */
    public BundleManifest(int formatVersion, String name, String checkpoint, String head, String target, String precision,
            String update, int maxLength, int slots, int bosId, List<Integer> eosIds, Model model, Graph targetGraph,
            Graph draftGraph, String knownAnswer, List<Acceptance> acceptance, List<FileEntry> files, String checksum) {
        this(formatVersion, name, checkpoint, head, target, precision, update, maxLength, slots, bosId, eosIds, model,
                targetGraph, draftGraph, List.of(), knownAnswer, acceptance, files, null, checksum);
    }

    /** The same bundle with the plans of its graphs, and the files that it has then. */
    public BundleManifest withPlans(TensorRtPlans built, List<FileEntry> listed) {
        return new BundleManifest(formatVersion, name, checkpoint, head, target, precision, update, maxLength, slots, bosId,
                eosIds, model, targetGraph, draftGraph, heads, knownAnswer, acceptance, listed, built, null);
    }

    /** The same manifest with another checksum. */
    BundleManifest withChecksum(String value) {
        return new BundleManifest(formatVersion, name, checkpoint, head, target, precision, update, maxLength, slots, bosId,
                eosIds, model, targetGraph, draftGraph, heads, knownAnswer, acceptance, files, plans, value);
    }

    /** The target's dimensions and constants, as {@code config.json} would give them. */
    public record Model(String family, int vocabulary, int hidden, int intermediate, int layers, int heads, int kvHeads,
            int headDim, double normEpsilon, double ropeTheta, boolean tiedEmbeddings) {
    }

    /**
     * One engine.
     *
     * @param kind {@code target}, {@code eagle}, {@code eagle3}, {@code medusa} or {@code hydra}; beside an {@code eagle3}
     *        draft the target's features are three layers' streams, fused by the head's {@code fc}, otherwise its last hidden
     *        state
     * @param file the graph; with signed weights when the precision is int8
     * @param unsignedFile the same graph for CPUs whose signed kernels saturate, null unless int8
     * @param layers layers with a KV pool; 0 for heads that read features and tokens alone
     * @param kvHeads heads of the pool
     * @param headDim width of a head
     * @param kvType element type of the pool: {@code float32}, {@code float16} or {@code bfloat16}
     * @param featureSize width of a feature row
     * @param topK tokens that a row returns
     * @param vocabulary width of a row's logits (the reduced vocabulary for a draft)
     * @param maxRows most rows per sequence of one step; of Medusa and Hydra the number of heads
     * @param signed int8 weights whose sign bit the unsigned graph wants flipped
     * @param shared weights that lie in another engine's file; the loader maps them and gives them to every step as inputs
     */
    public record Graph(String kind, String file, String unsignedFile, int layers, int kvHeads, int headDim, String kvType,
            int featureSize, int topK, int vocabulary, int maxRows, List<Weight> signed, List<Weight> shared) {

        public Graph {
            signed = signed == null ? List.of() : List.copyOf(signed);
            shared = shared == null ? List.of() : List.copyOf(shared);
        }
    }

    /**
     * A weight inside one of the bundle's files.
     *
     * @param name initializer name in the graph
     * @param type {@code int8}, {@code float16}, {@code float32} or {@code bfloat16}
     * @param shape row-major
     * @param file path inside the bundle
     * @param offset first byte
     * @param length bytes
     */
    public record Weight(String name, String type, List<Long> shape, String file, long offset, long length) {
    }

    /** Mean tokens per cycle that a budget of so many nodes reached. */
    public record Acceptance(int nodes, double tau) {
    }

    /** A file of the bundle with its size in bytes and SHA-256 in lower-case hex. */
    public record FileEntry(String path, long size, String sha256) {
    }
}

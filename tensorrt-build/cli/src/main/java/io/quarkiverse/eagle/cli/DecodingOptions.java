package io.quarkiverse.eagle.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Executor;

import io.quarkiverse.eagle.Acceptance;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.ResponseFormat;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.VerifiedFiles;
import io.quarkiverse.eagle.cli.bench.Processor;
import io.quarkiverse.eagle.decode.ModelOptions;
import io.quarkiverse.eagle.draft.CostCache;
import io.quarkiverse.eagle.draft.Drafters;
import io.quarkiverse.eagle.draft.SpeculativeDrafter;
import io.quarkiverse.eagle.graph.DefaultBundle;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeOptions;
import io.quarkiverse.eagle.triton.TritonOptions;
import io.quarkiverse.eagle.triton.client.TritonClientOptions;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The options of every command that decodes: which model, how to draft, how to sample. */
final class DecodingOptions {

    @Option(names = "--model", paramLabel = "BUNDLE", description = "Engine bundle to run; without it the default bundle,"
            + " which is built on first use.")
    private Path bundle;

    @Option(names = "--triton", paramLabel = "HOST:PORT", split = ",", description = "Run the engines at this Triton server,"
            + " whose models were made from the same bundle; several, separated by commas, in order of preference.")
    private List<String> triton = List.of();

    @Option(names = "--draft-model", paramLabel = "BUNDLE", description = "Bundle of a small language model with the same"
            + " tokenizer, which drafts for --drafter speculative in this process.")
    private Path draftModel;

    @Option(names = "--drafter", paramLabel = "NAME", description = "eagle2, eagle (static tree), pld (prompt"
            + " lookup), lookahead, medusa, hydra, speculative (with --draft-model), mixed (eagle2 and pld in one tree), or"
            + " none for plain decoding; without it eagle2 where the bundle has a draft head.")
    private String drafter;

    @Option(names = "--acceptance", paramLabel = "RULE", converter = ToAcceptance.class, description = "With --drafter"
            + " speculative: coupled keeps the text that plain decoding has for the seed, rejection (the papers' rule) its"
            + " distribution alone; with a seed its chains have 4 tokens unless --nodes or --depth say otherwise (default:"
            + " coupled).")
    private Acceptance acceptance;

    @Option(names = "--nodes", paramLabel = "N", description = "Fixed draft tree: nodes that a cycle verifies (default with"
            + " a fixed tree: 60; without any of the three the tree adapts).")
    private Integer nodes;

    @Option(names = "--top-k-draft", paramLabel = "K", description = "Fixed draft tree: children of a node, and nodes"
            + " expanded per level (default: 10).")
    private Integer draftTopK;

    @Option(names = "--depth", paramLabel = "D", description = "Fixed draft tree: levels (default: 6).")
    private Integer depth;

    @Option(names = "--temperature", paramLabel = "T", defaultValue = "0", description = "0 always takes the most probable"
            + " token; 1 samples from the model's own distribution (default: ${DEFAULT-VALUE}).")
    private double temperature;

    @Option(names = "--top-p", paramLabel = "P", defaultValue = "1", description = "Sample from the most probable tokens"
            + " that hold this share (default: ${DEFAULT-VALUE}).")
    private double topP;

    @Option(names = "--top-k", paramLabel = "K", defaultValue = "0", description = "Sample from the K most probable tokens,"
            + " 0 for all (default: ${DEFAULT-VALUE}).")
    private int topK;

    @Option(names = "--min-p", paramLabel = "P", defaultValue = "0", description = "Drop tokens less probable than this"
            + " share of the best one (default: ${DEFAULT-VALUE}).")
    private double minP;

    @Option(names = "--repetition-penalty", paramLabel = "X", defaultValue = "1", description = "Weaken tokens of the prompt"
            + " and the answer, 1 is off (default: ${DEFAULT-VALUE}).")
    private double repetitionPenalty;

    @Option(names = "--presence-penalty", paramLabel = "X", defaultValue = "0", description = "Subtract from tokens that the"
            + " answer has, 0 is off (default: ${DEFAULT-VALUE}).")
    private double presencePenalty;

    @Option(names = "--frequency-penalty", paramLabel = "X", defaultValue = "0", description = "Subtract from tokens once per"
            + " time the answer has them, 0 is off (default: ${DEFAULT-VALUE}).")
    private double frequencyPenalty;

    @Option(names = "--seed", paramLabel = "N", description = "Makes sampling repeatable, with any drafter.")
    private Long seed;

    @Option(names = "--max-tokens", paramLabel = "N", defaultValue = "256", description = "Most tokens of an answer"
            + " (default: ${DEFAULT-VALUE}).")
    private int maxTokens;

    @Option(names = "--stop", paramLabel = "TEXT", description = "Ends the answer before this text; may be repeated.")
    private List<String> stop = List.of();

    @Option(names = "--raw", description = "Continue the prompt as it stands, without the chat template.")
    private boolean raw;

    @Option(names = "--threads", paramLabel = "N", defaultValue = "0", description = "Threads of one step, 0 for all cores"
            + " (default: ${DEFAULT-VALUE}).")
    private int threads;

    @Option(names = "--verify", description = "Verify the checksums of all files of the bundle, also of those that have not"
            + " changed since they were verified.")
    private boolean verify;

    @Option(names = "--json", description = "Print one JSON document on standard output and nothing else.")
    private boolean json;

    @Option(names = "--json-object", description = "Hold the answer to a JSON object while it is decoded.")
    private boolean jsonObject;

    @Option(names = "--json-schema", paramLabel = "FILE", description = "Hold the answer to a JSON Schema while it is decoded.")
    private Path jsonSchema;

    /** How to generate, checked; the drafter and the budget are the model's ({@link #model}). */
    GenerationOptions generation() {
        return new GenerationOptions(0, temperature, topK, topP, minP, repetitionPenalty, presencePenalty, frequencyPenalty,
                seed, stop, 0, null, null, null, acceptance, format()).withMaxTokens(maxTokens);
    }

    private ResponseFormat format() {
        if (jsonSchema == null) {
            return jsonObject ? ResponseFormat.json() : ResponseFormat.text();
        }
        if (jsonObject) {
            throw new UsageException("--json-object and --json-schema are two forms of one answer; leave one of them out");
        }
        try {
            return ResponseFormat.jsonSchema(Files.readString(jsonSchema));
        } catch (IOException e) {
            throw new UsageException("the schema " + jsonSchema + " cannot be read: " + e.getMessage());
        }
    }

    /** How the model decodes, checked. */
    ModelOptions model(Executor emission) {
        return new ModelOptions(drafter, budget(), ModelOptions.DEFAULT_QUEUE_LIMIT, emission)
                .withCosts(new CostCache(DefaultBundle.cacheFolder().resolve("costs"), setup()));
    }

    /** What a step's time depends on beside the bundle. */
    private String setup() {
        return Processor.current() + ", " + (triton.isEmpty() ? engines() : "Triton at " + triton);
    }

    /** Fails unless there is such a drafter. */
    static void requireDrafter(String name) {
        new ModelOptions(name, null, ModelOptions.DEFAULT_QUEUE_LIMIT, Runnable::run);
    }

    /** How the engines run, checked. Nothing else runs in this process, so its threads may spin. */
    OnnxRuntimeOptions engines() {
        if (threads < 0) {
            throw new UsageException("--threads is " + threads + "; it must be positive, or 0 for all cores");
        }
        return new OnnxRuntimeOptions(1, threads, true);
    }

    /** How engines at a Triton server are reached, checked; null when they run in this process. */
    TritonOptions triton() {
        try {
            return triton.isEmpty() ? null
                    : TritonOptions.of(TritonClientOptions.of(triton.toArray(String[]::new))).withSlots(1);
        } catch (IllegalArgumentException e) {
            throw new UsageException("--triton: " + e.getMessage());
        }
    }

    /** Fails on whatever is wrong with the options themselves, before any work. */
    void check() {
        checkFor(drafter == null ? List.of() : List.of(drafter));
    }

    /** The same where not {@code --drafter} says what drafts, but a list of drafters. */
    void checkFor(List<String> drafters) {
        if (acceptance == Acceptance.REJECTION && !drafters.contains(SpeculativeDrafter.NAME)) {
            Drafters.requireDraws(drafters.isEmpty() ? null : String.join(", ", drafters));
        }
        generation();
        model(Runnable::run);
        engines();
        triton();
    }

    /** The fixed tree, null for an adaptive one. */
    TreeBudget budget() {
        if (nodes == null && draftTopK == null && depth == null) {
            return null;
        }
        return new TreeBudget(nodes == null ? TreeBudget.PAPER.nodes() : nodes,
                draftTopK == null ? TreeBudget.PAPER.topK() : draftTopK,
                depth == null ? TreeBudget.PAPER.depth() : depth);
    }

    /** Opens a bundle whose engines run in this process, with its files verified. */
    Bundle open(Path folder) {
        return verify ? Bundle.open(folder)
                : Bundle.open(folder, new VerifiedFiles(DefaultBundle.cacheFolder().resolve("verified")));
    }

    /** The bundle that was named, null for the default one. */
    Path bundle() {
        return bundle;
    }

    /** The bundle of the small language model that drafts, null for none. */
    Path draftModel() {
        return draftModel;
    }

    boolean raw() {
        return raw;
    }

    boolean json() {
        return json;
    }

    static final class ToAcceptance implements ITypeConverter<Acceptance> {
        @Override
        public Acceptance convert(String given) {
            return switch (given) {
                case "coupled" -> Acceptance.COUPLED;
                case "rejection" -> Acceptance.REJECTION;
                default -> throw new TypeConversionException("\"" + given + "\" is not one of coupled, rejection");
            };
        }
    }
}

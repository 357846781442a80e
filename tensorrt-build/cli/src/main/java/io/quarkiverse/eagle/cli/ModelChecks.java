package io.quarkiverse.eagle.cli;

import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleException;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.decode.ModelOptions;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.draft.CostCurve;
import io.quarkiverse.eagle.draft.CostMeasurement;
import io.quarkiverse.eagle.draft.PlainDrafter;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeEngines;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeOptions;

/** Whether the bundle is whole, its engines run, and what drafting brings on this machine. */
final class ModelChecks {

    private static final String PROMPT = "Explain in a few sentences how a sailing boat can go against the wind.";
    private static final int TOKENS = 48;

    private final Consumer<Check> note;
    private final OnnxRuntimeOptions engineOptions;

    private ModelChecks(int threads, Consumer<Check> note) {
        this.note = note;
        this.engineOptions = new OnnxRuntimeOptions(1, threads, false);
    }

    /** @param folder the bundle's, null for the default one */
    static void run(Path folder, int threads, Consumer<Check> note) {
        ModelChecks checks = new ModelChecks(threads, note);
        Bundle bundle = checks.bundle(folder);
        if (bundle == null) {
            note.accept(RuntimeLibrary.examine());
        } else {
            checks.engines(bundle);
        }
    }

    private Bundle bundle(Path named) {
        Path folder = named != null ? named : DefaultModel.folder();
        if (folder == null) {
            note.accept(Check.warning("bundle", "the default bundle is not built yet",
                    "the first eagle chat builds it, with a download of about 90 MB"));
            return null;
        }
        try {
            long start = System.nanoTime();
            Bundle bundle = Bundle.open(folder);
            BundleManifest manifest = bundle.manifest();
            note.accept(Check.ok("bundle", String.format(Locale.ROOT,
                    "%s: %s, %s, %s, %d tokens at most; %d files verified in %.1f s", folder, manifest.name(),
                    manifest.precision(), manifest.draftGraph() == null ? "no draft head" : "with draft head",
                    manifest.maxLength(), manifest.files().size(), (System.nanoTime() - start) / 1e9)));
            return bundle;
        } catch (BundleException e) {
            note.accept(Check.problem("bundle", e.getMessage(), named != null ? "build it again: eagle build --out " + named
                    : "remove " + folder + "; the next eagle chat builds it again"));
            return null;
        }
    }

    private void engines(Bundle bundle) {
        ExecutorService emission = Executors.newSingleThreadExecutor();
        try {
            long start = System.nanoTime();
            EnginePair engines = OnnxRuntimeEngines.open(bundle, engineOptions);
            double openSeconds = (System.nanoTime() - start) / 1e9;
            note.accept(RuntimeLibrary.examine());
            if (bundle.manifest().knownAnswer() != null) {
                note.accept(RuntimeLibrary.integerKernels(bundle.file(bundle.manifest().knownAnswer())));
            }
            CostCurve withoutDraft = engines.draft() != null ? null
                    : CostMeasurement.measure(engines.target(), engines.target().shape().maxRows());
            try (SpeculativeModel model = SpeculativeModel.open(bundle, () -> engines,
                    new ModelOptions(null, null, ModelOptions.DEFAULT_QUEUE_LIMIT, emission))) {
                note.accept(Check.ok("engines", String.format(Locale.ROOT, "opened in %.1f s", openSeconds)));
                decode(model, withoutDraft);
            }
        } catch (RuntimeException | LinkageError e) {
            Throwable reason = Failures.reason(e);
            note.accept(Check.problem("engines", Failures.sentence(reason),
                    "eagle doctor --verbose shows more; if the bundle is older than this version, build it again"));
        } finally {
            emission.shutdown();
        }
    }

    private void decode(SpeculativeModel model, CostCurve withoutDraft) {
        GenerationResult plain = decode(model, PlainDrafter.NAME);
        if (model.economy() == null) {
            note.accept(Check.ok("decoding", rate(plain)));
            note.accept(Check.ok("cost", "target " + curve(withoutDraft)));
            note.accept(Check.warning("drafting", "the bundle has no draft head, so every token costs a whole step",
                    "build it with --head"));
            return;
        }
        long[] verified = new long[2];
        GenerationResult drafted = model.stream(request(null), (root, tree, accepted, emitted, count) -> {
            verified[0] += tree.size();
            verified[1]++;
        }).collect().last().await().indefinitely().result();
        if (!drafted.text().equals(plain.text())) {
            note.accept(Check.problem("decoding", "drafting changed the text of a greedy answer",
                    "use --drafter none, and report this with the output of eagle doctor --json"));
            return;
        }
        note.accept(Check.ok("decoding", rate(plain) + "; " + rate(drafted) + "; the same text"));
        note.accept(Check.ok("cost", "target " + curve(model.economy().target().curve()) + "; draft "
                + curve(model.economy().draft().curve())));
        double nodes = verified[1] == 0 ? 0 : verified[0] / (double) verified[1];
        double gain = plain.tokensPerSecond() == 0 ? 0 : drafted.tokensPerSecond() / plain.tokensPerSecond();
        String detail = String.format(Locale.ROOT, "%.1f nodes a cycle, τ %.2f, %.2f times plain decoding on one answer",
                nodes, drafted.tau(), gain);
        note.accept(nodes >= 1 ? Check.ok("drafting", detail)
                : Check.warning("drafting", detail, "on this machine a step of several rows costs nearly as much as several"
                        + " steps; more threads or a newer processor change that"));
    }

    private static GenerationResult decode(SpeculativeModel model, String drafter) {
        return model.generate(request(drafter)).await().indefinitely();
    }

    private static GenerationRequest request(String drafter) {
        return GenerationRequest.chat(PROMPT)
                .with(GenerationOptions.defaults().withMaxTokens(TOKENS).withDrafter(drafter));
    }

    private static String rate(GenerationResult result) {
        return String.format(Locale.ROOT, "%s: %.1f tokens/s", result.drafter(), result.tokensPerSecond());
    }

    private static String curve(CostCurve cost) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < cost.rows().length; i++) {
            text.append(i == 0 ? "" : ", ").append(String.format(Locale.ROOT, "%d rows %.1f ms", cost.rows()[i],
                    cost.seconds()[i] * 1e3));
        }
        return text.toString();
    }
}

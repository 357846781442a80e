package io.quarkiverse.eagle.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.cli.bench.BenchPrompt;
import io.quarkiverse.eagle.cli.bench.BenchReport;
import io.quarkiverse.eagle.cli.bench.Contender;
import io.quarkiverse.eagle.cli.bench.HtmlReport;
import io.quarkiverse.eagle.cli.bench.SixTaskBenchmark;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Compares drafters with plain decoding on six tasks, interleaved in one run. */
@Command(name = "bench", mixinStandardHelpOptions = true, versionProvider = Version.class, description = {
        "Compare drafters with plain decoding on six tasks, interleaved in one run: tokens per cycle, speed, equality." })
final class BenchCommand implements Callable<Integer> {

    private static final int MOST_AT_ONCE = 64;
    private static final int EQUAL = 0;
    private static final int DIFFERENT = 1;
    private static final Pattern CONTENDER = Pattern.compile("([a-z0-9]+)(?::(\\d+)/(\\d+)/(\\d+))?");

    private final Terminal terminal;

    @Mixin
    private DecodingOptions decoding;

    @Option(names = "--prompts", paramLabel = "FILE", description = "Prompts as JSONL with \"turns\" and \"task\" or"
            + " \"category\"; without it the project's own.")
    private Path prompts;

    @Option(names = "--limit", paramLabel = "N", defaultValue = "0", description = "Most prompts per task, 0 for all"
            + " (default: ${DEFAULT-VALUE}).")
    private int limit;

    @Option(names = "--drafters", paramLabel = "A,B", split = ",", defaultValue = "eagle2", description = "What to compare"
            + " with plain decoding; NAME:NODES/TOPK/DEPTH fixes a tree, as in eagle2:60/10/6 (default: ${DEFAULT-VALUE}).")
    private List<String> drafters;

    @Option(names = "--concurrency", paramLabel = "N", defaultValue = "1", description = "Generations that run at once"
            + " (default: ${DEFAULT-VALUE}).")
    private int concurrency;

    @Option(names = "--profile", description = "Print where the time of the cycles went.")
    private boolean profile;

    @Option(names = "--out", paramLabel = "DIR", description = "Where report.json and report.html are written.")
    private Path out;

    BenchCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() throws IOException {
        List<Contender> contenders = contenders();
        decoding.checkFor(contenders.stream().map(Contender::drafter).toList());
        if (limit < 0) {
            throw new UsageException("--limit is " + limit + "; it must be positive, or 0 for all prompts");
        }
        if (concurrency < 1 || concurrency > MOST_AT_ONCE) {
            throw new UsageException("--concurrency is " + concurrency + "; it must be between 1 and " + MOST_AT_ONCE);
        }
        List<BenchPrompt> questions = questions();
        BenchReport report;
        try (LoadedModel loaded = LoadedModel.openForMeasuring(decoding, terminal, concurrency);
                LongWork progress = new LongWork(terminal)) {
            GenerationOptions options = decoding.generation();
            SixTaskBenchmark benchmark = new SixTaskBenchmark(loaded.model(), contenders, options, concurrency);
            progress.beginCount("generations", benchmark.generations(questions));
            report = benchmark.run(questions, done -> progress.advance(1));
            progress.end();
        }
        if (out != null) {
            Files.createDirectories(out);
            new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValue(out.resolve("report.json").toFile(),
                    report);
            Files.writeString(out.resolve("report.html"), HtmlReport.render(report));
        }
        print(report);
        return report.differences() == 0 ? EQUAL : DIFFERENT;
    }

    private List<Contender> contenders() {
        List<Contender> contenders = new ArrayList<>();
        for (String drafter : drafters) {
            Matcher matcher = CONTENDER.matcher(drafter.trim());
            if (!matcher.matches()) {
                throw new UsageException("--drafters has \"" + drafter + "\"; write NAME or NAME:NODES/TOPK/DEPTH, separated"
                        + " by commas");
            }
            DecodingOptions.requireDrafter(matcher.group(1));
            TreeBudget budget = matcher.group(2) == null ? decoding.budget()
                    : new TreeBudget(Integer.parseInt(matcher.group(2)), Integer.parseInt(matcher.group(3)),
                            Integer.parseInt(matcher.group(4)));
            contenders.add(new Contender(drafter.trim(), matcher.group(1), budget));
        }
        return contenders;
    }

    private List<BenchPrompt> questions() throws IOException {
        try {
            if (prompts != null && !Files.isRegularFile(prompts)) {
                throw new UsageException("--prompts names " + prompts + ", which is no file");
            }
            return prompts == null ? BenchPrompt.own(limit) : BenchPrompt.read(prompts, limit);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private void print(BenchReport report) {
        if (decoding.json()) {
            Json.print(new ObjectMapper().valueToTree(report), terminal.out());
            return;
        }
        terminal.out().printf("%s, %d cores, %s%n%n", report.machine().cpu(), report.machine().cores(),
                report.machine().flags());
        if (concurrency > 1) {
            terminal.out().printf("%d generations at once; tokens/s of all of them, prompts included%n%n", concurrency);
        }
        terminal.out().printf("%-24s %-24s %8s %8s %10s %8s%n", "drafter", "task", "tokens", "tau", "tokens/s", "speed");
        for (BenchReport.Run run : report.runs()) {
            terminal.out().printf("%-24s %-24s %8d %8.2f %10.1f %7.2fx%n", run.drafter(), run.task(), run.tokens(), run.tau(),
                    run.tokensPerSecond(), run.speedup());
        }
        terminal.out().println();
        for (BenchReport.Total total : report.totals()) {
            terminal.out().printf("%-24s %-24s %8s %8.2f %10.1f %7.2fx%n", total.drafter(), "mean of the tasks", "",
                    total.tau(), total.tokensPerSecond(), total.speedup());
        }
        if (profile) {
            printProfile(report);
        }
        terminal.out().printf("%n%s%n", report.equality());
        if (out != null) {
            terminal.out().printf("Written: %s, %s%n", out.resolve("report.json"), out.resolve("report.html"));
        }
        terminal.out().flush();
    }

    /** The shares of a row add up to the whole; a step at a Triton server includes the way there and back. */
    private void printProfile(BenchReport report) {
        terminal.out().printf("%n%-24s %8s %10s %10s %10s%n", "time of the cycles", "nodes", "draft", "verify", "host");
        for (BenchReport.Total total : report.totals()) {
            double[] percent = total.times().percent();
            terminal.out().printf("%-24s %8.1f %9.1f%% %9.1f%% %9.1f%%%n", total.drafter(), total.nodes(), percent[0],
                    percent[1], percent[2]);
        }
    }
}

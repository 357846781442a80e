package io.quarkiverse.eagle.cli.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;

import io.quarkiverse.eagle.ChatMessage;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.draft.CostCurve;
import io.quarkiverse.eagle.draft.PlainDrafter;

/**
 * Runs every prompt through every contender in turn, so that all of them meet the same state of the machine, and compares their
 * tokens with plain decoding's. The order rotates from prompt to prompt.
 */
public final class SixTaskBenchmark {

    private final SpeculativeModel model;
    private final List<Contender> contenders;
    private final GenerationOptions options;
    private final Map<String, Map<String, Sum>> sums = new LinkedHashMap<>();
    private int differences;

    /** What one contender did on one task. */
    private static final class Sum {
        private int prompts;
        private int tokens;
        private int counted;
        private int cycles;
        private double seconds;
        private double promptSeconds;
    }

    /** @param contenders plain decoding is added when it is missing */
    public SixTaskBenchmark(SpeculativeModel model, List<Contender> contenders, GenerationOptions options) {
        this.model = model;
        this.contenders = new ArrayList<>(contenders);
        if (contenders.stream().noneMatch(contender -> contender.drafter().equals(PlainDrafter.NAME))) {
            this.contenders.add(0, new Contender(PlainDrafter.NAME, PlainDrafter.NAME, null));
        }
        this.options = options;
    }

    /** @param progress hears the number of each generation that is done */
    public BenchReport run(List<BenchPrompt> prompts, IntConsumer progress) {
        warmUp(prompts.get(0));
        int done = 0;
        for (int p = 0; p < prompts.size(); p++) {
            BenchPrompt prompt = prompts.get(p);
            List<ChatMessage> chat = new ArrayList<>();
            for (int turn = 0; turn < prompt.turns().size(); turn++) {
                chat.add(ChatMessage.user(prompt.turns().get(turn)));
                Map<Contender, GenerationResult> results = new LinkedHashMap<>();
                for (int i = 0; i < contenders.size(); i++) {
                    Contender contender = contenders.get((i + p + turn) % contenders.size());
                    results.put(contender, generate(chat, contender, options.withSeed(p * 31L + turn)));
                    progress.accept(++done);
                }
                chat.add(ChatMessage.assistant(compare(results)));
                int number = turn;
                results.forEach((contender, result) -> add(contender, prompt.task(), result, number == 0));
            }
        }
        return report(prompts);
    }

    /** Generations that a run makes. */
    public int generations(List<BenchPrompt> prompts) {
        return contenders.size() * prompts.stream().mapToInt(prompt -> prompt.turns().size()).sum();
    }

    private void warmUp(BenchPrompt prompt) {
        for (Contender contender : contenders) {
            generate(List.of(ChatMessage.user(prompt.turns().get(0))), contender,
                    options.withMaxTokens(Math.min(32, options.maxTokens())));
        }
    }

    private GenerationResult generate(List<ChatMessage> chat, Contender contender, GenerationOptions wanted) {
        return model.generate(GenerationRequest.chat(chat)
                .with(wanted.withDrafter(contender.drafter()).withBudget(contender.budget()))).await().indefinitely();
    }

    /** Counts outputs that differ from plain decoding's, and returns its text. */
    private String compare(Map<Contender, GenerationResult> results) {
        GenerationResult plain = results.entrySet().stream()
                .filter(entry -> entry.getKey().drafter().equals(PlainDrafter.NAME)).findFirst().orElseThrow().getValue();
        for (GenerationResult result : results.values()) {
            if (!Arrays.equals(result.tokenIds(), plain.tokenIds())) {
                differences++;
            }
        }
        return plain.text();
    }

    private void add(Contender contender, String task, GenerationResult result, boolean first) {
        Sum sum = sums.computeIfAbsent(contender.label(), label -> new LinkedHashMap<>())
                .computeIfAbsent(task, name -> new Sum());
        sum.prompts += first ? 1 : 0;
        sum.tokens += result.completionTokens();
        sum.counted += result.completionTokens() - 1;
        sum.cycles += result.cycles();
        sum.seconds += result.duration().minus(result.timeToFirstToken()).toNanos() / 1e9;
        sum.promptSeconds += result.timeToFirstToken().toNanos() / 1e9;
    }

    private BenchReport report(List<BenchPrompt> prompts) {
        List<String> tasks = new ArrayList<>(
                new LinkedHashSet<>(prompts.stream().map(BenchPrompt::task).toList()));
        String plain = contenders.stream().filter(contender -> contender.drafter().equals(PlainDrafter.NAME)).findFirst()
                .orElseThrow().label();
        List<BenchReport.Run> runs = new ArrayList<>();
        List<BenchReport.Total> totals = new ArrayList<>();
        for (Contender contender : contenders) {
            double tau = 0;
            double speedup = 0;
            double rate = 0;
            for (String task : tasks) {
                Sum sum = sums.get(contender.label()).get(task);
                Sum base = sums.get(plain).get(task);
                BenchReport.Run run = new BenchReport.Run(contender.label(), task, sum.prompts, sum.tokens, sum.cycles,
                        sum.counted / (double) sum.cycles, sum.seconds, sum.promptSeconds, sum.counted / sum.seconds,
                        (base.seconds / base.counted) / (sum.seconds / sum.counted));
                runs.add(run);
                tau += run.tau() / tasks.size();
                speedup += run.speedup() / tasks.size();
                rate += run.tokensPerSecond() / tasks.size();
            }
            totals.add(new BenchReport.Total(contender.label(), tau, speedup, rate));
        }
        return new BenchReport(machine(), model.name(), options.temperature(), options.maxTokens(), runs, totals,
                differences, costs());
    }

    private BenchReport.Costs costs() {
        if (model.economy() == null) {
            return null;
        }
        CostCurve target = model.economy().target().curve();
        CostCurve draft = model.economy().draft().curve();
        return new BenchReport.Costs(target.rows(), milliseconds(target), draft.rows(), milliseconds(draft));
    }

    private static double[] milliseconds(CostCurve curve) {
        return Arrays.stream(curve.seconds()).map(seconds -> seconds * 1e3).toArray();
    }

    private static BenchReport.Machine machine() {
        Processor processor = Processor.current();
        String cpu = processor.name().isEmpty() ? "unknown" : processor.name();
        String flags = processor.vectors() == null ? "" : String.join(" ", processor.vectors());
        return new BenchReport.Machine(cpu, Runtime.getRuntime().availableProcessors(), flags,
                System.getProperty("java.version"), System.getProperty("os.name") + " " + System.getProperty("os.arch"));
    }
}

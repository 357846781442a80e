package io.quarkiverse.eagle.cli.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.IntConsumer;

import io.quarkiverse.eagle.Acceptance;
import io.quarkiverse.eagle.ChatMessage;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.draft.CostCurve;
import io.quarkiverse.eagle.draft.PlainDrafter;
import io.smallrye.mutiny.Uni;

/**
 * Runs every prompt through every contender in turn, so that all of them meet the same state of the machine, and compares their
 * tokens with plain decoding's, where these are promised. The order rotates from prompt to prompt. With a concurrency above 1,
 * so many prompts of a task run at once.
 */
public final class SixTaskBenchmark {

    private final SpeculativeModel model;
    private final List<Contender> contenders;
    private final GenerationOptions options;
    private final int concurrency;
    private final Map<String, Map<String, Sum>> sums = new LinkedHashMap<>();
    private int differences;

    /** What one contender did on one task. */
    private static final class Sum {
        private final DepthCounts depths = new DepthCounts();
        private int prompts;
        private int tokens;
        private int counted;
        private int afterFirst;
        private int cycles;
        private double seconds;
        private double promptSeconds;
    }

    /** What prompts that ran at once brought. */
    private record Answers(List<GenerationResult> results, DepthCounts depths, double seconds) {
    }

    /**
     * @param contenders plain decoding is added when it is missing
     * @param concurrency generations that run at once, at most the model's slots
     */
    public SixTaskBenchmark(SpeculativeModel model, List<Contender> contenders, GenerationOptions options, int concurrency) {
        this.model = model;
        this.concurrency = concurrency;
        this.contenders = new ArrayList<>(contenders);
        if (contenders.stream().noneMatch(contender -> contender.drafter().equals(PlainDrafter.NAME))) {
            this.contenders.add(0, new Contender(PlainDrafter.NAME, PlainDrafter.NAME, null));
        }
        this.options = options;
    }

    /** @param progress hears the number of each generation that is done */
    public BenchReport run(List<BenchPrompt> prompts, IntConsumer progress) {
        warmUp(prompts.get(0));
        AtomicInteger done = new AtomicInteger();
        int first = 0;
        int number = 0;
        for (List<BenchPrompt> group : groups(prompts)) {
            runAtOnce(group, number++, first, result -> progress.accept(done.incrementAndGet()));
            first += group.size();
        }
        return report(prompts);
    }

    /** Prompts in their order, as many of one task in a row as run at once. */
    private List<List<BenchPrompt>> groups(List<BenchPrompt> prompts) {
        List<List<BenchPrompt>> groups = new ArrayList<>();
        for (BenchPrompt prompt : prompts) {
            List<BenchPrompt> last = groups.isEmpty() ? null : groups.get(groups.size() - 1);
            if (last == null || last.size() == concurrency || !last.get(0).task().equals(prompt.task())) {
                last = new ArrayList<>();
                groups.add(last);
            }
            last.add(prompt);
        }
        return groups;
    }

    /**
     * @param number the group's, which says who begins
     * @param first the group's first prompt's number
     */
    private void runAtOnce(List<BenchPrompt> group, int number, int first, Consumer<GenerationResult> done) {
        List<List<ChatMessage>> chats = group.stream().map(prompt -> (List<ChatMessage>) new ArrayList<ChatMessage>()).toList();
        int turns = group.stream().mapToInt(prompt -> prompt.turns().size()).max().orElseThrow();
        for (int turn = 0; turn < turns; turn++) {
            List<Integer> asking = new ArrayList<>();
            for (int i = 0; i < group.size(); i++) {
                if (turn < group.get(i).turns().size()) {
                    asking.add(i);
                    chats.get(i).add(ChatMessage.user(group.get(i).turns().get(turn)));
                }
            }
            Map<Contender, Answers> answers = new LinkedHashMap<>();
            for (int c = 0; c < contenders.size(); c++) {
                Contender contender = contenders.get((c + number + turn) % contenders.size());
                answers.put(contender, ask(contender, asking, chats, first, turn, done));
            }
            List<String> plain = compare(answers);
            for (int i = 0; i < asking.size(); i++) {
                chats.get(asking.get(i)).add(ChatMessage.assistant(plain.get(i)));
            }
            int newPrompts = turn == 0 ? group.size() : 0;
            answers.forEach((contender, result) -> add(contender, group.get(0).task(), result, newPrompts));
        }
    }

    private Answers ask(Contender contender, List<Integer> asking, List<List<ChatMessage>> chats, int first, int turn,
            Consumer<GenerationResult> done) {
        DepthCounts depths = new DepthCounts();
        long start = System.nanoTime();
        List<Uni<GenerationResult>> running = asking.stream()
                .map(i -> generate(chats.get(i), contender, options.withSeed((first + i) * 31L + turn), depths).invoke(done))
                .toList();
        List<GenerationResult> results = Uni.join().all(running).andFailFast().await().indefinitely();
        return new Answers(results, depths, (System.nanoTime() - start) / 1e9);
    }

    /** Generations that a run makes. */
    public int generations(List<BenchPrompt> prompts) {
        return contenders.size() * prompts.stream().mapToInt(prompt -> prompt.turns().size()).sum();
    }

    private void warmUp(BenchPrompt prompt) {
        for (Contender contender : contenders) {
            generate(List.of(ChatMessage.user(prompt.turns().get(0))), contender,
                    options.withMaxTokens(Math.min(32, options.maxTokens())), new DepthCounts()).await().indefinitely();
        }
    }

    private Uni<GenerationResult> generate(List<ChatMessage> chat, Contender contender, GenerationOptions wanted,
            DepthCounts depths) {
        GenerationRequest request = GenerationRequest.chat(chat)
                .with(wanted.withDrafter(contender.drafter()).withBudget(contender.budget())
                        .withAcceptance(contender.draws() ? wanted.acceptance() : null));
        return model.stream(request, depths).collect().last().map(GeneratedToken::result);
    }

    private boolean saysWhatPlainDecodingSays(Contender contender) {
        return !contender.draws() || options.acceptance() != Acceptance.REJECTION || options.greedy();
    }

    /** Counts outputs that differ from plain decoding's, and returns its texts. */
    private List<String> compare(Map<Contender, Answers> answers) {
        List<GenerationResult> plain = answers.entrySet().stream()
                .filter(entry -> entry.getKey().drafter().equals(PlainDrafter.NAME)).findFirst().orElseThrow().getValue()
                .results();
        answers.forEach((contender, each) -> {
            for (int i = 0; saysWhatPlainDecodingSays(contender) && i < plain.size(); i++) {
                if (!Arrays.equals(each.results().get(i).tokenIds(), plain.get(i).tokenIds())) {
                    differences++;
                }
            }
        });
        return plain.stream().map(GenerationResult::text).toList();
    }

    /**
     * Alone, a generation's decoding is timed, without its prompt. Of generations that run at once, prompts and decoding share
     * the time, so the whole of it counts, and all tokens.
     */
    private void add(Contender contender, String task, Answers answers, int newPrompts) {
        Sum sum = sums.computeIfAbsent(contender.label(), label -> new LinkedHashMap<>())
                .computeIfAbsent(task, name -> new Sum());
        sum.prompts += newPrompts;
        sum.depths.add(answers.depths());
        for (GenerationResult result : answers.results()) {
            sum.tokens += result.completionTokens();
            sum.afterFirst += result.completionTokens() - 1;
            sum.counted += concurrency == 1 ? result.completionTokens() - 1 : result.completionTokens();
            sum.cycles += result.cycles();
            sum.seconds += concurrency == 1 ? result.duration().minus(result.timeToFirstToken()).toNanos() / 1e9 : 0;
            sum.promptSeconds += result.timeToFirstToken().toNanos() / 1e9;
        }
        sum.seconds += concurrency == 1 ? 0 : answers.seconds();
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
                        sum.afterFirst / (double) sum.cycles, sum.seconds, sum.promptSeconds, sum.counted / sum.seconds,
                        (base.seconds / base.counted) / (sum.seconds / sum.counted),
                        sum.depths.nodes() / (double) sum.cycles, sum.depths.acceptance(), sum.depths.times());
                runs.add(run);
                tau += run.tau() / tasks.size();
                speedup += run.speedup() / tasks.size();
                rate += run.tokensPerSecond() / tasks.size();
            }
            DepthCounts depths = new DepthCounts();
            int cycles = 0;
            for (Sum sum : sums.get(contender.label()).values()) {
                depths.add(sum.depths);
                cycles += sum.cycles;
            }
            totals.add(new BenchReport.Total(contender.label(), tau, speedup, rate, depths.nodes() / (double) cycles,
                    depths.acceptance(), depths.times()));
        }
        return new BenchReport(machine(), model.name(), options.temperature(), options.maxTokens(), concurrency, runs, totals,
                differences, contenders.stream().filter(contender -> !saysWhatPlainDecodingSays(contender))
                        .map(Contender::label).toList(),
                costs());
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

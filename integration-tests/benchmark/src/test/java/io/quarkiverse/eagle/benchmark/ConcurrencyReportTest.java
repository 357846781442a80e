package io.quarkiverse.eagle.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.decode.SpeculativeModel;

/**
 * Measures what streams that run at once bring on this machine with the shipped model, in turns in one run. Only on demand, for
 * it wants a machine of its own.
 */
@EnabledIfSystemProperty(named = "eagle.measure", matches = "true")
class ConcurrencyReportTest {

    private static final String COMMAND = "./mvnw verify -pl integration-tests/benchmark -am -Dtest=ConcurrencyReportTest"
            + " -Deagle.measure=true -Dsurefire.failIfNoSpecifiedTests=false";
    private static final int[] STREAMS = { 1, 2, 4, 8 };
    private static final int MOST = 8;
    private static final int ROUNDS = Integer.getInteger("eagle.measure.rounds", 6);
    /** Questions that a stream asks one after the other. */
    private static final int IN_A_ROW = 3;
    private static final int TOKENS = Integer.getInteger("eagle.measure.tokens", 96);
    private static final List<String> QUESTIONS = List.of("What is a comet?", "Why do cats purr?", "How is glass made?",
            "Explain gravity to a child.", "Write a loop in Python.", "How do bees find flowers?",
            "What does a judge do?", "Tell me how bread is baked.");

    /** How the streams are decoded. */
    private enum Way {
        PLAIN("plain, at once", "none", true),
        ADAPTIVE("eagle2 adaptive, at once", "eagle2", true),
        ALONE("eagle2 adaptive, one at a time", "eagle2", false);

        private final String title;
        private final String drafter;
        private final boolean atOnce;

        Way(String title, String drafter, boolean atOnce) {
            this.title = title;
            this.drafter = drafter;
            this.atOnce = atOnce;
        }
    }

    /** What was measured of one way with so many streams. */
    private static final class Sum {
        private final List<Double> firsts = new ArrayList<>();
        private final List<Double> rates = new ArrayList<>();
        private final List<Double> whole = new ArrayList<>();
        /** Seconds per token, by round. */
        private final List<Double> rounds = new ArrayList<>();
        private int tokens;
        private double seconds;
    }

    @Test
    void writesWhatStreamsAtOnceBring() throws IOException {
        Map<String, Sum> sums = new LinkedHashMap<>();
        try (SpeculativeModel model = ShippedModel.open(MOST, MOST, true)) {
            for (Way way : Way.values()) {
                ask(model, way, MOST, 0, new Sum(), new HashMap<>()); // warms up
            }
            for (int round = 0; round < ROUNDS; round++) {
                for (int streams : STREAMS) {
                    Map<String, int[]> answers = new HashMap<>();
                    for (int i = 0; i < Way.values().length; i++) {
                        Way way = Way.values()[(round + i) % Way.values().length];
                        ask(model, way, streams, round, sums.computeIfAbsent(row(streams, way), row -> new Sum()), answers);
                    }
                }
            }
        }
        Path page = Path.of("../../docs/benchmarks/concurrency.md");
        Files.writeString(page, page(sums));
        assertThat(page).isNotEmptyFile();
    }

    private static String row(int streams, Way way) {
        return streams + " | " + way.title;
    }

    /** @param answers of the ways that came before, by question: all have the same tokens; filled by those that are first */
    private static void ask(SpeculativeModel model, Way way, int streams, int round, Sum sum, Map<String, int[]> answers) {
        long start = System.nanoTime();
        Map<String, TimedAnswer> timed = new ConcurrentHashMap<>();
        List<CompletableFuture<Void>> running = new ArrayList<>();
        for (int i = 0; i < streams; i++) {
            CompletableFuture<Void> stream = CompletableFuture.completedFuture(null);
            // With another question behind each answer, as long as there are streams they are all busy.
            for (int k = 0; k < (way.atOnce ? IN_A_ROW : 1); k++) {
                String question = question(round, i + k * streams);
                stream = stream.thenCompose(before -> TimedAnswer.ask(model, GenerationRequest.chat(question)
                        .with(GenerationOptions.defaults().withMaxTokens(TOKENS).withDrafter(way.drafter))))
                        .thenAccept(answer -> timed.put(question, answer));
            }
            running.add(stream);
            if (!way.atOnce) {
                stream.join();
            }
        }
        running.forEach(CompletableFuture::join);
        double seconds = (System.nanoTime() - start) / 1e9;
        timed.forEach((question, answer) -> {
            assertThat(answer.result().tokenIds()).as(way.title + ": " + question)
                    .isEqualTo(answers.computeIfAbsent(question, first -> answer.result().tokenIds()));
            sum.firsts.add(1e3 * answer.firstSeconds());
            sum.rates.add(answer.result().tokensPerSecond());
            sum.whole.add(answer.seconds());
        });
        int tokens = timed.values().stream().mapToInt(answer -> answer.result().completionTokens()).sum();
        sum.tokens += tokens;
        sum.seconds += seconds;
        sum.rounds.add(seconds / tokens);
    }

    /** Every round begins with another question. */
    private static String question(int round, int stream) {
        int number = (round + stream) % QUESTIONS.size();
        int again = stream / QUESTIONS.size();
        return QUESTIONS.get(number) + " Answer shortly.".repeat(again);
    }

    private static String page(Map<String, Sum> sums) throws IOException {
        String cpu;
        try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            cpu = lines.filter(line -> line.startsWith("model name")).map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst().orElse(System.getProperty("os.arch"));
        }
        StringBuilder page = new StringBuilder("# Streams at once, measured\n\nGenerated by\n`").append(COMMAND)
                .append("`;\nchange the test, not this page. The default model with ").append(MOST)
                .append(" slots, ").append(ROUNDS).append(" rounds of all rows in turns, at most ").append(TOKENS)
                .append(" tokens an answer, greedy, ").append(IN_A_ROW)
                .append(" questions a stream one after the other;\nevery answer had the same tokens in every way. A stream's own tokens/s counts")
                .append(" from its first token on; a whole answer counts from the\nrequest. One at a time, the next is asked when")
                .append(" the one before is answered. Every round begins with another question;\nagainst plain decoding at once")
                .append(" stands the median of the rounds' ratios of tokens/s, and their quartiles.\n\nCPU: ").append(cpu)
                .append(", ")
                .append(Runtime.getRuntime().availableProcessors()).append(" cores; Java ").append(Runtime.version())
                .append(".\n\n| streams | decoding | tokens/s of all | against plain | of a stream, p50 | first token ms, p50 | p99 |")
                .append(" whole answer s, p50 | p99 |\n| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
        sums.entrySet().stream()
                .sorted((a, b) -> Integer.compare(streams(a.getKey()), streams(b.getKey()))).forEach(entry -> {
                    Sum sum = entry.getValue();
                    List<Double> ratios = ratios(sums.get(row(streams(entry.getKey()), Way.PLAIN)), sum);
                    page.append(String.format(Locale.ROOT,
                            "| %s | %.1f | %.2f (%.2f to %.2f) | %.1f | %.0f | %.0f | %.2f | %.2f |%n", entry.getKey(),
                            sum.tokens / sum.seconds, at(ratios, 0.5), at(ratios, 0.25), at(ratios, 0.75), at(sum.rates, 0.5),
                            at(sum.firsts, 0.5), at(sum.firsts, 0.99),
                            at(sum.whole, 0.5), at(sum.whole, 0.99)));
                });
        return page.toString();
    }

    /** How many times faster than plain decoding each round was. */
    private static List<Double> ratios(Sum plain, Sum sum) {
        List<Double> ratios = new ArrayList<>();
        for (int round = 0; round < sum.rounds.size(); round++) {
            ratios.add(plain.rounds.get(round) / sum.rounds.get(round));
        }
        return ratios;
    }

    private static int streams(String row) {
        return Integer.parseInt(row.substring(0, row.indexOf(' ')));
    }

    /** The value that a share of all do not exceed. */
    static double at(List<Double> values, double share) {
        double[] sorted = values.stream().mapToDouble(Double::doubleValue).toArray();
        Arrays.sort(sorted);
        return sorted[(int) Math.ceil(share * sorted.length) - 1];
    }
}

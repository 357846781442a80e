package io.quarkiverse.eagle.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;

import org.junit.jupiter.api.Test;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.decode.SpeculativeModel;

/**
 * Far more streams at once than slots, on the shipped model: each is answered as if it were alone, and memory stays. A small
 * version always runs; {@code -Psoak} runs 500 streams over 8 slots, again and again.
 */
class ManyStreamsTest {

    private static final boolean SOAK = Boolean.getBoolean("eagle.soak");
    private static final int STREAMS = SOAK ? 500 : 16;
    private static final int SLOTS = SOAK ? 8 : 4;
    private static final int WAVES = SOAK ? 4 : 2;
    private static final int TOKENS = SOAK ? 32 : 10;
    private static final int DISTINCT = SOAK ? 25 : 4;
    private static final long MEGABYTE = 1 << 20;
    /** The first wave loads classes and fills pools; what later ones add is a leak. */
    private static final long HEAP_MAY_GROW = 16 * MEGABYTE;
    private static final long PROCESS_MAY_GROW = 96 * MEGABYTE;

    @Test
    void everyStreamIsAnsweredAsIfItWereAloneAndMemoryStays() throws IOException {
        try (SpeculativeModel model = ShippedModel.open(SLOTS, STREAMS, false)) {
            List<int[]> alone = new ArrayList<>();
            for (int i = 0; i < DISTINCT; i++) {
                alone.add(TimedAnswer.ask(model, request(i).with(options(i).withDrafter("none"))).join().result().tokenIds());
            }
            wave(model, alone);
            long heap = heap();
            long process = process();
            for (int i = 1; i < WAVES; i++) {
                wave(model, alone);
            }
            long heapAfter = heap();
            long processAfter = process();
            System.out.printf("after the first wave and after the last: heap %d and %d MiB, process %d and %d MiB%n",
                    heap / MEGABYTE, heapAfter / MEGABYTE, process / MEGABYTE, processAfter / MEGABYTE);
            assertThat(heapAfter - heap).as("growth of the heap").isLessThan(HEAP_MAY_GROW);
            assertThat(processAfter - process).as("growth of the process").isLessThan(PROCESS_MAY_GROW);
        }
    }

    private static GenerationRequest request(int i) {
        return GenerationRequest.chat("Tell me about the number " + i % DISTINCT + ".").with(options(i));
    }

    private static GenerationOptions options(int i) {
        int prompt = i % DISTINCT;
        GenerationOptions options = GenerationOptions.defaults().withMaxTokens(TOKENS);
        return prompt % 2 == 0 ? options : options.withTemperature(0.8).withSeed((long) prompt);
    }

    private static void wave(SpeculativeModel model, List<int[]> alone) {
        List<CompletableFuture<TimedAnswer>> answers = new ArrayList<>();
        for (int i = 0; i < STREAMS; i++) {
            answers.add(TimedAnswer.ask(model, request(i)));
        }
        double[] queued = new double[STREAMS];
        double seconds = 0;
        for (int i = 0; i < STREAMS; i++) {
            TimedAnswer answer = answers.get(i).join();
            assertThat(answer.result().tokenIds()).as("stream " + i).isEqualTo(alone.get(i % DISTINCT));
            queued[i] = answer.queueSeconds();
            seconds = Math.max(seconds, answer.seconds());
        }
        Arrays.sort(queued);
        System.out.printf("%d streams over %d slots: %.1f tokens/s, in the queue p50 %.2f s, p99 %.2f s%n", STREAMS, SLOTS,
                answers.stream().mapToInt(answer -> answer.join().result().completionTokens()).sum() / seconds,
                queued[STREAMS / 2], queued[(int) Math.ceil(0.99 * STREAMS) - 1]);
    }

    /** Bytes that are in use after a collection. */
    private static long heap() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    /** Bytes that the process holds, what lies outside the heap included. */
    private static long process() throws IOException {
        Path status = Path.of("/proc/self/status");
        if (!Files.isReadable(status)) {
            return 0;
        }
        return 1024 * Files.readAllLines(status).stream().filter(line -> line.startsWith("VmRSS"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", ""))).findFirst().orElse(0);
    }
}

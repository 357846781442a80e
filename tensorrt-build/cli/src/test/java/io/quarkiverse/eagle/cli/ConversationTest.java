package io.quarkiverse.eagle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import io.quarkiverse.eagle.GenerationOptions;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

class ConversationTest {

    private static final String SUMMARY = "\\d+ tokens.* drafter .*";

    private static LoadedModel loaded;

    @Command
    static final class Options {
        @Mixin
        private DecodingOptions decoding;
    }

    @BeforeAll
    static void open() {
        Options options = new Options();
        new CommandLine(options).parseArgs("--model", CommandRun.defaultBundle().toString());
        loaded = LoadedModel.open(options.decoding, null);
    }

    @AfterAll
    static void close() {
        loaded.close();
    }

    @Test
    void forgetsTheChatWhenReset() {
        List<String> said = chat("What is a falcon?", "What is a falcon?", "/reset", "What is a falcon?");
        assertThat(said).hasSize(3);
        assertThat(said.get(1)).isNotEqualTo(said.get(0));
        assertThat(said.get(2)).isEqualTo(said.get(0));
    }

    @Test
    void endsAtTheExitCommandAndPassesOverEmptyLines() {
        assertThat(chat("", "  ", "/exit", "What is a falcon?")).isEmpty();
    }

    /** Types lines, then ends the input. Returns the answers. */
    private static List<String> chat(String... lines) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Terminal terminal = new Terminal(InputStream.nullInputStream(), new PrintStream(out, true, StandardCharsets.UTF_8),
                System.err, true, true, false);
        new Conversation(loaded.model(), GenerationOptions.defaults().withMaxTokens(10), null, terminal, new Typed(lines))
                .run();
        String[] parts = out.toString(StandardCharsets.UTF_8).replaceAll("\u001b\\[[0-9;]*m", "").split(SUMMARY);
        return Arrays.stream(parts).limit(parts.length - 1L)
                .map(part -> part.strip().lines().reduce((first, last) -> last).orElse("")).toList();
    }

    private static final class Typed implements ChatLines {

        private final Queue<String> lines;

        Typed(String... lines) {
            this.lines = new ArrayDeque<>(List.of(lines));
        }

        @Override
        public String read(String prompt) {
            return lines.poll();
        }

        @Override
        public void onInterrupt(Runnable action) {
            // Nobody interrupts here.
        }

        @Override
        public void close() {
            // Nothing is held.
        }
    }
}

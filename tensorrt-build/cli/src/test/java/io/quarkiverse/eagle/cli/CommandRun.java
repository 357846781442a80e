package io.quarkiverse.eagle.cli;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;

import io.quarkiverse.eagle.graph.DefaultBundle;
import io.quarkiverse.eagle.graph.source.ProgressListener;

/** One run of the command line in this process, with what it printed. */
record CommandRun(int status, String out, String err) {

    static CommandRun eagle(String... args) {
        return typing("", args);
    }

    /** @param input standard input, which is not a terminal */
    static CommandRun typing(String input, String... args) {
        return run(input, false, args);
    }

    /** Standard output is a terminal. */
    static CommandRun watched(String... args) {
        return run("", true, args);
    }

    private static CommandRun run(String input, boolean watched, String... args) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        Terminal terminal = new Terminal(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)),
                new PrintStream(out, false, StandardCharsets.UTF_8), new PrintStream(err, false, StandardCharsets.UTF_8),
                false, watched, false);
        int status = EagleCommand.run(terminal, args);
        terminal.out().flush();
        terminal.err().flush();
        return new CommandRun(status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }

    JsonNode json() {
        try {
            return Json.parse(out);
        } catch (JsonProcessingException e) {
            throw new AssertionError("not one JSON document: " + out, e);
        }
    }

    List<JsonNode> jsonLines() {
        return out.lines().map(line -> new CommandRun(status, line, err).json()).toList();
    }

    /** The default bundle, built when it is not there. */
    static Path defaultBundle() {
        return DefaultBundle.ensure(DefaultBundle.cacheFolder(), ProgressListener.NONE);
    }
}

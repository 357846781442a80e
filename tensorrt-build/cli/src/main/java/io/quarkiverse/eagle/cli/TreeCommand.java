package io.quarkiverse.eagle.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.cli.tree.RecordedCycles;
import io.quarkiverse.eagle.cli.tree.TextTree;
import io.quarkiverse.eagle.cli.tree.TreePage;
import io.quarkiverse.eagle.decode.RecordedCycle;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Shows the draft tree of every cycle: what was proposed, with which confidence, and what the target accepted of it. */
@Command(name = "tree", mixinStandardHelpOptions = true, versionProvider = Version.class, description = {
        "Print or draw each cycle's draft tree: values, accepted path, rejected branches." })
final class TreeCommand implements Callable<Integer> {

    private final Terminal terminal;

    @Mixin
    private DecodingOptions decoding;

    @Parameters(arity = "0..1", paramLabel = "PROMPT", description = "What to answer.")
    private String prompt;

    @Option(names = "--html", paramLabel = "FILE", description = "Draw the trees into a page of its own instead of printing"
            + " them.")
    private Path html;

    @Option(names = "--ids-in", paramLabel = "FILE", description = "With --json: answer each line of a JSONL file, {\"id\","
            + "\"prompt_ids\":[…]} or {\"id\",\"messages\":[…]}, with one document a line; - reads standard input.")
    private String idsIn;

    TreeCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        decoding.check();
        if (idsIn != null) {
            batch();
        } else if (prompt == null || prompt.isBlank()) {
            throw new UsageException("the prompt is " + (prompt == null ? "missing" : "empty")
                    + "; write one: eagle tree \"…\"");
        } else {
            show();
        }
        return 0;
    }

    private void batch() {
        if (!decoding.json()) {
            throw new UsageException("--ids-in answers with JSON documents; add --json");
        }
        if (prompt != null || html != null) {
            throw new UsageException("--ids-in brings its own prompts and draws no page; leave out "
                    + (prompt != null ? "PROMPT" : "--html"));
        }
        BatchAnswers.print(idsIn, decoding, terminal, TreeCommand::document);
    }

    private static ObjectNode document(SpeculativeModel model, GenerationRequest request) {
        RecordedCycles cycles = new RecordedCycles();
        new RunningAnswer(model, request, cycles).await();
        return json(model.promptIds(request), cycles);
    }

    private void show() {
        GenerationRequest request = (decoding.raw() ? GenerationRequest.raw(prompt) : GenerationRequest.chat(prompt))
                .with(decoding.generation());
        RecordedCycles cycles = new RecordedCycles();
        try (LoadedModel loaded = LoadedModel.open(decoding, terminal)) {
            SpeculativeModel model = loaded.model();
            GenerationResult result = new RunningAnswer(model, request, cycles).await();
            if (html != null) {
                write(new TreePage(model.name(), prompt, AnswerReport.line(result), model::text)
                        .render(result.tokenIds(), cycles.all()));
            }
            if (decoding.json()) {
                Json.print(json(model.promptIds(request), cycles), terminal.out());
            } else if (html != null) {
                terminal.out().println(cycles.all().size() + " trees are drawn in " + html);
            } else {
                print(new TextTree(model::text, terminal.outputColours()), cycles, result);
            }
        }
    }

    private void print(TextTree text, RecordedCycles cycles, GenerationResult result) {
        int number = 1;
        for (RecordedCycle cycle : cycles.all()) {
            terminal.out().println(text.draw(number++, cycle));
        }
        terminal.out().println(terminal.onOutput(Style.FAINT, AnswerReport.line(result)));
        terminal.out().flush();
    }

    private void write(String page) {
        try {
            if (html.toAbsolutePath().getParent() != null) {
                Files.createDirectories(html.toAbsolutePath().getParent());
            }
            Files.writeString(html, page);
        } catch (IOException e) {
            throw new UncheckedIOException(html + " cannot be written: " + e.getMessage(), e);
        }
    }

    private static ObjectNode json(int[] promptIds, RecordedCycles cycles) {
        ObjectNode document = Json.object();
        add(document.putArray("prompt_ids"), promptIds);
        ArrayNode list = document.putArray("cycles");
        for (RecordedCycle cycle : cycles.all()) {
            ObjectNode node = list.addObject().put("root", cycle.root());
            add(node.putArray("tokens"), cycle.tokens());
            add(node.putArray("parents"), cycle.parents());
            ArrayNode values = node.putArray("values");
            for (float value : cycle.values()) {
                values.add(value);
            }
            node.put("candidates", cycle.candidates());
            add(node.putArray("accepted"), cycle.accepted());
            add(node.putArray("emitted"), cycle.emitted());
        }
        return document;
    }

    private static void add(ArrayNode list, int[] numbers) {
        for (int number : numbers) {
            list.add(number);
        }
    }
}

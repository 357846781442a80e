package io.quarkiverse.eagle.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.Callable;

import io.quarkiverse.eagle.ChatMessage;
import io.quarkiverse.eagle.GenerationRequest;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Answers a prompt as it is decoded, chats with a person, or answers a file of requests. */
@Command(name = "chat", mixinStandardHelpOptions = true, versionProvider = Version.class, description = {
        "Stream an answer, then one line of what it took. Without a prompt: an interactive chat." })
final class ChatCommand implements Callable<Integer> {

    private final Terminal terminal;

    @Mixin
    private DecodingOptions decoding;

    @Parameters(arity = "0..1", paramLabel = "PROMPT", description = "What to answer; - reads it from standard input.")
    private String prompt;

    @Option(names = "--system", paramLabel = "TEXT", description = "The chat's system message.")
    private String system;

    @Option(names = "--ids-in", paramLabel = "FILE", description = "With --json: answer each line of a JSONL file, {\"id\","
            + "\"prompt_ids\":[…]} or {\"id\",\"messages\":[…]}, with one document a line; - reads standard input.")
    private String idsIn;

    ChatCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        decoding.check();
        if (system != null && decoding.raw()) {
            throw new UsageException("--system has no place in a raw prompt; leave out --system or --raw");
        }
        if (prompt != null && (decoding.raw() ? prompt.isEmpty() : prompt.isBlank())) {
            throw new UsageException("the prompt is empty; write one: eagle chat \"…\"");
        }
        if (idsIn != null) {
            batch();
        } else if (prompt == null && terminal.inputIsTerminal()) {
            interactive();
        } else {
            answer(prompt == null || prompt.equals(BatchAnswers.INPUT) ? readPrompt() : prompt);
        }
        return 0;
    }

    private String readPrompt() {
        try {
            String text = new String(terminal.in().readAllBytes(), StandardCharsets.UTF_8);
            if (text.isBlank()) {
                throw new UsageException("standard input has no prompt; write one, or name it: eagle chat \"…\"");
            }
            return decoding.raw() ? text : text.stripTrailing();
        } catch (IOException e) {
            throw new UncheckedIOException("standard input cannot be read: " + e.getMessage(), e);
        }
    }

    private void answer(String text) {
        GenerationRequest request = (decoding.raw() ? GenerationRequest.raw(text) : GenerationRequest.chat(chat(text)))
                .with(decoding.generation());
        try (LoadedModel loaded = LoadedModel.open(decoding, terminal)) {
            if (decoding.json()) {
                Json.print(AnswerReport.json(new RunningAnswer(loaded.model(), request).await()), terminal.out());
            } else {
                new AnswerPrinter(terminal).print(loaded.model(), request);
            }
        }
    }

    private List<ChatMessage> chat(String text) {
        return system == null ? List.of(ChatMessage.user(text))
                : List.of(ChatMessage.system(system), ChatMessage.user(text));
    }

    private void interactive() {
        if (decoding.json() || decoding.raw()) {
            throw new UsageException((decoding.json() ? "--json" : "--raw") + " needs a prompt: eagle chat \"…\"");
        }
        try (LoadedModel loaded = LoadedModel.open(decoding, terminal);
                ChatLines lines = new TerminalLines()) {
            new Conversation(loaded.model(), decoding.generation(), system, terminal, lines).run();
        }
    }

    private void batch() {
        if (!decoding.json()) {
            throw new UsageException("--ids-in answers with JSON documents; add --json");
        }
        if (prompt != null || system != null) {
            throw new UsageException("--ids-in brings its own prompts; leave out " + (prompt != null ? "PROMPT" : "--system"));
        }
        BatchAnswers.print(idsIn, decoding, terminal,
                (model, request) -> AnswerReport.json(new RunningAnswer(model, request).await()));
    }
}

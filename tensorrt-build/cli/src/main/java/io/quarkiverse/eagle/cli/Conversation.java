package io.quarkiverse.eagle.cli;

import java.util.ArrayList;
import java.util.List;

import io.quarkiverse.eagle.ChatMessage;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.decode.SpeculativeModel;

/** An interactive chat: every answer sees all that was said before. */
final class Conversation {

    private static final String EXIT = "/exit";
    private static final String RESET = "/reset";

    private final SpeculativeModel model;
    private final GenerationOptions options;
    private final String system;
    private final Terminal terminal;
    private final ChatLines lines;
    private final List<ChatMessage> history = new ArrayList<>();

    /** @param system system message, null for none */
    Conversation(SpeculativeModel model, GenerationOptions options, String system, Terminal terminal, ChatLines lines) {
        this.model = model;
        this.options = options;
        this.system = system;
        this.terminal = terminal;
        this.lines = lines;
    }

    /** Chats until the person leaves. */
    void run() {
        say(terminal.onOutput(Style.STRONG, model.name()) + terminal.onOutput(Style.FAINT,
                " " + RESET + " forgets the chat, " + EXIT + " or Ctrl-D ends it, Ctrl-C stops an answer"));
        reset();
        String prompt = terminal.onOutput(Style.STRONG, "> ");
        for (String line = lines.read(prompt); line != null; line = lines.read(prompt)) {
            String text = line.strip();
            if (text.equals(EXIT)) {
                return;
            }
            if (text.equals(RESET)) {
                reset();
                say("the chat starts anew");
            } else if (text.startsWith("/") && !text.contains(" ")) {
                say(text + " is not known; there are " + RESET + " and " + EXIT);
            } else if (!text.isEmpty()) {
                answer(text);
            }
        }
    }

    private void reset() {
        history.clear();
        if (system != null) {
            history.add(ChatMessage.system(system));
        }
    }

    private void answer(String text) {
        history.add(ChatMessage.user(text));
        try {
            String answer = new AnswerPrinter(terminal).print(model, GenerationRequest.chat(history).with(options),
                    running -> lines.onInterrupt(running::cancel));
            history.add(ChatMessage.assistant(answer));
        } catch (InvalidRequestException e) {
            history.remove(history.size() - 1);
            say(terminal.onOutput(Style.WARNING, e.getMessage()) + " (" + RESET + " forgets the chat so far)");
        } finally {
            lines.onInterrupt(null);
        }
    }

    private void say(String line) {
        terminal.out().println(line);
        terminal.out().flush();
    }
}

package io.quarkiverse.eagle.cli;

import java.io.PrintStream;
import java.util.function.Consumer;

import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.decode.SpeculativeModel;

/** Prints an answer as it is decoded, then a line of what it took. */
final class AnswerPrinter {

    private final Terminal terminal;

    AnswerPrinter(Terminal terminal) {
        this.terminal = terminal;
    }

    void print(SpeculativeModel model, GenerationRequest request) {
        print(model, request, answer -> {
        });
    }

    /**
     * Prints an answer.
     *
     * @param running gets the answer when it begins, to cancel it
     * @return the answer's text, as far as it came
     */
    String print(SpeculativeModel model, GenerationRequest request, Consumer<RunningAnswer> running) {
        PrintStream out = terminal.out();
        RunningAnswer answer = new RunningAnswer(model, request, piece -> {
            out.print(piece);
            return !out.checkError();
        });
        running.accept(answer);
        GenerationResult result = answer.await();
        if (!answer.text().endsWith("\n")) {
            out.println();
        }
        if (out.checkError()) {
            throw new CommandException("standard output was closed before the answer ended");
        }
        summary(result == null ? "stopped" : AnswerReport.line(result));
        return answer.text();
    }

    /** Beside the answer for a person, never inside a pipe. */
    private void summary(String line) {
        if (terminal.outputIsTerminal()) {
            terminal.out().println(terminal.onOutput(Style.FAINT, line));
            terminal.out().flush();
        } else {
            terminal.err().println(terminal.onError(Style.FAINT, line));
            terminal.err().flush();
        }
    }
}

package io.quarkiverse.eagle.cli;

import java.io.IOException;
import java.io.UncheckedIOException;

import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.UserInterruptException;
import org.jline.terminal.Terminal.Signal;
import org.jline.terminal.TerminalBuilder;

/** Lines typed on the process's terminal, with editing and a history of this chat. */
final class TerminalLines implements ChatLines {

    private final org.jline.terminal.Terminal terminal;
    private final LineReader reader;
    private volatile Runnable interrupt;

    TerminalLines() {
        try {
            terminal = TerminalBuilder.builder().name("eagle").system(true).dumb(true).build();
        } catch (IOException e) {
            throw new UncheckedIOException("the terminal cannot be opened: " + e.getMessage(), e);
        }
        // An exclamation mark is text here, not the recall of an earlier line.
        reader = LineReaderBuilder.builder().terminal(terminal).option(LineReader.Option.DISABLE_EVENT_EXPANSION, true)
                .build();
        terminal.handle(Signal.INT, signal -> {
            Runnable action = interrupt;
            if (action != null) {
                action.run();
            }
        });
    }

    @Override
    public String read(String prompt) {
        while (true) {
            try {
                return reader.readLine(prompt);
            } catch (UserInterruptException e) {
                terminal.writer().println("/exit or Ctrl-D ends the chat");
                terminal.flush();
            } catch (EndOfFileException e) {
                return null;
            }
        }
    }

    @Override
    public void onInterrupt(Runnable action) {
        interrupt = action;
    }

    @Override
    public void close() {
        try {
            terminal.close();
        } catch (IOException e) {
            throw new UncheckedIOException("the terminal cannot be closed: " + e.getMessage(), e);
        }
    }
}

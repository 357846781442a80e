package io.quarkiverse.eagle.cli;

import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;

/** Log records on standard error: warnings as one sentence each, or everything of this project where it was asked for. */
final class Logs extends Handler {

    private static final Logger ROOT = Logger.getLogger("");
    /** Held: the log manager forgets loggers that nobody holds. */
    private static final Logger PROJECT = Logger.getLogger("io.quarkiverse.eagle");

    private final Terminal terminal;
    private final boolean verbose;
    private final SimpleFormatter formatter = new SimpleFormatter();

    private Logs(Terminal terminal, boolean verbose) {
        this.terminal = terminal;
        this.verbose = verbose;
    }

    static void showOn(Terminal terminal, boolean verbose) {
        for (Handler handler : ROOT.getHandlers()) {
            ROOT.removeHandler(handler);
        }
        ROOT.addHandler(new Logs(terminal, verbose));
        PROJECT.setLevel(verbose ? Level.FINE : null);
    }

    @Override
    public void publish(LogRecord entry) {
        if (verbose) {
            terminal.err().print(formatter.format(entry));
        } else if (entry.getLevel() == Level.WARNING) {
            // An error is not repeated here: the command ends with it.
            terminal.err().println("eagle: " + formatter.formatMessage(entry));
        }
        terminal.err().flush();
    }

    @Override
    public void flush() {
        terminal.err().flush();
    }

    @Override
    public void close() {
        flush();
    }
}

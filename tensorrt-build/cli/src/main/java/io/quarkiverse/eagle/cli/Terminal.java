package io.quarkiverse.eagle.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStreamWriter;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;

/**
 * The streams that a command talks through, and which of them a person sees. Text is UTF-8 whatever the locale says, so that an
 * answer in a pipe is never mangled.
 *
 * @param in standard input
 * @param out the answer
 * @param err everything that is not the answer
 */
record Terminal(InputStream in, PrintStream out, PrintStream err, boolean inputIsTerminal, boolean outputIsTerminal,
        boolean errorIsTerminal) {

    /** Set by the launcher: the descriptors that are terminals, for example {@code 0,1,2}. */
    private static final String DESCRIPTORS = "eagle.terminals";

    static Terminal ofProcess() {
        String terminals = System.getProperty(DESCRIPTORS, System.console() == null ? "" : "0,1,2");
        return new Terminal(System.in, stream(FileDescriptor.out), stream(FileDescriptor.err),
                terminals.contains("0"), terminals.contains("1"), terminals.contains("2"));
    }

    private static PrintStream stream(FileDescriptor descriptor) {
        return new PrintStream(new FileOutputStream(descriptor), false, StandardCharsets.UTF_8);
    }

    PrintWriter outWriter() {
        return new PrintWriter(new OutputStreamWriter(out, StandardCharsets.UTF_8), true);
    }

    PrintWriter errWriter() {
        return new PrintWriter(new OutputStreamWriter(err, StandardCharsets.UTF_8), true);
    }

    boolean outputColours() {
        return outputIsTerminal && coloursWanted();
    }

    /** Text for standard output. */
    String onOutput(Style style, String text) {
        return outputColours() ? style.on(text) : text;
    }

    /** Text for standard error. */
    String onError(Style style, String text) {
        return errorIsTerminal && coloursWanted() ? style.on(text) : text;
    }

    /** The convention of no-color.org. */
    private static boolean coloursWanted() {
        String none = System.getenv("NO_COLOR");
        return (none == null || none.isEmpty()) && !"dumb".equals(System.getenv("TERM"));
    }
}

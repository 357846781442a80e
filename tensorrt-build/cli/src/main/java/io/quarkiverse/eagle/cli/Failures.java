package io.quarkiverse.eagle.cli;

import java.io.UncheckedIOException;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.function.BooleanSupplier;

import io.quarkiverse.eagle.InvalidRequestException;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** Says what went wrong in one sentence on standard error, and whether the caller or the work was at fault. */
final class Failures implements IParameterExceptionHandler, IExecutionExceptionHandler {

    private static final int FAILED = CommandLine.ExitCode.SOFTWARE;
    private static final int WRONG_USE = CommandLine.ExitCode.USAGE;

    private final Terminal terminal;
    private final BooleanSupplier verbose;

    Failures(Terminal terminal, BooleanSupplier verbose) {
        this.terminal = terminal;
        this.verbose = verbose;
    }

    @Override
    public int handleParseException(ParameterException e, String[] args) {
        CommandLine command = e.getCommandLine();
        String sentence = e instanceof UnmatchedArgumentException unmatched ? unmatched(command, unmatched)
                : e.getMessage().replaceAll("\\s*\\R\\s*", " ");
        say(sentence + " (" + command.getCommandSpec().qualifiedName() + " --help lists what there is)", e);
        return WRONG_USE;
    }

    private static String unmatched(CommandLine command, UnmatchedArgumentException e) {
        String argument = e.getUnmatched().get(0);
        if (e.isUnknownOption()) {
            List<String> similar = e.getSuggestions();
            return "there is no option " + argument + (similar.isEmpty() ? "" : "; did you mean " + similar.get(0) + "?");
        }
        if (!command.getSubcommands().isEmpty()) {
            return argument + " is not a command; there are " + String.join(", ", command.getSubcommands().keySet());
        }
        return "\"" + argument + "\" is one argument too many; put quotes around text of several words";
    }

    @Override
    public int handleExecutionException(Exception e, CommandLine line, ParseResult parsed) {
        Throwable reason = reason(e);
        if (reason instanceof ParameterException wrong) {
            return handleParseException(wrong, new String[0]);
        }
        say(sentence(reason), reason);
        return reason instanceof UsageException || reason instanceof InvalidRequestException ? WRONG_USE : FAILED;
    }

    private void say(String sentence, Throwable reason) {
        terminal.out().flush();
        terminal.err().println(terminal.onError(Style.PROBLEM, "eagle: ") + sentence);
        if (verbose.getAsBoolean()) {
            reason.printStackTrace(terminal.err());
        }
        terminal.err().flush();
    }

    /** What a failure says, also when it says nothing. */
    static String sentence(Throwable reason) {
        String message = reason.getMessage();
        if (message == null || message.isBlank()) {
            return reason.getClass().getSimpleName() + "; --verbose shows where";
        }
        boolean explained = reason.getClass().getName().startsWith("io.quarkiverse.eagle.")
                || reason instanceof UncheckedIOException || reason instanceof IllegalArgumentException;
        String line = message.strip().replaceAll("\\s*\\R\\s*", " ");
        return explained ? line : reason.getClass().getSimpleName() + ": " + line;
    }

    /** The failure inside the wrappers that concurrent code puts around it. */
    static Throwable reason(Throwable e) {
        Throwable reason = e;
        while ((reason instanceof CompletionException || reason instanceof ExecutionException)
                && reason.getCause() != null) {
            reason = reason.getCause();
        }
        return reason;
    }
}

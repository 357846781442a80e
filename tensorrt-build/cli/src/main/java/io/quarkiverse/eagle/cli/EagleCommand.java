package io.quarkiverse.eagle.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The command line's entry: picks the command, and turns whatever goes wrong into one sentence and an exit status. */
@Command(name = "eagle", mixinStandardHelpOptions = true, versionProvider = Version.class, description = {
        "Speculative decoding with EAGLE-2: the text of plain decoding, in fewer steps." }, footer = {
                "", "Exit status: 0 done, 1 failed, 2 wrong use. Try: eagle chat \"What is a falcon?\"" })
public final class EagleCommand implements Runnable {

    @Spec
    private CommandSpec spec;

    @Option(names = "--verbose", scope = ScopeType.INHERIT, description = "Log what happens, and show the stack trace of an error.")
    private boolean verbose;

    public static void main(String[] args) {
        Terminal terminal = Terminal.ofProcess();
        int status = run(terminal, args);
        terminal.out().flush();
        System.exit(status);
    }

    /** Runs a command line on the given streams. */
    static int run(Terminal terminal, String... args) {
        EagleCommand eagle = new EagleCommand();
        Failures failures = new Failures(terminal, () -> eagle.verbose);
        return commandLine(eagle, terminal).setOut(terminal.outWriter())
                .setErr(terminal.errWriter())
                .setColorScheme(CommandLine.Help.defaultColorScheme(terminal.outputColours()
                        ? CommandLine.Help.Ansi.ON
                        : CommandLine.Help.Ansi.OFF))
                .setUsageHelpAutoWidth(terminal.outputIsTerminal())
                .setParameterExceptionHandler(failures)
                .setExecutionExceptionHandler(failures)
                .setExecutionStrategy(parsed -> {
                    Logs.showOn(terminal, eagle.verbose);
                    return new CommandLine.RunLast().execute(parsed);
                })
                .execute(args);
    }

    /** All commands, to be parsed or run. */
    static CommandLine commandLine(EagleCommand eagle, Terminal terminal) {
        return new CommandLine(eagle)
                .addSubcommand(new ChatCommand(terminal))
                .addSubcommand(new BuildCommand(terminal))
                .addSubcommand(new PlanCommand(terminal))
                .addSubcommand(new RepositoryCommand(terminal))
                .addSubcommand(new BenchCommand(terminal))
                .addSubcommand(new ServeCommand(terminal))
                .addSubcommand(new TreeCommand(terminal))
                .addSubcommand(new DoctorCommand(terminal));
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "name a command: "
                + String.join(", ", spec.subcommands().keySet()));
    }
}

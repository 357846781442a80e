package io.quarkiverse.eagle.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkiverse.eagle.graph.DefaultBundle;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Examines the machine, the settings and the model. Builds and downloads nothing. */
@Command(name = "doctor", mixinStandardHelpOptions = true, versionProvider = Version.class, description = {
        "Say what of this machine and configuration works, what does not, and what to do." })
final class DoctorCommand implements Callable<Integer> {

    private final Terminal terminal;
    private final List<Check> checks = new ArrayList<>();

    @Option(names = "--model", paramLabel = "BUNDLE", description = "Engine bundle to examine; without it the default one.")
    private Path bundle;

    @Option(names = "--threads", paramLabel = "N", defaultValue = "0", description = "Threads of one step, 0 for all cores"
            + " (default: ${DEFAULT-VALUE}).")
    private int threads;

    @Option(names = "--json", description = "Print one JSON document on standard output and nothing else.")
    private boolean json;

    DoctorCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        if (threads < 0) {
            throw new UsageException("--threads is " + threads + "; it must be positive, or 0 for all cores");
        }
        MachineChecks.run(this::note);
        CacheChecks.run(DefaultBundle.cacheFolder(), this::note);
        NetworkChecks.run(System.getenv(), this::note);
        ModelChecks.run(bundle, threads, this::note);
        if (json) {
            Json.print(document(), terminal.out());
        }
        return checks.stream().anyMatch(check -> check.state() == Check.State.PROBLEM) ? 1 : 0;
    }

    private void note(Check check) {
        checks.add(check);
        if (json) {
            return;
        }
        Style style = switch (check.state()) {
            case OK -> Style.OK;
            case WARNING -> Style.WARNING;
            case PROBLEM -> Style.PROBLEM;
        };
        terminal.out().println(terminal.onOutput(style, String.format("%-8s", check.state().text()))
                + terminal.onOutput(Style.STRONG, String.format("%-17s", check.name())) + check.detail());
        if (!check.advice().isEmpty()) {
            terminal.out().println(" ".repeat(25) + terminal.onOutput(Style.FAINT, check.advice()));
        }
        terminal.out().flush();
    }

    private ObjectNode document() {
        ObjectNode document = Json.object();
        ArrayNode list = document.putArray("checks");
        for (Check check : checks) {
            list.addObject().put("name", check.name()).put("state", check.state().text()).put("detail", check.detail())
                    .put("advice", check.advice());
        }
        return document;
    }
}

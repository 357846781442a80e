package io.quarkiverse.eagle.cli;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.concurrent.Callable;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.TensorRtPlans;
import io.quarkiverse.eagle.plan.ContainerCommand;
import io.quarkiverse.eagle.plan.PlanCompiler;
import io.quarkiverse.eagle.plan.PlanException;
import io.quarkiverse.eagle.plan.PlanOptions;
import io.quarkiverse.eagle.plan.PlannedBundle;
import io.quarkiverse.eagle.plan.TensorRtCompiler;
import io.quarkiverse.eagle.plan.estimate.KnownModel;
import io.quarkiverse.eagle.plan.estimate.Workload;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** TensorRT plans of a bundle's graphs, and what they would need and bring on paper. */
@Command(name = "plan", mixinStandardHelpOptions = true, versionProvider = Version.class, description = {
        "Build the TensorRT plans of a bundle that was built with --for tensorrt; needs a GPU and TensorRT.",
        "--print-command gives the command that does it in a server's container, --estimate what to expect of a GPU." })
final class PlanCommand implements Callable<Integer> {

    private static final int USUAL_SLOTS = 4;
    private static final int USUAL_LENGTH = 2048;
    private static final int PLAIN_BITS = 16;

    private final Terminal terminal;

    @Parameters(arity = "0..1", paramLabel = "BUNDLE", description = "The bundle.")
    private Path bundle;

    @Option(names = "--out", paramLabel = "DIR", description = "The bundle with its plans: a folder that does not exist yet.")
    private Path out;

    @Option(names = "--print-command", description = "Print the command that builds the same in the container of a Triton"
            + " server, and build nothing.")
    private boolean printCommand;

    @Option(names = "--image", paramLabel = "IMAGE", description = "The server's image in that command (default: the variable"
            + " TRITON_IMAGE).")
    private String image;

    @Option(names = "--optimisation-level", paramLabel = "N", defaultValue = "3", description = "0 builds at once, 5 tries most"
            + " kernels (default: ${DEFAULT-VALUE}).")
    private int optimisationLevel;

    @Option(names = "--workspace", paramLabel = "MIB", defaultValue = "0", description = "Most scratch memory of a step in MiB,"
            + " 0 for all (default: ${DEFAULT-VALUE}).")
    private int workspace;

    @Option(names = "--version-compatible", description = "Let later versions of the same TensorRT major version run the plans.")
    private boolean versionCompatible;

    @Option(names = "--hardware", paramLabel = "NAME", defaultValue = "same-gpu", description = "Which GPUs shall run the plans:"
            + " same-gpu, same-compute-capability or ampere-plus (default: ${DEFAULT-VALUE}).")
    private String hardware;

    @Option(names = "--profiles", paramLabel = "NAME", defaultValue = "covering", description = "covering: one profile for every"
            + " step; each: also a lone row, a tree and a prefill chunk (default: ${DEFAULT-VALUE}).")
    private String profiles;

    @Option(names = "--timing-cache", paramLabel = "FILE", description = "Keep measured kernels here between builds.")
    private Path timingCache;

    @ArgGroup(exclusive = false, heading = "%nOn paper:%n")
    private EstimateOptions estimate;

    @Option(names = "--json", description = "Print one JSON document on standard output and nothing else.")
    private boolean json;

    PlanCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        if (estimate != null) {
            new EstimateReport(estimate.gpu(), estimate.gpus, estimate.tau, workload()).print(terminal, json);
            return 0;
        }
        if (bundle == null) {
            throw new UsageException("name the bundle whose plans to build, or add --estimate --gpu NAME --like MODEL");
        }
        if (out == null) {
            throw new UsageException("--out is missing; it names the folder for the bundle with its plans");
        }
        PlanOptions options = options();
        ContainerCommand command = new ContainerCommand(bundle, out, jar(), Path.of(System.getProperty("java.home")), image,
                options);
        PlannedBundle planned = new PlannedBundle(printCommand ? Bundle.openUnverified(bundle) : Bundle.open(bundle), options);
        if (printCommand) {
            terminal.out().println(json ? Json.object().put("command", command.text()).toString() : command.text());
            return 0;
        }
        build(planned, compiler());
        return 0;
    }

    /** Bundle, known model, or both: the bundle's dimensions then, with what the options change. */
    private Workload workload() {
        if ((bundle == null) == (estimate.like == null)) {
            throw new UsageException("--estimate is for a bundle or, with --like, for a well-known model: give one of them");
        }
        try {
            Workload plain = bundle != null ? Workload.of(Bundle.openUnverified(bundle).manifest(), estimate.weightBits)
                    : Workload.of(KnownModel.of(estimate.like).model(),
                            estimate.weightBits != null ? estimate.weightBits : PLAIN_BITS,
                            USUAL_SLOTS, USUAL_LENGTH);
            int length = estimate.maxLength != null ? estimate.maxLength : plain.maxLength();
            return new Workload(plain.model(), plain.weightBits(), estimate.slots != null ? estimate.slots : plain.slots(),
                    length, Math.min(plain.context(), length), plain.draftVocabulary(), plain.maxRows(), plain.functional());
        } catch (IllegalArgumentException e) {
            throw new UsageException(e.getMessage());
        }
    }

    private PlanOptions options() {
        try {
            PlanOptions.Profiles wanted = switch (profiles) {
                case "covering" -> PlanOptions.Profiles.COVERING;
                case "each" -> PlanOptions.Profiles.EACH;
                default -> throw new IllegalArgumentException("\"" + profiles + "\" is not one of covering, each");
            };
            return new PlanOptions(optimisationLevel, workspace, versionCompatible, PlanOptions.hardware(hardware), timingCache,
                    wanted);
        } catch (IllegalArgumentException e) {
            throw new UsageException(e.getMessage());
        }
    }

    /** @throws CommandException with what is missing on this machine, and how to build elsewhere */
    private static PlanCompiler compiler() {
        try {
            return TensorRtCompiler.open();
        } catch (PlanException e) {
            throw new CommandException(e.getMessage() + "; with --print-command you get the command that builds the plans in"
                    + " your Triton server's container", e);
        }
    }

    private void build(PlannedBundle planned, PlanCompiler compiler) {
        long start = System.nanoTime();
        try (LongWork work = new LongWork(terminal)) {
            planned.write(out, compiler, plan -> {
                work.end();
                work.beginCount("Building " + plan, -1);
            });
            work.end();
        }
        TensorRtPlans plans = Bundle.openUnverified(out).manifest().plans();
        double seconds = (System.nanoTime() - start) / 1e9;
        if (json) {
            ObjectNode document = Json.object().put("bundle", out.toAbsolutePath().normalize().toString())
                    .put("tensorrt", plans.tensorrt()).put("gpu", plans.gpu()).put("seconds", seconds);
            ArrayNode files = document.putArray("plans");
            plans.engines().forEach(engine -> files.add(engine.file()));
            Json.print(document, terminal.out());
            return;
        }
        terminal.out().println(String.format(java.util.Locale.ROOT, "%s: %d plans for %s with TensorRT %s, %.0f s", out,
                plans.engines().size(), plans.gpu(), plans.tensorrt(), seconds));
        terminal.out().println(terminal.onOutput(Style.FAINT, "serve them: eagle repository " + out
                + " --runtime tensorrt --out repository"));
    }

    /** The jar that this class came from, as the launcher started it. */
    private static Path jar() {
        try {
            return Path.of(PlanCommand.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException("a class's location is a file", e);
        }
    }
}

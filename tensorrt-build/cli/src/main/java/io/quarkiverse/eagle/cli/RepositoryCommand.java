package io.quarkiverse.eagle.cli;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Callable;

import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.triton.repository.HostOptions;
import io.quarkiverse.eagle.triton.repository.HostRepository;
import io.quarkiverse.eagle.triton.repository.ModelRepository;
import io.quarkiverse.eagle.triton.repository.StockRepository;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.TypeConversionException;

/** An engine bundle to a Triton model repository. */
@Command(name = "repository", mixinStandardHelpOptions = true, versionProvider = Version.class, description = {
        "Write a Triton model repository whose models run the engines of a bundle." })
final class RepositoryCommand implements Callable<Integer> {

    private final Terminal terminal;

    @Parameters(arity = "0..1", paramLabel = "BUNDLE", description = "The bundle; without it the default one, which is built"
            + " on first use.")
    private Path bundle;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "The repository: a folder that does not exist"
            + " yet, or is empty.")
    private Path out;

    @Option(names = "--flavour", paramLabel = "NAME", defaultValue = "host", converter = ToFlavour.class, description = "host:"
            + " the engine host, a model of the Python backend; onnx, plan: Triton's own backends, for clients of your own, with"
            + " limits that the repository's README tells (default: ${DEFAULT-VALUE}).")
    private Flavour flavour;

    @Option(names = "--runtime", paramLabel = "NAME", defaultValue = "onnxruntime-cpu", converter = ToRuntime.class, description = "onnxruntime-cpu,"
            + " onnxruntime-cuda, onnxruntime-tensorrt or tensorrt (default: ${DEFAULT-VALUE}).")
    private HostOptions.Runtime runtime;

    @Option(names = "--gpu", paramLabel = "N", description = "The GPU's number (default: 0; for the onnx flavour the CPU).")
    private Integer gpu;

    @Option(names = "--slots", paramLabel = "N", defaultValue = "0", description = "Sequences of each KV pool, 0 for the"
            + " bundle's (default: ${DEFAULT-VALUE}).")
    private int slots;

    @Option(names = "--threads", paramLabel = "N", defaultValue = "0", description = "Threads of one step on a CPU, 0 for all"
            + " cores (default: ${DEFAULT-VALUE}).")
    private int threads;

    @Option(names = "--spinning", description = "Let idle threads spin between steps: fastest where the server has its cores to"
            + " itself.")
    private boolean spinning;

    @Option(names = "--lease-seconds", paramLabel = "N", defaultValue = "60", description = "How long a silent client keeps its"
            + " slots (default: ${DEFAULT-VALUE}).")
    private int leaseSeconds;

    @Option(names = "--bundle-at", paramLabel = "PATH", description = "Where the server finds the bundle; without it the bundle"
            + " is copied into the repository.")
    private Path bundleAt;

    @Option(names = "--json", description = "Print one JSON document on standard output and nothing else.")
    private boolean json;

    RepositoryCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        Bundle opened = Bundle.open(bundle != null ? bundle : DefaultModel.ensure(terminal));
        ModelRepository repository = switch (flavour) {
            case HOST -> new HostRepository(opened,
                    new HostOptions(runtime, gpu == null ? 0 : gpu, slots, threads, spinning, leaseSeconds, bundleAt));
            case ONNX -> new StockRepository(opened, StockRepository.Backend.ONNX, gpu == null ? -1 : gpu);
            case PLAN -> new StockRepository(opened, StockRepository.Backend.PLAN, gpu == null ? 0 : gpu);
        };
        repository.write(out);
        if (json) {
            ObjectNode document = Json.object();
            document.put("repository", out.toAbsolutePath().toString());
            repository.models().forEach(document.putArray("models")::add);
            Json.print(document, terminal.out());
        } else {
            terminal.out().println("Written: " + out + " with " + String.join(" and ", repository.models())
                    + "; its README.md says how to start a server");
        }
        return 0;
    }

    /** What the models of a repository are. */
    private enum Flavour {
        HOST,
        ONNX,
        PLAN
    }

    private static final class ToFlavour implements ITypeConverter<Flavour> {
        @Override
        public Flavour convert(String text) {
            return Arrays.stream(Flavour.values()).filter(value -> value.name().toLowerCase(Locale.ROOT).equals(text))
                    .findFirst()
                    .orElseThrow(() -> new TypeConversionException("\"" + text + "\" is not one of host, onnx, plan"));
        }
    }

    private static final class ToRuntime implements ITypeConverter<HostOptions.Runtime> {
        @Override
        public HostOptions.Runtime convert(String text) {
            return Arrays.stream(HostOptions.Runtime.values()).filter(value -> value.text().equals(text)).findFirst()
                    .orElseThrow(() -> new TypeConversionException("\"" + text + "\" is not one of " + String.join(", ",
                            Arrays.stream(HostOptions.Runtime.values()).map(HostOptions.Runtime::text).toList())));
        }
    }
}

package io.quarkiverse.eagle.cli;

import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;

import com.sun.management.OperatingSystemMXBean;

import io.quarkiverse.eagle.cli.bench.Processor;

/** Java, processor, memory, and what a GPU build would find. */
final class MachineChecks {

    private static final int LEAST_JAVA = 17;
    private static final double GIBIBYTE = 1 << 30;
    /** The default model with its pool and buffers, and the heap beside it. */
    private static final double LEAST_MEMORY = 1.5;

    private MachineChecks() {
    }

    static void run(Consumer<Check> note) {
        note.accept(java(Runtime.version().feature()));
        note.accept(processor());
        note.accept(cores(Runtime.getRuntime().availableProcessors()));
        note.accept(memory());
        note.accept(gpu());
        note.accept(docker());
    }

    static Check java(int feature) {
        String detail = System.getProperty("java.version") + ", " + System.getProperty("java.vendor") + ", "
                + System.getProperty("java.home");
        return feature >= LEAST_JAVA ? Check.ok("java", detail)
                : Check.problem("java", detail, "install Java 17 or newer and set JAVA_HOME");
    }

    private static Check processor() {
        return processor(System.getProperty("os.name") + " " + System.getProperty("os.arch"), Processor.current());
    }

    static Check processor(String kind, Processor processor) {
        String detail = processor.name().isEmpty() ? kind : kind + ", " + processor.name();
        List<String> found = processor.vectors();
        if (found == null) {
            return Check.ok("processor", detail);
        }
        detail += ": " + (found.isEmpty() ? "no wide vectors" : String.join(" ", found));
        if (!found.contains("avx2")) {
            return Check.warning("processor", detail, "without AVX2 every step is slow; use another machine for real work");
        }
        if (found.stream().noneMatch(flag -> flag.contains("vnni") || flag.startsWith("amx"))) {
            return Check.ok("processor", detail + " (no integer dot product: small trees pay here, large ones do not)");
        }
        return Check.ok("processor", detail);
    }

    static Check cores(int cores) {
        return cores >= 2 ? Check.ok("cores", String.valueOf(cores))
                : Check.warning("cores", String.valueOf(cores), "two or more make a step faster");
    }

    private static Check memory() {
        OperatingSystemMXBean system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        double available = available(system.getFreeMemorySize()) / GIBIBYTE;
        String detail = String.format(java.util.Locale.ROOT, "%.1f GiB, %.1f GiB available",
                system.getTotalMemorySize() / GIBIBYTE, available);
        return available >= LEAST_MEMORY ? Check.ok("memory", detail)
                : Check.warning("memory", detail, "the default model wants about " + LEAST_MEMORY + " GiB; close something");
    }

    /** What Linux could free counts as available. */
    private static double available(long free) {
        try (Stream<String> lines = Files.lines(Path.of("/proc/meminfo"))) {
            return lines.filter(line -> line.startsWith("MemAvailable:"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024).findFirst().orElse(free);
        } catch (IOException | NumberFormatException e) {
            return free;
        }
    }

    private static Check gpu() {
        return Check.ok("gpu", Files.exists(Path.of("/proc/driver/nvidia/version")) ? "an NVIDIA driver is loaded"
                : "no NVIDIA driver; in-process engines need none, TensorRT plans do");
    }

    private static Check docker() {
        boolean found = Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
                .anyMatch(folder -> !folder.isEmpty() && Files.isExecutable(Path.of(folder, "docker")));
        return Check.ok("docker", found ? "found" : "not found; only a Triton server in a container needs it");
    }
}

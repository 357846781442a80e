package io.quarkiverse.eagle.plan;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The command line that builds the same plans inside the serving container, whose TensorRT will run them: bundle, command line
 * and Java runtime are mounted, so that the image stays as it is.
 *
 * @param bundle the bundle
 * @param out the planned bundle
 * @param jar the command line's jar, its libraries in {@code lib} beside it
 * @param javaHome a Java runtime for Linux
 * @param image the server's image; null leaves it to the variable {@code TRITON_IMAGE}
 */
public record ContainerCommand(Path bundle, Path out, Path jar, Path javaHome, String image, PlanOptions options) {

    /** One command for a POSIX shell. */
    public String text() {
        Path folder = out.toAbsolutePath().normalize().getParent();
        String name = out.toAbsolutePath().getFileName().toString();
        List<String> words = new ArrayList<>(
                List.of("docker", "run", "--rm", "--gpus", "all", "--entrypoint", "/java/bin/java"));
        mount(words, bundle, "/bundle:ro");
        mount(words, folder, "/plans");
        mount(words, jar.toAbsolutePath().getParent(), "/eagle:ro");
        mount(words, javaHome, "/java:ro");
        if (options.timingCache() != null) {
            mount(words, options.timingCache().toAbsolutePath().getParent(), "/timing");
        }
        words.add(image == null ? "\"${TRITON_IMAGE:?set it to the image of your Triton server}\"" : quoted(image));
        words.addAll(List.of("-Dorg.bytedeco.javacpp.cachedir=/tmp/javacpp", "-jar", quoted("/eagle/" + jar.getFileName()),
                "plan", "/bundle", "--out", quoted("/plans/" + name)));
        words.addAll(arguments());
        return String.join(" ", words);
    }

    /** The options that differ from the defaults. */
    private List<String> arguments() {
        PlanOptions usual = PlanOptions.defaults();
        List<String> words = new ArrayList<>();
        if (options.optimisationLevel() != usual.optimisationLevel()) {
            words.addAll(List.of("--optimisation-level", Integer.toString(options.optimisationLevel())));
        }
        if (options.workspaceMiB() != usual.workspaceMiB()) {
            words.addAll(List.of("--workspace", Integer.toString(options.workspaceMiB())));
        }
        if (options.versionCompatible()) {
            words.add("--version-compatible");
        }
        if (options.hardware() != usual.hardware()) {
            words.addAll(List.of("--hardware", options.hardware().text()));
        }
        if (options.profiles() != usual.profiles()) {
            words.addAll(List.of("--profiles", options.profiles().text()));
        }
        if (options.timingCache() != null) {
            words.addAll(List.of("--timing-cache", quoted("/timing/" + options.timingCache().getFileName())));
        }
        return words;
    }

    private static void mount(List<String> words, Path from, String at) {
        words.add("-v");
        words.add(quoted(from.toAbsolutePath().normalize() + ":" + at));
    }

    private static String quoted(String word) {
        return word.matches("[A-Za-z0-9_@%+=:,./-]+") ? word : "'" + word.replace("'", "'\\''") + "'";
    }
}

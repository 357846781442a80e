package io.quarkiverse.eagle.draft;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.function.LongSupplier;

import org.jboss.logging.Logger;

import com.fasterxml.jackson.databind.ObjectMapper;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.engine.Engine;

/**
 * Keeps measured cost curves between starts. A kept curve is believed only after a short measurement has confirmed it, so that
 * what was measured on a busy machine is measured anew on a quiet one, and the other way round; or at once, where a quick start
 * counts for more, and the steps of the run correct it.
 *
 * @param folder where the curves are kept, created when needed
 * @param setup everything but the engine that a step's time depends on: machine, threads, versions
 * @param confirms whether kept curves are measured against before they are believed
 */
public record CostCache(Path folder, String setup, boolean confirms) {

    private static final Logger LOG = Logger.getLogger(CostCache.class);
    /** How far the short measurement may be from the kept curve, either way. */
    private static final double TOLERANCE = 1.25;
    private static final int KEY_DIGITS = 24;

    /** A cache that confirms. */
    public CostCache(Path folder, String setup) {
        this(folder, setup, true);
    }

    /** The same cache, whose kept curves are believed at once. */
    public CostCache withoutConfirming() {
        return new CostCache(folder, setup, false);
    }

    /**
     * The curve of an engine, kept or measured.
     *
     * @param name tells the engines of all bundles apart
     */
    public CostCurve curve(String name, Engine engine, int mostRows) {
        return curve(name, engine, mostRows, engine::nanoTime);
    }

    /** @param clock nanoseconds */
    CostCurve curve(String name, Engine engine, int mostRows, LongSupplier clock) {
        Path file = file(name);
        CostCurve kept = read(file);
        if (kept != null && (!confirms || CostMeasurement.confirms(engine, kept, TOLERANCE, clock))) {
            return kept;
        }
        CostCurve measured = CostMeasurement.measure(engine, mostRows, clock);
        write(file, measured);
        return measured;
    }

    /**
     * Keeps what live steps have taught about an engine's costs for the next start.
     *
     * @param name as in {@link #curve}
     */
    public void keep(String name, CostCurve learned) {
        write(file(name), learned);
    }

    private Path file(String name) {
        return folder.resolve("costs-" + key(name) + ".json");
    }

    private String key(String name) {
        return Bundle.sha256((setup + "\n" + name).getBytes(StandardCharsets.UTF_8)).substring(0, KEY_DIGITS);
    }

    private static CostCurve read(Path file) {
        if (!Files.exists(file)) {
            return null;
        }
        try {
            return new ObjectMapper().readValue(file.toFile(), CostCurve.class);
        } catch (IOException e) {
            LOG.debugf("The kept costs %s are not readable and are measured anew: %s", file, e.getMessage());
            return null;
        }
    }

    /** Curves are a convenience: where they cannot be kept, the next start measures again. */
    private void write(Path file, CostCurve curve) {
        try {
            Files.createDirectories(folder);
            Path fresh = Files.createTempFile(folder, "costs-", ".part");
            new ObjectMapper().writeValue(fresh.toFile(), curve);
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            LOG.debugf("The measured costs cannot be kept in %s: %s", folder, e.getMessage());
        }
    }
}

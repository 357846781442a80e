package io.quarkiverse.eagle.decode;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Supplier;

import org.jboss.logging.Logger;

import io.quarkiverse.eagle.engine.EnginePair;

/**
 * Replicas whose engines are not open, because nobody answered where they are or because every step failed. A thread tries to
 * open them, with pauses that grow, for as long as there are any. Thread-safe.
 */
final class AbsentReplicas {

    private static final Logger LOG = Logger.getLogger(AbsentReplicas.class);

    private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);

    private final String model;
    private final BiConsumer<String, Supplier<EnginePair>> opening;
    private final Map<String, Supplier<EnginePair>> openers = new LinkedHashMap<>();
    private Thread thread;
    private boolean ended;

    /**
     * @param opening opens a replica and lets it serve, unless it was forgotten meanwhile; fails when it cannot. On the thread
     *        of
     *        the absent
     */
    AbsentReplicas(String model, BiConsumer<String, Supplier<EnginePair>> opening) {
        this.model = model;
        this.opening = opening;
    }

    /** From now on a replica is tried; without effect after the end. */
    synchronized void await(String name, Supplier<EnginePair> opener) {
        if (ended) {
            return;
        }
        openers.put(name, opener);
        if (thread == null) {
            thread = new Thread(this::tryThem, "eagle-absent-" + model);
            thread.setDaemon(true);
            thread.setContextClassLoader(AbsentReplicas.class.getClassLoader());
            thread.start();
        }
    }

    /** A replica is not absent any more, or nobody wants it; false when it was not among them. */
    synchronized boolean forget(String name) {
        return openers.remove(name) != null;
    }

    synchronized List<String> names() {
        return List.copyOf(openers.keySet());
    }

    /** Nobody is tried any more, but for the one who just is. */
    synchronized void end() {
        ended = true;
        openers.clear();
        notifyAll();
    }

    private void tryThem() {
        Duration pause = FIRST_PAUSE;
        for (Map<String, Supplier<EnginePair>> all = after(pause); !all.isEmpty(); all = after(pause)) {
            all.forEach(this::tryIt);
            pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) < 0 ? pause.multipliedBy(2) : LONGEST_PAUSE;
        }
    }

    private void tryIt(String name, Supplier<EnginePair> opener) {
        try {
            opening.accept(name, opener);
        } catch (RuntimeException e) {
            LOG.warnf("The replica %s of %s is still absent: %s", name, model, e.getMessage());
        }
    }

    /** Who is absent after a pause; when nobody is, the thread ends. */
    private synchronized Map<String, Supplier<EnginePair>> after(Duration pause) {
        long until = System.nanoTime() + pause.toNanos();
        for (long left = pause.toNanos(); !ended && left > 0; left = until - System.nanoTime()) {
            try {
                wait(left / 1_000_000 + 1);
            } catch (InterruptedException e) {
                ended = true; // nobody has a reason to interrupt it but to end it
                openers.clear();
            }
        }
        if (openers.isEmpty()) {
            thread = null;
        }
        return new LinkedHashMap<>(openers);
    }
}

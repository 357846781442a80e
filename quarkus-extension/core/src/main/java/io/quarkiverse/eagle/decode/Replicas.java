package io.quarkiverse.eagle.decode;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import java.util.function.IntUnaryOperator;
import java.util.function.Supplier;
import java.util.stream.Stream;

import org.jboss.logging.Logger;

import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.engine.EnginesAwayException;
import io.quarkiverse.eagle.engine.PoolLostException;

/**
 * A model's replicas: who takes a request, who comes, who leaves. A request goes where requests that begin alike went before,
 * unless that replica has much more to do than the others, is lost, or is about to leave. Thread-safe.
 */
final class Replicas {

    private static final Logger LOG = Logger.getLogger(Replicas.class);

    /** For the step that runs when a replica's time to leave is over. */
    static final Duration STEP_PATIENCE = Duration.ofSeconds(5);

    /** For what just comes to a replica that is let go because its steps fail. */
    private static final Duration FAILING_PATIENCE = Duration.ofSeconds(1);

    private final BundleManifest manifest;
    private final ModelOptions options;
    /** Never empty; a new list whenever one comes or goes. */
    private volatile List<Replica> replicas;
    /** Those that were away when all were opened. */
    private final Map<String, Supplier<EnginePair>> away;
    private final AbsentReplicas absent;
    private final PrefixHomes homes = new PrefixHomes();
    private volatile Consumer<Replica> prober;
    private volatile boolean closing;

    private Replicas(BundleManifest manifest, ModelOptions options, List<Replica> opened,
            Map<String, Supplier<EnginePair>> away) {
        this.manifest = manifest;
        this.options = options;
        this.replicas = List.copyOf(opened);
        this.away = away;
        this.absent = new AbsentReplicas(manifest.name(), this::addAbsent);
    }

    /**
     * Opens replicas one after the other; some may be away, but not all. None decodes before {@link #begin}.
     *
     * @param openers by the replica's name
     */
    static Replicas open(BundleManifest manifest, Map<String, Supplier<EnginePair>> openers, ModelOptions options) {
        if (openers.isEmpty()) {
            throw new IllegalArgumentException("a model has at least one replica; give the engines of one");
        }
        List<Replica> opened = new ArrayList<>();
        Map<String, Supplier<EnginePair>> away = new LinkedHashMap<>();
        try {
            EngineException reason = null;
            for (Map.Entry<String, Supplier<EnginePair>> opener : openers.entrySet()) {
                try {
                    opened.add(replica(opener.getKey(), manifest, opener.getValue(), options));
                } catch (EnginesAwayException | PoolLostException e) {
                    reason = e;
                    away.put(opener.getKey(), opener.getValue());
                }
            }
            if (opened.isEmpty()) {
                throw reason;
            }
            if (reason != null) {
                LOG.warnf("%s opens without %s, which will be tried again: %s", manifest.name(), away.keySet(),
                        reason.getMessage());
            }
            return new Replicas(manifest, options, opened, away);
        } catch (RuntimeException | Error e) {
            opened.forEach(Replica::stop);
            throw e;
        }
    }

    private static Replica replica(String name, BundleManifest manifest, Supplier<EnginePair> opener, ModelOptions options) {
        EnginePair engines = opener.get();
        try {
            return new Replica(name, opener, manifest, engines, options);
        } catch (RuntimeException | Error e) {
            engines.close();
            throw e;
        }
    }

    /**
     * All begin to decode, and those that were away are waited for.
     *
     * @param prober finds out whether a replica's lost engines are back, and tells it; on the thread of some request
     */
    void begin(Consumer<Replica> prober) {
        this.prober = prober;
        replicas.forEach(this::start);
        away.forEach(absent::await);
    }

    private void start(Replica replica) {
        replica.start(new DecodeLoop.Neighbourhood() {
            @Override
            public boolean takes(Sequence sequence) {
                return moveElsewhere(replica, sequence);
            }

            @Override
            public void fails() {
                letGo(replica);
            }

            @Override
            public void left(Sequence sequence) {
                if (replicas.size() > 1) {
                    homes.went(PrefixHomes.beginnings(sequence.tenant(), sequence::token, sequence.length()),
                            replica.identity());
                }
            }
        });
    }

    /** Those that are there now, the first of them first. */
    List<Replica> all() {
        return replicas;
    }

    boolean isClosing() {
        return closing;
    }

    /** How all are, the absent ones too. */
    synchronized List<ReplicaStatus> statuses() {
        return Stream.concat(replicas.stream().map(Replica::status), absent.names().stream()
                .map(name -> new ReplicaStatus(name, ReplicaStatus.State.ABSENT, 0, 0, 0))).toList();
    }

    /** As {@link SpeculativeModel#addReplica}. */
    void add(String name, Supplier<EnginePair> opener) {
        requireNew(name);
        Replica added = replica(name, manifest, opener, options);
        try {
            add(added, false);
        } catch (RuntimeException e) {
            added.stop();
            throw e;
        }
    }

    private void addAbsent(String name, Supplier<EnginePair> opener) {
        Replica added = replica(name, manifest, opener, options);
        boolean wanted = false;
        try {
            wanted = add(added, true);
        } finally {
            if (!wanted) {
                added.stop();
            }
        }
    }

    /** @return false when it was to be absent before, and is not any more */
    private synchronized boolean add(Replica added, boolean wasAbsent) {
        requireNew(added.name());
        if (!absent.forget(added.name()) && wasAbsent) {
            return false;
        }
        start(added);
        LOG.infof("The replica %s of %s takes requests", added.name(), manifest.name());
        List<Replica> more = new ArrayList<>(replicas);
        more.add(added);
        replicas = List.copyOf(more);
        return true;
    }

    private void requireNew(String name) {
        if (isClosing()) {
            throw new IllegalStateException(manifest.name() + " is closing; it takes no more replicas");
        }
        if (replicas.stream().anyMatch(replica -> replica.name().equals(name))) {
            throw new IllegalArgumentException(manifest.name() + " has a replica " + name
                    + " already; choose another name, or wait until that one has left");
        }
    }

    /** As {@link SpeculativeModel#drainReplica}. */
    synchronized CompletionStage<Void> drain(String name, Duration limit) {
        if (absent.forget(name)) {
            return CompletableFuture.completedStage(null);
        }
        Replica leaving = replicas.stream().filter(replica -> replica.name().equals(name)).findFirst()
                .orElseThrow(() -> new IllegalArgumentException(manifest.name() + " has no replica " + name + "; there are "
                        + replicas.stream().map(Replica::name).toList()));
        if (leaving.leaving() != null) {
            return leaving.leaving().minimalCompletionStage();
        }
        if (isLast(leaving)) {
            throw new IllegalStateException(name + " is the last replica of " + manifest.name()
                    + "; add another one first, or close the model");
        }
        return beginToLeave(leaving, limit, () -> {
        }).minimalCompletionStage();
    }

    private boolean isLast(Replica staying) {
        return replicas.stream().allMatch(replica -> replica == staying || replica.isLeaving());
    }

    /** Every step of a replica fails: it leaves, unless nobody else is there, and is opened anew. On its loop's thread. */
    private synchronized void letGo(Replica failing) {
        if (closing || failing.isLeaving() || isLast(failing)) {
            return;
        }
        LOG.errorf("Steps of the replica %s of %s fail again and again; it takes no more requests, and is opened anew",
                failing.name(), manifest.name());
        beginToLeave(failing, FAILING_PATIENCE, () -> absent.await(failing.name(), failing.opener()));
    }

    private CompletableFuture<Void> beginToLeave(Replica leaving, Duration limit, Runnable then) {
        CompletableFuture<Void> left = leaving.beginToLeave();
        Thread thread = new Thread(() -> leave(leaving, limit, left, then), "eagle-drain-" + leaving.name());
        thread.setDaemon(true);
        thread.start();
        return left;
    }

    private void leave(Replica leaving, Duration limit, CompletableFuture<Void> left, Runnable then) {
        Throwable failure = null;
        try {
            leaving.leave(limit, STEP_PATIENCE);
        } catch (RuntimeException | Error e) {
            LOG.errorf(e, "The replica %s of %s left with an error", leaving.name(), manifest.name());
            failure = e;
        }
        remove(leaving, then);
        if (failure == null) {
            left.complete(null);
        } else {
            left.completeExceptionally(failure);
        }
    }

    private synchronized void remove(Replica left, Runnable then) {
        replicas = replicas.stream().filter(replica -> replica != left).toList();
        if (!closing) {
            then.run();
        }
    }

    /** One that stays, for what all have in common. */
    Replica any() {
        List<Replica> all = replicas;
        for (Replica replica : all) {
            if (!replica.isLeaving()) {
                return replica;
            }
        }
        return all.get(0);
    }

    /** A replica for a request; reserved, so that it does not leave before the request is there. */
    Replica place(String tenant, int[] prompt) {
        List<Replica> all;
        Replica chosen;
        do {
            all = replicas;
            chosen = choose(tenant, i -> prompt[i], prompt.length, all);
        } while (!chosen.reserve());
        for (Replica other : all) {
            if (other != chosen && other.wantsProbe()) {
                prober.accept(other);
            }
        }
        return chosen;
    }

    private Replica choose(String tenant, IntUnaryOperator token, int length, List<Replica> all) {
        if (all.size() == 1) {
            return all.get(0);
        }
        long[] beginnings = PrefixHomes.beginnings(tenant, token, length);
        Replica chosen = Placement.choose(beginnings[beginnings.length - 1], homes.homes(beginnings, length), all);
        homes.went(beginnings, chosen.identity());
        return chosen;
    }

    /** Gives a sequence of a replica whose engines do not work to another one; false when none serves. On its loop's thread. */
    private boolean moveElsewhere(Replica from, Sequence sequence) {
        List<Replica> serving = replicas.stream()
                .filter(replica -> replica != from && replica.standing() == Placement.Standing.OPEN).toList();
        if (serving.isEmpty()) {
            return false;
        }
        Replica chosen = choose(sequence.tenant(), sequence::token, sequence.length(), serving);
        if (!chosen.reserve()) {
            return false;
        }
        try {
            return chosen.take(sequence, from);
        } finally {
            chosen.free();
        }
    }

    /** From now on no replica comes; returns those that there are. */
    synchronized List<Replica> beginToClose() {
        closing = true;
        absent.end();
        return replicas;
    }
}

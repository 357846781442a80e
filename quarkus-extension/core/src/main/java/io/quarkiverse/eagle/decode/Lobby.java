package io.quarkiverse.eagle.decode;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import java.util.function.Predicate;

import io.quarkiverse.eagle.OverloadedException;

/**
 * The sequences of a decode loop that have no slot, and who of them has the next one: those that wait for their first, those
 * that gave theirs away because their consumers did not ask, and those that come from other loops with what they have. Belongs
 * to the loop's thread, but for what is said to be for all.
 */
final class Lobby {

    private final String name;
    private final AdmissionQueue<Sequence> waiting;
    private final RunningTenants tenants;
    private final Queue<Sequence> away = new ArrayDeque<>();
    private final int mostAway;
    private final Queue<Sequence> arriving = new ConcurrentLinkedQueue<>();
    private final Duration queueTimeout;
    /** The last slot went to a sequence that came back. */
    private boolean cameBack;
    private volatile int awayNow;

    Lobby(String name, ModelOptions options) {
        this.name = name;
        this.waiting = new AdmissionQueue<>(options.queueLimit(), options.limits().waiting());
        this.tenants = new RunningTenants(options.limits().running());
        this.mostAway = options.queueLimit();
        this.queueTimeout = options.queueTimeout();
    }

    /** Lets a sequence wait for its first slot; null when it does, else why it may not. For all threads. */
    OverloadedException.Reason offer(Sequence sequence) {
        return waiting.offer(sequence);
    }

    /** Takes a sequence of another loop, as one that went away when it had a slot already; false when it cannot. For all. */
    boolean take(Sequence sequence) {
        return sequence.wasAdmitted() ? arriving.add(sequence) : waiting.offer(sequence) == null;
    }

    /** For all threads. */
    OverloadedException refusal(OverloadedException.Reason reason, Sequence sequence, long now) {
        return new OverloadedException(reason, switch (reason) {
            case QUEUE_FULL -> waiting.limit() + " requests wait for " + name + " already; try again later";
            case TENANT_LIMIT -> "as many requests of " + sequence.tenant() + " wait for " + name
                    + " as may of one tenant; try again when some of them are answered";
            case QUEUE_TIMEOUT -> "no slot became free within " + queueTimeout.toMillis()
                    + " ms; try again later, or give the model more slots";
            case SHUTTING_DOWN -> name + " is closing; try again later, or elsewhere";
        }, timeToClear(now));
    }

    /** In how long those who wait now should have been admitted. For all threads. */
    Duration timeToClear(long now) {
        return waiting.timeToClear(now);
    }

    /** Sequences that wait for a slot and never had one. For all threads. */
    int queued() {
        return waiting.size();
    }

    /** Sequences that gave their slots away, or come from other loops; as of the last {@link #count}. For all threads. */
    int away() {
        return awayNow + arriving.size();
    }

    /** Lets others know how many are away. */
    void count() {
        awayNow = away.size();
    }

    /** Whether nobody is here. */
    boolean isEmpty() {
        return arriving.isEmpty() && away.isEmpty() && queued() == 0;
    }

    /** Lets those in that come from other loops. */
    void receive() {
        for (Sequence sequence = arriving.poll(); sequence != null; sequence = arriving.poll()) {
            away.add(sequence);
        }
    }

    /** Whether one more may give its slot away. */
    boolean hasRoomForOneAway() {
        return away.size() < mostAway;
    }

    void sendAway(Sequence sequence) {
        away.add(sequence);
    }

    /**
     * Counts the generations of each tenant that run, before slots are given.
     *
     * @param slots sequences, null where a slot is free
     */
    void countTenants(Sequence[] slots) {
        tenants.clear();
        for (Sequence sequence : slots) {
            if (sequence != null) {
                tenants.add(sequence.tenant());
            }
        }
        away.forEach(sequence -> tenants.add(sequence.tenant()));
    }

    /** Who has the next slot, those that come back and those that wait in turns; null for nobody. Changes nothing. */
    Sequence next() {
        Sequence next = waiting.next(tenants::mayRunOneMore);
        Sequence returning = next != null && cameBack ? null : returning();
        return returning != null ? returning : next;
    }

    private Sequence returning() {
        for (Sequence sequence : away) {
            if (sequence.stream().hasRoom()) {
                return sequence;
            }
        }
        return null;
    }

    /** Lets out who {@link #next} told; false when it has left meanwhile. */
    boolean admit(Sequence sequence, long now) {
        boolean returns = away.remove(sequence);
        if (!returns && !waiting.admit(sequence, tenants::mayRunOneMore, now)) {
            return false;
        }
        if (!returns) {
            tenants.add(sequence.tenant());
        }
        cameBack = returns;
        return true;
    }

    /** Forgets those of whom this is so. */
    void removeIf(Predicate<Sequence> gone) {
        away.removeIf(gone);
        for (Sequence sequence : waiting.all()) {
            if (gone.test(sequence)) {
                waiting.remove(sequence);
            }
        }
    }

    /** Refuses those that have waited for their first slot for too long. */
    void refuseOverdue(long now) {
        for (Sequence sequence : queueTimeout == null ? List.<Sequence> of() : waiting.all()) {
            if (sequence.waited().compareTo(queueTimeout) > 0) {
                sequence.fail(refusal(OverloadedException.Reason.QUEUE_TIMEOUT, sequence, now));
                waiting.remove(sequence);
            }
        }
    }

    /** Refuses all that wait for their first slot. */
    void refuseWaiting(long now) {
        List<Sequence> left = waiting.all();
        left.forEach(waiting::remove);
        refuse(left, now);
    }

    /** The same, and from now on nobody may wait. */
    void close(long now) {
        refuse(waiting.close(), now);
    }

    private void refuse(List<Sequence> left, long now) {
        left.forEach(sequence -> sequence.fail(refusal(OverloadedException.Reason.SHUTTING_DOWN, sequence, now)));
    }

    /** Ends all that are away. */
    void endAway(Consumer<Sequence> end) {
        for (Sequence sequence = away.poll(); sequence != null; sequence = away.poll()) {
            end.accept(sequence);
        }
    }
}

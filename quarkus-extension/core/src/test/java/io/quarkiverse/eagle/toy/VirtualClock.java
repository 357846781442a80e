package io.quarkiverse.eagle.toy;

import java.util.Comparator;
import java.util.PriorityQueue;

/**
 * Time that passes only when it is told to, and what is to happen at moments of it: by their time, and those of one moment in
 * the order in which they were planned. The same plan always runs the same way.
 */
public final class VirtualClock {

    private static final long BEGINNING = 1_000_000_000;

    private final PriorityQueue<Event> events = new PriorityQueue<>(
            Comparator.comparingLong(Event::at).thenComparingLong(Event::number));
    private long now = BEGINNING;
    private long planned;

    private record Event(long at, long number, Runnable action) {
    }

    /** Nanoseconds. */
    public long now() {
        return now;
    }

    /** Plans what is to happen after some nanoseconds. */
    public void after(long nanos, Runnable action) {
        events.add(new Event(now + nanos, planned++, action));
    }

    /** Lets time pass; what was planned for it happens meanwhile, each at its moment. */
    public void advance(long nanos) {
        long end = now + nanos;
        while (happensBy(end)) {
            // The clock stands at the next moment already.
        }
        now = Math.max(now, end);
    }

    /** Goes to the next planned moment, if it comes by then, and lets one thing happen; else does nothing. */
    public boolean happensBy(long end) {
        if (events.isEmpty() || events.peek().at() > end) {
            return false;
        }
        Event event = events.remove();
        now = event.at();
        event.action().run();
        return true;
    }

    /** Whether anything is planned. */
    public boolean isPlanned() {
        return !events.isEmpty();
    }
}

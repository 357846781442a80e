package io.quarkiverse.eagle.decode;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.Priority;

/**
 * The requests that wait for their first slot, and who is next. Higher priorities go first, but a lower one that was passed
 * over often enough takes a turn; within a priority slots go round the tenants, and a tenant's requests stay in order. A tenant
 * that
 * may not run keeps its place while others pass. So whoever may run is admitted after a number of admissions that what comes
 * later cannot raise: a newcomer's tenant queues up behind the tenants that are there.
 * Thread-safe; every call is short.
 *
 * @param <R> a request
 */
final class AdmissionQueue<R extends AdmissionQueue.Request> {

    /** What the queue knows of a request. */
    interface Request {

        Priority priority();

        /** Null for requests that name nobody; they take turns as one more tenant. */
        String tenant();
    }

    /** By priority: how often it is passed over, while one of its requests may run, before it takes a turn. */
    private static final int[] PATIENCE = { 16, 4, 0 };

    private final int limit;
    private final int tenantLimit;
    /** By priority: tenants in the order of their turns, each with its requests in the order they came; none is empty. */
    private final List<LinkedHashMap<String, Deque<R>>> lanes = new ArrayList<>();
    private final int[] passedOver = new int[PATIENCE.length];
    /** Waiting requests by tenant. */
    private final Map<String, Integer> byTenant = new HashMap<>();
    private final AdmissionPace pace = new AdmissionPace();
    private int size;
    private boolean closed;

    /**
     * @param limit requests that may wait
     * @param tenantLimit requests that may wait of a tenant with a name; 0 for any number
     */
    AdmissionQueue(int limit, int tenantLimit) {
        this.limit = limit;
        this.tenantLimit = tenantLimit;
        for (int priority = 0; priority < PATIENCE.length; priority++) {
            lanes.add(new LinkedHashMap<>());
        }
    }

    /** Lets a request wait; returns why it may not, null when it does. */
    synchronized OverloadedException.Reason offer(R request) {
        if (closed) {
            return OverloadedException.Reason.SHUTTING_DOWN;
        }
        if (size >= limit) {
            return OverloadedException.Reason.QUEUE_FULL;
        }
        if (tenantLimit > 0 && request.tenant() != null && byTenant.getOrDefault(request.tenant(), 0) >= tenantLimit) {
            return OverloadedException.Reason.TENANT_LIMIT;
        }
        lane(request).computeIfAbsent(request.tenant(), tenant -> new ArrayDeque<>()).add(request);
        byTenant.merge(request.tenant(), 1, Integer::sum);
        size++;
        return null;
    }

    /**
     * Who is to be admitted next; null when nobody may run. Changes nothing.
     *
     * @param mayRun whether a tenant may have one more running generation
     */
    synchronized R next(Predicate<String> mayRun) {
        R highest = null;
        for (int priority = 0; priority < PATIENCE.length; priority++) {
            R first = first(priority, mayRun);
            if (first != null) {
                if (passedOver[priority] >= PATIENCE[priority]) {
                    return first;
                }
                highest = first;
            }
        }
        return highest;
    }

    private R first(int priority, Predicate<String> mayRun) {
        for (Map.Entry<String, Deque<R>> tenant : lanes.get(priority).entrySet()) {
            if (mayRun.test(tenant.getKey())) {
                return tenant.getValue().peek();
            }
        }
        return null;
    }

    /**
     * Admits who {@link #next} told, unless it left meanwhile; its tenant goes to the end of the round.
     *
     * @param mayRun as of {@code next}
     * @param now {@link System#nanoTime} or another clock of its kind, the same in all calls
     * @return whether it was still there
     */
    synchronized boolean admit(R request, Predicate<String> mayRun, long now) {
        if (!remove(request)) {
            return false;
        }
        for (int priority = 0; priority < PATIENCE.length; priority++) {
            if (priority == request.priority().ordinal() || lanes.get(priority).isEmpty()) {
                passedOver[priority] = 0;
            } else if (first(priority, mayRun) != null) {
                passedOver[priority]++;
            }
        }
        Deque<R> others = lane(request).remove(request.tenant());
        if (others != null) {
            lane(request).put(request.tenant(), others);
        }
        pace.admitted(now, size);
        return true;
    }

    /** A request leaves without having been admitted; false when it had left before. */
    synchronized boolean remove(R request) {
        Deque<R> requests = lane(request).get(request.tenant());
        if (requests == null || !requests.remove(request)) {
            return false;
        }
        if (requests.isEmpty()) {
            lane(request).remove(request.tenant());
        }
        byTenant.computeIfPresent(request.tenant(), (tenant, count) -> count == 1 ? null : count - 1);
        size--;
        return true;
    }

    private LinkedHashMap<String, Deque<R>> lane(R request) {
        return lanes.get(request.priority().ordinal());
    }

    /** All that wait, those of a higher priority first. */
    synchronized List<R> all() {
        if (size == 0) {
            return List.of();
        }
        List<R> all = new ArrayList<>(size);
        for (int priority = PATIENCE.length - 1; priority >= 0; priority--) {
            lanes.get(priority).values().forEach(all::addAll);
        }
        return all;
    }

    /** Requests that may wait. */
    int limit() {
        return limit;
    }

    synchronized int size() {
        return size;
    }

    /** From now on nobody may wait; returns who did. */
    synchronized List<R> close() {
        List<R> left = all();
        closed = true;
        left.forEach(this::remove);
        return left;
    }

    /** In how long those who wait now should all have been admitted; see {@link OverloadedException#retryAfter}. */
    synchronized Duration timeToClear(long now) {
        return pace.timeFor(size, now);
    }
}

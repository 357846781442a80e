package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;

import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.Priority;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** Whatever arrives, and whoever leaves or may not run meanwhile, everybody gets a turn, in a fair order. */
class AdmissionQueuePropertyTest {

    private static final int LIMIT = 12;
    private static final String[] TENANTS = { "a", "b", "c", "d", null };

    /** A priority's share: at least one of so many admissions, while it has somebody who may run. */
    private static final Map<Priority, Integer> ONE_OF = Map.of(Priority.LOW, 17, Priority.NORMAL, 6, Priority.HIGH, 3);

    private record Request(int id, Priority priority, String tenant) implements AdmissionQueue.Request {

        boolean sharesTurnsWith(Request other) {
            return priority == other.priority && Objects.equals(tenant, other.tenant);
        }
    }

    /** A waiting request; the bound is how many admissions may go before its own. */
    private static final class Waiting {
        private final int bound;
        private int admissions;

        Waiting(int bound) {
            this.bound = bound;
        }
    }

    @Property(tries = 300, seed = "20240701", edgeCases = EdgeCasesMode.NONE)
    void everyRequestIsAdmittedAfterABoundedNumberOfAdmissionsWhateverArrives(@ForAll long seed) {
        Random random = new Random(seed);
        int[] favour = { random.nextInt(1, 6), random.nextInt(1, 6), random.nextInt(1, 6) };
        AdmissionQueue<Request> queue = new AdmissionQueue<>(LIMIT, 0);
        Map<Request, Waiting> waiting = new LinkedHashMap<>();
        for (int id = 0; id < 400; id++) {
            Request offered = new Request(id, priority(random, favour), TENANTS[random.nextInt(TENANTS.length)]);
            if (queue.offer(offered) == null) {
                long place = 1 + waiting.keySet().stream().filter(offered::sharesTurnsWith).count();
                waiting.put(offered, new Waiting((int) place * TENANTS.length * ONE_OF.get(offered.priority())));
            }
            if (random.nextInt(3) > 0) {
                Request next = queue.next(tenant -> true);
                assertThat(queue.admit(next, tenant -> true, id)).isTrue();
                waiting.remove(next);
                waiting.values().forEach(other -> assertThat(++other.admissions).isLessThan(other.bound));
            }
            if (random.nextInt(10) == 0 && !waiting.isEmpty()) {
                Request leaver = List.copyOf(waiting.keySet()).get(random.nextInt(waiting.size()));
                assertThat(queue.remove(leaver)).isTrue();
                waiting.remove(leaver);
            }
            assertThat(queue.size()).isEqualTo(waiting.size());
        }
    }

    @Property(tries = 300, seed = "20240702", edgeCases = EdgeCasesMode.NONE)
    void nobodyIsServedTwiceWhileAnotherTenantOfHisPriorityWaits(@ForAll long seed) {
        Random random = new Random(seed);
        int[] favour = { 1, 1, 1 };
        AdmissionQueue<Request> queue = new AdmissionQueue<>(LIMIT, 0);
        List<Request> waiting = new ArrayList<>();
        Map<Priority, Map<String, Set<String>>> passed = new LinkedHashMap<>();
        Set<String> blocked = new HashSet<>();
        for (int id = 0; id < 400; id++) {
            Request offered = new Request(id, priority(random, favour), TENANTS[random.nextInt(TENANTS.length)]);
            if (queue.offer(offered) == null) {
                waiting.add(offered);
            }
            if (random.nextInt(8) == 0) {
                String tenant = TENANTS[random.nextInt(4)];
                if (!blocked.remove(tenant)) {
                    blocked.add(tenant);
                }
            }
            Request next = queue.next(tenant -> !blocked.contains(tenant));
            assertThat(next == null).isEqualTo(waiting.stream().allMatch(request -> blocked.contains(request.tenant())));
            if (next != null && random.nextInt(3) > 0) {
                assertThat(queue.admit(next, tenant -> !blocked.contains(tenant), id)).isTrue();
                assertThat(blocked).doesNotContain(next.tenant());
                assertThat(waiting.stream().filter(next::sharesTurnsWith).findFirst()).contains(next);
                waiting.remove(next);
                mustNotHaveBeenPassed(next, waiting, blocked,
                        passed.computeIfAbsent(next.priority(), p -> new LinkedHashMap<>()));
            }
        }
    }

    /** @param passed by waiting tenant: those served since it began to wait, or was served last, in this priority */
    private static void mustNotHaveBeenPassed(Request served, List<Request> waiting, Set<String> blocked,
            Map<String, Set<String>> passed) {
        Set<String> others = new HashSet<>();
        waiting.stream().filter(request -> request.priority() == served.priority()).map(Request::tenant).forEach(others::add);
        passed.keySet().retainAll(others);
        passed.remove(served.tenant());
        others.remove(served.tenant());
        for (String other : others) {
            boolean again = !passed.computeIfAbsent(other, waits -> new HashSet<>()).add(served.tenant());
            assertThat(again && !blocked.contains(other)).as("%s is served twice while %s waits", served.tenant(), other)
                    .isFalse();
        }
    }

    private static Priority priority(Random random, int[] favour) {
        int drawn = random.nextInt(favour[0] + favour[1] + favour[2]);
        return drawn < favour[0] ? Priority.LOW : drawn < favour[0] + favour[1] ? Priority.NORMAL : Priority.HIGH;
    }

    @Property(tries = 100, seed = "20240703", edgeCases = EdgeCasesMode.NONE)
    void aFullQueueAndATenantsShareOfItAreNeverExceeded(@ForAll long seed) {
        Random random = new Random(seed);
        AdmissionQueue<Request> queue = new AdmissionQueue<>(LIMIT, 3);
        for (int id = 0; id < 100; id++) {
            List<Request> before = queue.all();
            Request offered = new Request(id, priority(random, new int[] { 1, 1, 1 }), TENANTS[random.nextInt(TENANTS.length)]);
            long own = before.stream().filter(request -> Objects.equals(request.tenant(), offered.tenant())).count();
            OverloadedException.Reason refusal = before.size() == LIMIT ? OverloadedException.Reason.QUEUE_FULL
                    : offered.tenant() != null && own == 3 ? OverloadedException.Reason.TENANT_LIMIT : null;
            assertThat(queue.offer(offered)).isEqualTo(refusal);
            if (random.nextInt(3) == 0) {
                queue.admit(queue.next(tenant -> true), tenant -> true, id);
            }
        }
    }
}

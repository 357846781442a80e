package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

import org.junit.jupiter.api.Test;

import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.Priority;

class AdmissionQueueTest {

    private static final Predicate<String> ALL = tenant -> true;
    private static final long SECOND = 1_000_000_000;

    private record Request(String name, Priority priority, String tenant) implements AdmissionQueue.Request {
    }

    private final AdmissionQueue<Request> queue = new AdmissionQueue<>(40, 0);

    private void offer(String name, Priority priority, String tenant) {
        assertThat(queue.offer(new Request(name, priority, tenant))).isNull();
    }

    private String admit(Predicate<String> mayRun) {
        Request next = queue.next(mayRun);
        assertThat(queue.admit(next, mayRun, 0)).isTrue();
        return next.name();
    }

    @Test
    void higherPrioritiesGoFirstAndOthersTakeTurnsInAFloodOfNewTenants() {
        offer("low", Priority.LOW, "a");
        offer("normal", Priority.NORMAL, "a");
        List<String> order = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            offer("high", Priority.HIGH, "new " + i);
            order.add(admit(ALL));
        }
        assertThat(order.subList(0, 4)).containsOnly("high");
        assertThat(order.indexOf("normal")).isEqualTo(4);
        assertThat(order.indexOf("low")).isEqualTo(16);
    }

    @Test
    void tenantsTakeTurnsHoweverManyRequestsEachHas() {
        for (int i = 0; i < 4; i++) {
            offer("a" + i, Priority.NORMAL, "a");
        }
        offer("b0", Priority.NORMAL, "b");
        offer("b1", Priority.NORMAL, "b");
        offer("nobody's", Priority.NORMAL, null);
        List<String> order = new ArrayList<>();
        while (queue.size() > 0) {
            order.add(admit(ALL));
        }
        assertThat(order).containsExactly("a0", "b0", "nobody's", "a1", "b1", "a2", "a3");
    }

    @Test
    void aTenantThatMayNotRunLetsOthersPassAndKeepsItsPlace() {
        offer("a0", Priority.NORMAL, "a");
        offer("b0", Priority.NORMAL, "b");
        offer("b1", Priority.NORMAL, "b");
        offer("b2", Priority.NORMAL, "b");
        assertThat(admit(tenant -> tenant.equals("b"))).isEqualTo("b0");
        assertThat(admit(tenant -> tenant.equals("b"))).isEqualTo("b1");
        assertThat(queue.next(tenant -> false)).isNull();
        assertThat(admit(ALL)).isEqualTo("a0");
        assertThat(admit(ALL)).isEqualTo("b2");
    }

    @Test
    void aLowerPriorityWhoseTenantMayNotRunTakesItsTurnWhenItMay() {
        offer("low", Priority.LOW, "a");
        for (int i = 0; i < 20; i++) {
            offer("high", Priority.HIGH, "b");
            assertThat(admit(i < 16 ? ALL : tenant -> tenant.equals("b"))).isEqualTo("high");
        }
        offer("high", Priority.HIGH, "b");
        assertThat(admit(ALL)).isEqualTo("low");
    }

    @Test
    void aClosedQueueTakesNobodyAndReturnsWhoWaited() {
        offer("first", Priority.LOW, "a");
        offer("second", Priority.HIGH, null);
        assertThat(queue.close()).extracting(Request::name).containsExactly("second", "first");
        assertThat(queue.size()).isZero();
        assertThat(queue.next(ALL)).isNull();
        assertThat(queue.offer(new Request("late", Priority.HIGH, null))).isEqualTo(OverloadedException.Reason.SHUTTING_DOWN);
    }

    @Test
    void aRequestThatLeftIsNotAdmitted() {
        Request request = new Request("gone", Priority.NORMAL, "a");
        queue.offer(request);
        assertThat(queue.remove(request)).isTrue();
        assertThat(queue.admit(request, ALL, 0)).isFalse();
        assertThat(queue.remove(request)).isFalse();
    }

    @Test
    void theTimeToClearFollowsTheAdmissionsWhileSomebodyWaited() {
        AdmissionPace pace = new AdmissionPace();
        assertThat(pace.timeFor(100, 0)).isEqualTo(AdmissionPace.SHORTEST);
        pace.admitted(0, 1);
        pace.admitted(3 * SECOND, 0);
        pace.admitted(1000 * SECOND, 1); // nobody waited since
        assertThat(pace.timeFor(4, 1000 * SECOND)).isEqualTo(Duration.ofSeconds(12));
        assertThat(pace.timeFor(4, 1005 * SECOND)).as("the next one is late").isEqualTo(Duration.ofSeconds(20));
        assertThat(pace.timeFor(40, 1000 * SECOND)).isEqualTo(AdmissionPace.LONGEST);
        assertThat(pace.timeFor(0, 1000 * SECOND)).isEqualTo(AdmissionPace.SHORTEST);
    }
}

package io.quarkiverse.eagle.decode;

import java.util.HashMap;
import java.util.Map;

/** How many generations of each tenant run, and who may have one more. Belongs to the decode loop's thread. */
final class RunningTenants {

    private final int limit;
    private final Map<String, Integer> counts = new HashMap<>();

    /** @param limit generations of a tenant with a name; 0 for any number */
    RunningTenants(int limit) {
        this.limit = limit;
    }

    /** Counts afresh. */
    void clear() {
        counts.clear();
    }

    /** One that runs. */
    void add(String tenant) {
        if (limit > 0 && tenant != null) {
            counts.merge(tenant, 1, Integer::sum);
        }
    }

    boolean mayRunOneMore(String tenant) {
        return limit == 0 || tenant == null || counts.getOrDefault(tenant, 0) < limit;
    }
}

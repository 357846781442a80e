package io.quarkiverse.eagle.decode;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executor;

import io.quarkiverse.eagle.Acceptance;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.draft.CostCache;
import io.quarkiverse.eagle.draft.DrafterProvider;
import io.quarkiverse.eagle.draft.Drafters;

/**
 * How a model decodes when a request does not say.
 *
 * @param drafter drafter of requests that name none; null takes EAGLE-2 where the bundle has a draft
 * @param budget fixed tree budget of requests that bring none; null lets it adapt to the machine
 * @param queueLimit requests that may wait for a slot
 * @param emission runs subscribers; must not be the decode loop's own thread
 * @param costs keeps measured costs between starts; null measures at every start
 * @param recovery how long an engine that cannot be reached is tried again before its generations fail
 * @param queueTimeout how long a request may wait for a slot before it is refused; null for as long as its own deadline
 * @param prefixReuse whether a request that begins like an earlier one goes on from what that one left in its slot,
 *        or has read in it
 * @param acceptance how drafted tokens are accepted in requests with drafter {@code speculative} that do not say;
 *        {@link Acceptance#REJECTION} needs it to be the drafter of requests that name none
 * @param limits what one request, and one tenant, may take
 * @param halfBatching whether sequences take turns in halves, where the target's steps run elsewhere
 * @param ownDrafters bring drafters of the application's own
 */
public record ModelOptions(String drafter, TreeBudget budget, int queueLimit, Executor emission, CostCache costs,
        Duration recovery, Duration queueTimeout, boolean prefixReuse, Acceptance acceptance, RequestLimits limits,
        HalfBatching halfBatching, List<DrafterProvider> ownDrafters) {

    public static final int DEFAULT_QUEUE_LIMIT = 256;

    public static final Duration DEFAULT_RECOVERY = Duration.ofSeconds(30);

    /** Measures costs at every start. */
    public ModelOptions(String drafter, TreeBudget budget, int queueLimit, Executor emission) {
        this(drafter, budget, queueLimit, emission, null, DEFAULT_RECOVERY, null, true, Acceptance.COUPLED,
                RequestLimits.NONE, HalfBatching.WHEN_FASTER, List.of());
    }

    /** The same with another drafter of requests that name none; null takes EAGLE-2 where the bundle has a draft. */
    public ModelOptions withDrafter(String name) {
        return new ModelOptions(name, budget, queueLimit, emission, costs, recovery, queueTimeout, prefixReuse, acceptance,
                limits, halfBatching, ownDrafters);
    }

    /** The same with kept costs. */
    public ModelOptions withCosts(CostCache kept) {
        return new ModelOptions(drafter, budget, queueLimit, emission, kept, recovery, queueTimeout, prefixReuse, acceptance,
                limits, halfBatching, ownDrafters);
    }

    /** The same with another recovery time. */
    public ModelOptions withRecovery(Duration time) {
        return new ModelOptions(drafter, budget, queueLimit, emission, costs, time, queueTimeout, prefixReuse, acceptance,
                limits, halfBatching, ownDrafters);
    }

    /** The same with a limit to the time in the queue. */
    public ModelOptions withQueueTimeout(Duration limit) {
        return new ModelOptions(drafter, budget, queueLimit, emission, costs, recovery, limit, prefixReuse, acceptance, limits,
                halfBatching, ownDrafters);
    }

    /** The same with or without reuse of prefixes. */
    public ModelOptions withPrefixReuse(boolean reuse) {
        return new ModelOptions(drafter, budget, queueLimit, emission, costs, recovery, queueTimeout, reuse,
                acceptance, limits, halfBatching, ownDrafters);
    }

    /** The same with another rule of acceptance. */
    public ModelOptions withAcceptance(Acceptance rule) {
        return new ModelOptions(drafter, budget, queueLimit, emission, costs, recovery, queueTimeout, prefixReuse, rule, limits,
                halfBatching, ownDrafters);
    }

    /** The same with limits of requests and tenants. */
    public ModelOptions withLimits(RequestLimits most) {
        return new ModelOptions(drafter, budget, queueLimit, emission, costs, recovery, queueTimeout, prefixReuse, acceptance,
                most, halfBatching, ownDrafters);
    }

    /** The same with or without turns of half the sequences. */
    public ModelOptions withHalfBatching(HalfBatching when) {
        return new ModelOptions(drafter, budget, queueLimit, emission, costs, recovery, queueTimeout, prefixReuse, acceptance,
                limits, when, ownDrafters);
    }

    /** The same with drafters of the application's own, whose names {@link #withDrafter} and requests may use. */
    public ModelOptions withOwnDrafters(List<DrafterProvider> providers) {
        return new ModelOptions(drafter, budget, queueLimit, emission, costs, recovery, queueTimeout, prefixReuse, acceptance,
                limits, halfBatching, providers);
    }

    public ModelOptions {
        ownDrafters = List.copyOf(ownDrafters);
        String name = drafter;
        if (name != null && ownDrafters.stream().noneMatch(provider -> provider.name().equals(name))) {
            Drafters.requireKnown(name);
        }
        if (acceptance == Acceptance.REJECTION) {
            Drafters.requireDraws(drafter);
        }
        if (queueLimit < 1) {
            throw new IllegalArgumentException("queue limit is " + queueLimit + "; it must be at least 1");
        }
        if (queueTimeout != null && (queueTimeout.isNegative() || queueTimeout.isZero())) {
            throw new IllegalArgumentException("queue timeout is " + queueTimeout + "; it must be positive");
        }
        if (recovery.isNegative()) {
            throw new IllegalArgumentException("recovery time is " + recovery + "; it must not be negative");
        }
    }
}

package io.quarkiverse.eagle.decode;

import java.util.List;

/**
 * Says which replica a request goes to. The beginning of its prompt orders the replicas (rendezvous hashing: Thaler and
 * Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998), so that what one of them holds of a prefix is found
 * again, and one more or one less of n replicas moves about 1/n of the prefixes. The first in this order that is not loaded
 * much
 * beyond the mean takes the request (Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2018).
 */
final class Placement {

    /** Tokens of a prompt count in whole blocks; a shorter prompt counts as it is. */
    static final int BLOCK = 64;
    /** Beyond so many blocks a conversation stays where it is, however it goes on. */
    static final int MOST_BLOCKS = 2;
    /** How many times the mean load a replica may have. */
    static final double BOUND = 1.25;

    private static final long OFFSET = 0xcbf29ce484222325L;
    private static final long PRIME = 0x100000001b3L;

    private Placement() {
    }

    /** How much a replica is to be chosen: one of the first kind that there is. */
    enum Standing {
        /** Takes requests. */
        OPEN,
        /** As many requests wait as may. */
        FULL,
        /** Its engine was lost, and has not answered since. */
        LOST,
        /** Takes no more. */
        LEAVING
    }

    /** Where requests can go. */
    interface Place {

        /** The same for as long as it is the same place, in all processes. */
        long identity();

        Standing standing();

        /** Requests that run and wait. */
        int load();
    }

    /** The identity of a name. */
    static long identity(String name) {
        long hash = OFFSET;
        for (int i = 0; i < name.length(); i++) {
            hash = (hash ^ name.charAt(i)) * PRIME;
        }
        return mix(hash);
    }

    /**
     * What prompts that begin alike have in common.
     *
     * @param tenant null for none; prefixes are not shared between tenants
     */
    static long key(String tenant, int[] prompt) {
        int blocks = Math.min(MOST_BLOCKS, prompt.length / BLOCK);
        int length = blocks == 0 ? prompt.length : blocks * BLOCK;
        long hash = tenant == null ? OFFSET : identity(tenant);
        for (int i = 0; i < length; i++) {
            hash = (hash ^ prompt[i]) * PRIME;
        }
        return mix(hash);
    }

    /**
     * The place of a request.
     *
     * @param places at least one
     */
    static <P extends Place> P choose(long key, List<P> places) {
        if (places.size() == 1) {
            return places.get(0);
        }
        // Places change while they are looked at; each is asked once.
        Standing[] standings = new Standing[places.size()];
        Standing best = Standing.LEAVING;
        for (int i = 0; i < standings.length; i++) {
            standings[i] = places.get(i).standing();
            best = standings[i].compareTo(best) < 0 ? standings[i] : best;
        }
        int[] loads = new int[places.size()];
        int taking = 0;
        long total = 1;
        for (int i = 0; i < loads.length; i++) {
            if (standings[i] == best) {
                loads[i] = places.get(i).load();
                taking++;
                total += loads[i];
            }
        }
        double most = Math.ceil(BOUND * total / taking);
        P chosen = null;
        long weight = 0;
        for (int i = 0; i < loads.length; i++) {
            long its = mix(key ^ places.get(i).identity());
            if (standings[i] == best && loads[i] + 1 <= most && (chosen == null || Long.compareUnsigned(its, weight) > 0)) {
                chosen = places.get(i);
                weight = its;
            }
        }
        return chosen; // one is no busier than the mean
    }

    /** Spreads the bits of a hash evenly: the finalizer of SplitMix64. */
    private static long mix(long bits) {
        long mixed = (bits ^ bits >>> 30) * 0xbf58476d1ce4e5b9L;
        mixed = (mixed ^ mixed >>> 27) * 0x94d049bb133111ebL;
        return mixed ^ mixed >>> 31;
    }
}

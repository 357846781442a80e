package io.quarkiverse.eagle.decode;

import java.util.List;

/**
 * Says which replica a request goes to: to one that read most of its prompt before, as far as {@link PrefixHomes} remembers;
 * else
 * the prompt orders the replicas (rendezvous hashing: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit
 * Rates",
 * 1998), so that prompts spread evenly, and one more or one less of n replicas moves about 1/n of them. The first of all these
 * that is not loaded much beyond the mean takes the request (Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with
 * Bounded
 * Loads", 2018).
 */
final class Placement {

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
            hash = extended(hash, name.charAt(i));
        }
        return mixed(hash);
    }

    /** The hash of what was hashed before and one thing more. */
    static long extended(long hash, int next) {
        return (hash ^ next) * PRIME;
    }

    /**
     * The place of a request.
     *
     * @param key what orders the places that hold nothing of it
     * @param homes identities of places that may hold some of it, the best first; 0 for none
     * @param places at least one
     */
    static <P extends Place> P choose(long key, long[] homes, List<P> places) {
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
        for (long home : homes) {
            for (int i = 0; home != 0 && i < loads.length; i++) {
                if (places.get(i).identity() == home && standings[i] == best && loads[i] + 1 <= most) {
                    return places.get(i);
                }
            }
        }
        P chosen = null;
        long weight = 0;
        for (int i = 0; i < loads.length; i++) {
            long its = mixed(key ^ places.get(i).identity());
            if (standings[i] == best && loads[i] + 1 <= most && (chosen == null || Long.compareUnsigned(its, weight) > 0)) {
                chosen = places.get(i);
                weight = its;
            }
        }
        return chosen; // one is no busier than the mean
    }

    /** Spreads the bits of a hash evenly: the finalizer of SplitMix64. */
    static long mixed(long bits) {
        long mixed = (bits ^ bits >>> 30) * 0xbf58476d1ce4e5b9L;
        mixed = (mixed ^ mixed >>> 27) * 0x94d049bb133111ebL;
        return mixed ^ mixed >>> 31;
    }
}

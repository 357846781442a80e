package io.quarkiverse.eagle.runtime;

import java.util.HashMap;
import java.util.Map;

import io.quarkiverse.eagle.decode.SpeculativeModel;

/**
 * Models that outlive a reload in dev mode. A stopping application parks its models here; the next one takes over those that it
 * would open in the same way, so that files are not verified and costs not measured again. There is one in every dev mode, and
 * none elsewhere. Thread-safe.
 */
final class KeptModels {

    private static volatile KeptModels ofThisDevMode;

    private final Map<String, Parked> parked = new HashMap<>();

    /** A model without an application. */
    private record Parked(ModelOrigin origin, SpeculativeModel model) {
    }

    /** Dev mode begins. */
    static void begin() {
        ofThisDevMode = new KeptModels();
    }

    /** Dev mode ends, and so do the models that it kept. */
    static void end() {
        KeptModels ending = ofThisDevMode;
        ofThisDevMode = null;
        if (ending != null) {
            ending.closeAll();
        }
    }

    /** Null outside of dev mode. */
    static KeptModels ofThisDevMode() {
        return ofThisDevMode;
    }

    /**
     * Hands over the model that was parked under a name, if it came from the same origin; closes it otherwise.
     *
     * @param origin null for one that equals none
     * @return null when there is no such model
     */
    synchronized SpeculativeModel take(String name, ModelOrigin origin) {
        Parked found = parked.remove(name);
        if (found == null) {
            return null;
        }
        if (!found.origin.equals(origin)) {
            found.model.close();
            return null;
        }
        return found.model;
    }

    /** Ends what runs on a model, and keeps it for the next application. */
    void park(String name, ModelOrigin origin, SpeculativeModel model) {
        model.endAll();
        synchronized (this) {
            if (ofThisDevMode == this) {
                parked.put(name, new Parked(origin, model));
                return;
            }
        }
        model.close();
    }

    /** Closes the models that nobody took over. */
    synchronized void closeAll() {
        parked.values().forEach(each -> each.model.close());
        parked.clear();
    }
}

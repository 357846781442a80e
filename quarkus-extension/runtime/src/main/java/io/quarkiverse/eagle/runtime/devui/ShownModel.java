package io.quarkiverse.eagle.runtime.devui;

import java.util.List;
import java.util.Locale;

import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.runtime.ModelConfig;
import io.quarkiverse.eagle.runtime.ServedModel;

/**
 * A model as the Dev UI shows it.
 *
 * @param name the name it is configured under
 * @param model the bundle's own name
 * @param engine what runs it
 * @param precision the bundle's precision
 * @param slots generations that run at once
 * @param slotsInUse slots that are held now
 * @param queued requests that wait now
 * @param drafter the drafter of the last answer, null before the first
 * @param tau tokens per cycle of the last answer
 * @param tokensPerSecond tokens per second of the last answer
 * @param drafters the drafters that the model can run
 */
public record ShownModel(String name, String model, String engine, String precision, int slots, int slotsInUse, int queued,
        String drafter, double tau, double tokensPerSecond, List<String> drafters) {

    static ShownModel of(String name, ServedModel served, ModelConfig config) {
        GenerationResult last = served.lastResult();
        return new ShownModel(name, served.name(), config.engine().name().toLowerCase(Locale.ROOT),
                served.model().manifest().precision(), served.model().slots(), served.model().slotsInUse(),
                served.model().queued(), last == null ? null : last.drafter(), last == null ? 0 : last.tau(),
                last == null ? 0 : last.tokensPerSecond(), served.model().drafters());
    }
}

package io.quarkiverse.eagle.openai;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.decode.ReloadableModel;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.runtime.EagleConfig;
import io.quarkiverse.eagle.runtime.OpenModels;
import io.quarkiverse.eagle.runtime.ServedModel;
import io.smallrye.mutiny.Multi;

/**
 * The models by the names that requests use: {@code default} for the unnamed one, the configured name for others. A bundle's
 * own
 * name works too where only one model has it.
 */
final class ModelDirectory {

    static final String DEFAULT = "default";

    private final Map<String, ServedModel> models = new LinkedHashMap<>();

    ModelDirectory(OpenModels open) {
        open.all().forEach((name, model) -> models.put(EagleConfig.DEFAULT_MODEL.equals(name) ? DEFAULT : name, model));
    }

    List<String> names() {
        return List.copyOf(models.keySet());
    }

    /**
     * @param name null for the default model, or the only one
     * @throws RequestError there is no such model
     */
    Entry find(String name) {
        if (name == null) {
            String only = models.containsKey(DEFAULT) || models.size() > 1 ? DEFAULT : names().get(0);
            return find(only);
        }
        ServedModel model = models.get(name);
        if (model != null) {
            return new Entry(name, model, model.edition());
        }
        List<Entry> byBundle = new ArrayList<>();
        models.forEach((key, value) -> {
            if (value.name().equals(name)) {
                byBundle.add(new Entry(name, value, value.edition()));
            }
        });
        if (byBundle.size() != 1) {
            throw RequestError.noModel(name, names());
        }
        return byBundle.get(0);
    }

    /**
     * A model under the name that it was asked for by.
     *
     * @param edition the bundle that it served when it was asked: a request is read, answered and written with one
     */
    record Entry(String name, ServedModel served, ReloadableModel.Edition edition) {

        SpeculativeModel model() {
            return edition.model();
        }

        Multi<GeneratedToken> stream(GenerationRequest request) {
            return served.stream(request, null, edition);
        }
    }
}

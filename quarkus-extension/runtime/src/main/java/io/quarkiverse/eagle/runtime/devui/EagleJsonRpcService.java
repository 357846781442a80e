package io.quarkiverse.eagle.runtime.devui;

import java.util.List;

import jakarta.enterprise.context.ApplicationScoped;

import io.quarkiverse.eagle.runtime.EagleConfig;
import io.quarkiverse.eagle.runtime.OpenModels;
import io.smallrye.common.annotation.NonBlocking;

/** Answers the Dev UI's questions. */
@ApplicationScoped
public class EagleJsonRpcService {

    private final OpenModels models;
    private final EagleConfig config;

    public EagleJsonRpcService(OpenModels models, EagleConfig config) {
        this.models = models;
        this.config = config;
    }

    /** The open models as they are at this moment. */
    @NonBlocking
    public List<ShownModel> models() {
        return models.all().entrySet().stream()
                .map(entry -> ShownModel.of(entry.getKey(), entry.getValue(), config.models().get(entry.getKey()))).toList();
    }
}

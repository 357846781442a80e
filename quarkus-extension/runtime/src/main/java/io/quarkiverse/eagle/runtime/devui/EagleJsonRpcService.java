package io.quarkiverse.eagle.runtime.devui;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.decode.ReloadableModel;
import io.quarkiverse.eagle.runtime.EagleConfig;
import io.quarkiverse.eagle.runtime.OpenModels;
import io.quarkiverse.eagle.runtime.ServedModel;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.common.annotation.NonBlocking;
import io.smallrye.mutiny.Multi;

/** Answers the Dev UI's questions. */
@ApplicationScoped
public class EagleJsonRpcService {

    /** The paper's tree, of which a request may fix the number of nodes. */
    private static final int TOP_K = 10;
    private static final int DEPTH = 6;

    private final OpenModels models;
    private final EagleConfig config;
    private final Map<String, BudgetCounts> budgets = new LinkedHashMap<>();

    public EagleJsonRpcService(OpenModels models, EagleConfig config) {
        this.models = models;
        this.config = config;
        models.all().keySet().forEach(name -> budgets.put(name, new BudgetCounts()));
    }

    /** Counts from the application's start on, not from the first look at a page. */
    void count(@Observes StartupEvent start) {
        models.all().forEach((name, model) -> {
            BudgetCounts counts = budgets.get(name);
            model.listen((id, request) -> counts);
        });
    }

    /** The open models as they are at this moment. */
    @NonBlocking
    public List<ShownModel> models() {
        return models.all().entrySet().stream()
                .map(entry -> ShownModel.of(entry.getKey(), entry.getValue(), config.models().get(entry.getKey()))).toList();
    }

    /** What a model's steps cost at this moment, and the budgets that were chosen by that. */
    @NonBlocking
    public ShownCosts costs(String model) {
        return ShownCosts.of(models.get(model).model(), budgets.get(model));
    }

    /**
     * Answers a prompt and shows every cycle's draft tree as soon as the target has verified it. Unsubscribing cancels the
     * generation. What fails is told in the last item.
     *
     * @param model the name it is configured under
     * @param prompt a question, put through the model's chat template
     * @param drafter empty for the model's own
     * @param nodes a fixed size of the tree, 0 for the model's own
     * @param maxTokens most tokens of the answer
     */
    public Multi<ShownStep> generate(String model, String prompt, String drafter, int nodes, int maxTokens) {
        return Multi.createFrom().deferred(() -> {
            ServedModel served = models.get(model);
            ReloadableModel.Edition edition = served.edition();
            WatchedGeneration watched = new WatchedGeneration(token -> edition.model().text(token));
            GenerationOptions options = GenerationOptions.defaults().withMaxTokens(maxTokens)
                    .withDrafter(drafter == null || drafter.isEmpty() ? null : drafter)
                    .withBudget(nodes == 0 ? null : new TreeBudget(nodes, TOP_K, DEPTH));
            return served.stream(GenerationRequest.chat(prompt).with(options), watched, edition).map(watched::step);
        }).onFailure().recoverWithItem(ShownStep::failed);
    }
}

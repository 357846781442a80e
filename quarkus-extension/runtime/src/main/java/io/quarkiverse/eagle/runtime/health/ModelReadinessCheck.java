package io.quarkiverse.eagle.runtime.health;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import jakarta.enterprise.context.ApplicationScoped;

import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;
import org.eclipse.microprofile.health.Readiness;

import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.Priority;
import io.quarkiverse.eagle.decode.ReplicaStatus;
import io.quarkiverse.eagle.runtime.EagleConfig;
import io.quarkiverse.eagle.runtime.OpenModels;
import io.quarkiverse.eagle.runtime.ServedModel;
import io.smallrye.health.api.AsyncHealthCheck;
import io.smallrye.mutiny.Uni;

/**
 * Ready when every model can run a step: each decodes one token, unless it has just done so for a request. A model that
 * is closing is not ready, from the moment that it refuses requests. Of several replicas one is enough. Never blocks; the
 * answer
 * of a step is kept for a while.
 */
@Readiness
@ApplicationScoped
public class ModelReadinessCheck implements AsyncHealthCheck {

    private final List<Uni<Verdict>> verdicts = new ArrayList<>();

    public ModelReadinessCheck(OpenModels models, EagleConfig config) {
        models.all().forEach((name, model) -> verdicts.add(verdict(name, model, config.health())));
    }

    @Override
    public Uni<HealthCheckResponse> call() {
        return Uni.join().all(verdicts).andFailFast().map(ModelReadinessCheck::response);
    }

    private static Uni<Verdict> verdict(String name, ServedModel model, EagleConfig.HealthConfig config) {
        Uni<Verdict> ofSteps = Uni.createFrom().deferred(() -> step(model, config))
                .onFailure(failure -> othersServe(model)).retry().atMost(1)
                .map(token -> new Verdict(name, true, "a step works"))
                .onFailure().recoverWithItem(failure -> new Verdict(name, false, failure.getMessage()))
                .memoize().atLeast(config.validFor());
        return Uni.createFrom().deferred(() -> model.model().isClosing()
                ? Uni.createFrom().item(new Verdict(name, false, "the model is closing"))
                : ofSteps);
    }

    /** Whether the step was on a replica that turned out to be lost, and another one serves. */
    private static boolean othersServe(ServedModel model) {
        List<ReplicaStatus> replicas = model.model().replicas();
        return replicas.size() > 1 && replicas.stream().anyMatch(each -> each.state() == ReplicaStatus.State.SERVING);
    }

    /** Completes when a step is known to work, fails with the reason when it does not. */
    private static Uni<?> step(ServedModel model, EagleConfig.HealthConfig config) {
        if (model.producedWithin(config.validFor())) {
            return Uni.createFrom().voidItem();
        }
        int first = Math.max(0, model.model().manifest().bosId());
        Duration timeout = config.timeout();
        return model.generate(GenerationRequest.tokens(first).with(GenerationOptions.defaults().withMaxTokens(1))
                .withPriority(Priority.HIGH))
                .ifNoItem().after(timeout)
                .failWith(() -> new IllegalStateException("no step within " + timeout.toMillis() + " ms"));
    }

    private static HealthCheckResponse response(List<Verdict> verdicts) {
        HealthCheckResponseBuilder response = HealthCheckResponse.named("EAGLE models")
                .status(verdicts.stream().allMatch(Verdict::ready));
        verdicts.forEach(verdict -> response.withData(verdict.model(), verdict.reason()));
        return response.build();
    }

    /** What is known of one model. */
    private record Verdict(String model, boolean ready, String reason) {
    }
}

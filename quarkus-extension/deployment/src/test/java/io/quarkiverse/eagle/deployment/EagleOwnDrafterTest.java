package io.quarkiverse.eagle.deployment;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.draft.Drafter;
import io.quarkiverse.eagle.draft.DrafterProvider;
import io.quarkiverse.eagle.draft.SpeculationEconomy;
import io.quarkus.test.QuarkusUnitTest;

/** An application brings a drafter of its own, and makes it the model's standard one. */
class EagleOwnDrafterTest {

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withApplicationRoot(jar -> jar.addClasses(LastPairDrafter.class, LastPairs.class))
            .overrideConfigKey("quarkus.eagle.slots", "1")
            .overrideConfigKey("quarkus.eagle.threads", "2")
            .overrideConfigKey("quarkus.eagle.drafter", LastPairDrafter.NAME);

    @Singleton
    static class LastPairs implements DrafterProvider {

        @Override
        public String name() {
            return LastPairDrafter.NAME;
        }

        @Override
        public Drafter create(int slots, SpeculationEconomy economy) {
            return new LastPairDrafter(slots, economy);
        }
    }

    private static final GenerationOptions OPTIONS = GenerationOptions.defaults().withMaxTokens(64);

    @Inject
    EagleModel model;

    @Test
    void requestsThatNameNoDrafterRunTheApplicationsOwnAndGetThePlainText() {
        GenerationResult own = answer(OPTIONS);
        assertThat(own.drafter()).isEqualTo(LastPairDrafter.NAME);
        assertThat(own.tokenIds()).isEqualTo(answer(OPTIONS.withDrafter("none")).tokenIds());
    }

    @Test
    void whatItProposesIsVerified() {
        GenerationOptions fixed = OPTIONS.withBudget(new TreeBudget(4, 1, 4));
        GenerationResult own = answer(fixed);
        assertThat(own.cycles()).isLessThan(own.completionTokens() - 1);
        assertThat(own.tokenIds()).isEqualTo(answer(OPTIONS.withDrafter("none")).tokenIds());
    }

    private GenerationResult answer(GenerationOptions options) {
        return model.generate(GenerationRequest.chat("Count from 1 to 20, one number in each line.").with(options)).await()
                .atMost(Duration.ofSeconds(60));
    }
}

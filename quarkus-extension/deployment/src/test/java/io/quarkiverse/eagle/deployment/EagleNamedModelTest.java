package io.quarkiverse.eagle.deployment;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;

import jakarta.enterprise.inject.Any;
import jakarta.enterprise.inject.Instance;
import jakarta.inject.Inject;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.graph.DefaultBundle;
import io.quarkiverse.eagle.graph.source.ProgressListener;
import io.quarkiverse.eagle.runtime.Eagle;
import io.quarkiverse.eagle.runtime.OpenModels;
import io.quarkus.test.QuarkusUnitTest;

class EagleNamedModelTest {

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withEmptyApplication()
            .overrideConfigKey("quarkus.eagle.\"coder\".slots", "1")
            .overrideConfigKey("quarkus.eagle.\"coder\".threads", "2")
            .overrideConfigKey("quarkus.eagle.poet.bundle",
                    DefaultBundle.ensure(DefaultBundle.cacheFolder(), ProgressListener.NONE).toString())
            .overrideConfigKey("quarkus.eagle.poet.slots", "1")
            .overrideConfigKey("quarkus.eagle.poet.threads", "2");

    @Inject
    @Eagle("coder")
    EagleModel coder;

    @Any
    @Inject
    Instance<EagleModel> models;

    @Inject
    OpenModels open;

    @Test
    void aModelIsInjectedByItsName() {
        assertThat(answer(coder)).isNotEmpty();
    }

    @Test
    void aConfiguredModelIsFoundByALookupInCode() {
        assertThat(answer(models.select(new Eagle.Literal("poet")).get())).isEqualTo(answer(coder));
    }

    @Test
    void onlyModelsThatAreUsedAreOpened() {
        assertThat(open.all()).containsOnlyKeys("coder", "poet");
    }

    private static String answer(EagleModel model) {
        return model.generate(GenerationRequest.chat("Say hello.").with(GenerationOptions.defaults().withMaxTokens(8)))
                .await().atMost(Duration.ofSeconds(60)).text();
    }
}

package io.quarkiverse.eagle.deployment;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.api.Test;

import io.quarkiverse.eagle.runtime.EagleConfig;

class ModelNamesTest {

    private final ModelNames names = new ModelNames();

    @Test
    void anApplicationThatNamesNoModelGetsTheDefaultOne() {
        names.configured(List.of("quarkus.eagle.slots", "quarkus.eagle.devservices.enabled", "quarkus.http.port"));
        assertThat(names.found()).containsExactly(EagleConfig.DEFAULT_MODEL);
    }

    @Test
    void aConfiguredBundleNamesItsModelWithOrWithoutQuotes() {
        names.configured(List.of("quarkus.eagle.\"my.coder\".bundle", "quarkus.eagle.poet.bundle"));
        assertThat(names.found()).containsExactly("my.coder", "poet");
    }

    @Test
    void theDefaultModelStandsBesideNamedOnes() {
        names.configured(List.of("quarkus.eagle.bundle"));
        names.requested(List.of(new RequestedEagleModelBuildItem("poet")));
        assertThat(names.found()).containsExactly(EagleConfig.DEFAULT_MODEL, "poet");
    }
}

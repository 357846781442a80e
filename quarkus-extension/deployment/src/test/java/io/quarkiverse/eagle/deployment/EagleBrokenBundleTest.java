package io.quarkiverse.eagle.deployment;

import static org.assertj.core.api.Assertions.assertThat;

import jakarta.inject.Inject;

import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.runtime.Eagle;
import io.quarkus.runtime.configuration.ConfigurationException;
import io.quarkus.test.QuarkusUnitTest;

class EagleBrokenBundleTest {

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withEmptyApplication()
            .overrideConfigKey("quarkus.eagle.\"coder\".bundle", "target/classes")
            .assertException(failure -> assertThat(failure).isInstanceOf(ConfigurationException.class)
                    .hasMessage("quarkus.eagle.\"coder\".bundle cannot be used: target/classes is no engine bundle: it has no"
                            + " bundle.json. Build one with: eagle build --checkpoint … --out target/classes"));

    @Inject
    @Eagle("coder")
    EagleModel model;

    @Test
    void aPathThatIsNoBundleFailsTheStartAndNamesTheProperty() {
        Assertions.fail("the application started");
    }
}

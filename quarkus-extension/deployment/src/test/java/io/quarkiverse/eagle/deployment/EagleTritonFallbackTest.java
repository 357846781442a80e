package io.quarkiverse.eagle.deployment;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.logging.Formatter;
import java.util.logging.Level;
import java.util.logging.SimpleFormatter;

import jakarta.inject.Inject;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkus.test.QuarkusUnitTest;

/** Where dev services can start no server, engines in the process take its place, and the log says so. */
class EagleTritonFallbackTest {

    private static final Formatter FORMATTER = new SimpleFormatter();

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withEmptyApplication()
            .overrideConfigKey("quarkus.eagle.engine", "triton")
            .overrideConfigKey("quarkus.eagle.slots", "1")
            .overrideConfigKey("quarkus.eagle.devservices.triton.server", "embedded")
            .setLogRecordPredicate(record -> record.getLevel().intValue() >= Level.INFO.intValue()
                    && record.getLoggerName().startsWith("io.quarkiverse.eagle.deployment"))
            .assertLogRecords(records -> assertThat(records).extracting(FORMATTER::formatMessage)
                    .contains("Dev Services for <default>: engines in this process instead of a Triton server:"
                            + " quarkus.eagle.devservices.triton.server is embedded"));

    @Inject
    EagleModel model;

    @Test
    void theModelAnswers() {
        assertThat(model.generate(GenerationRequest.chat("Hi").with(GenerationOptions.defaults().withMaxTokens(4))).await()
                .atMost(Duration.ofSeconds(60)).tokenIds()).isNotEmpty();
    }
}

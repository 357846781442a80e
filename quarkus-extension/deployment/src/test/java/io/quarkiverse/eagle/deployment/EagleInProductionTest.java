package io.quarkiverse.eagle.deployment;

import static org.hamcrest.Matchers.equalTo;

import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.quarkiverse.eagle.graph.DefaultBundle;
import io.quarkiverse.eagle.graph.source.ProgressListener;
import io.quarkus.builder.Version;
import io.quarkus.maven.dependency.Dependency;
import io.quarkus.test.QuarkusProdModeTest;
import io.restassured.RestAssured;

class EagleInProductionTest {

    @RegisterExtension
    static final QuarkusProdModeTest APPLICATION = new QuarkusProdModeTest()
            .withEmptyApplication()
            .setApplicationName("eagle-with-bundle")
            .setForcedDependencies(List.of(Dependency.of("io.quarkus", "quarkus-smallrye-health", Version.getVersion())))
            .setRun(true)
            .setRuntimeProperties(Map.of("quarkus.eagle.bundle",
                    DefaultBundle.ensure(DefaultBundle.cacheFolder(), ProgressListener.NONE).toString(),
                    "quarkus.eagle.slots", "1", "quarkus.eagle.threads", "2"));

    @Test
    void aBuiltApplicationOpensTheBundleThatItIsGivenWhenItStarts() {
        RestAssured.get("/q/health/ready").then().statusCode(200).body("status", equalTo("UP"));
    }
}

package io.quarkiverse.eagle.deployment;

import static org.hamcrest.Matchers.containsString;

import org.jboss.shrinkwrap.api.asset.StringAsset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.quarkus.test.QuarkusDevModeTest;
import io.restassured.RestAssured;

class EagleDevModeTest {

    @RegisterExtension
    static final QuarkusDevModeTest APPLICATION = new QuarkusDevModeTest()
            .withApplicationRoot(jar -> jar.addClass(AnswerRoute.class).addAsResource(
                    new StringAsset("quarkus.eagle.slots=1\nquarkus.eagle.threads=2\n"), "application.properties"));

    @Test
    void theModelIsThereWithoutAnySettingAndComesBackAfterAChange() {
        RestAssured.get("/answer").then().statusCode(200).body(containsString("Paris"));
        APPLICATION.modifySourceFile(AnswerRoute.class, source -> source.replace("France", "Italy"));
        RestAssured.get("/answer").then().statusCode(200).body(containsString("Italy"));
    }
}

package io.quarkiverse.eagle.deployment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsString;

import java.util.List;

import org.jboss.shrinkwrap.api.asset.StringAsset;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.quarkiverse.eagle.runtime.EagleRecorder;
import io.quarkus.test.QuarkusDevModeTest;
import io.restassured.RestAssured;

class EagleDevModeTest {

    private static final String OPENED = "Model %s opened from %s in %d ms";
    private static final String KEPT = "Model %s stays open from before the reload";

    @RegisterExtension
    static final QuarkusDevModeTest APPLICATION = new QuarkusDevModeTest()
            .withApplicationRoot(jar -> jar.addClass(AnswerRoute.class).addAsResource(
                    new StringAsset("quarkus.eagle.slots=1\nquarkus.eagle.threads=2\n"), "application.properties"))
            .setLogRecordPredicate(record -> EagleRecorder.class.getName().equals(record.getLoggerName()));

    @AfterAll
    static void nothingStaysOpenWhenDevModeEnds() {
        assertThat(decodeLoops()).isZero();
    }

    @Test
    void theModelIsThereWithoutAnySettingAndStaysOpenUntilItsConfigurationChanges() {
        RestAssured.get("/answer").then().statusCode(200).body(containsString("Paris"));
        assertThat(told()).containsExactly(OPENED);
        APPLICATION.modifySourceFile(AnswerRoute.class, source -> source.replace("France", "Italy"));
        RestAssured.get("/answer").then().statusCode(200).body(containsString("Italy"));
        assertThat(told()).containsExactly(OPENED, KEPT);
        APPLICATION.modifyResourceFile("application.properties", settings -> settings.replace("slots=1", "slots=2"));
        RestAssured.get("/answer").then().statusCode(200).body(containsString("Italy"));
        assertThat(told()).containsExactly(OPENED, KEPT, OPENED);
        assertThat(decodeLoops()).isEqualTo(1);
    }

    /** What the recorder wrote to the log. */
    private static List<String> told() {
        return APPLICATION.getLogRecords().stream().map(record -> record.getMessage()).toList();
    }

    private static long decodeLoops() {
        return Thread.getAllStackTraces().keySet().stream().filter(thread -> thread.getName().startsWith("eagle-decode-"))
                .count();
    }
}

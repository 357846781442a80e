package io.quarkiverse.eagle.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

import jakarta.inject.Inject;

import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import io.quarkiverse.eagle.ChatMessage;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.runtime.EagleConfig;
import io.quarkiverse.eagle.runtime.OpenModels;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;

/**
 * The page in a real browser. Screenshots go to {@code target/screenshots}, and with {@code -Dscreenshots=FOLDER} the picture
 * of
 * the documentation to that folder.
 */
@QuarkusTest
class ChatPageTest {

    private static final String QUESTION = "Tell me about the sun in three sentences.";
    private static final Path SCREENSHOTS = Path.of("target", "screenshots");

    private static Browser browser;

    @TestHTTPResource("/")
    URI page;

    @Inject
    OpenModels models;

    @BeforeAll
    static void start() throws Exception {
        if (Browser.program().isEmpty()) {
            System.err.println("SKIPPED: the chat page was not tested, for there is no chromium on the PATH;"
                    + " install it (apt-get install chromium)");
        }
        assumeTrue(Browser.program().isPresent(), "there is no chromium on the PATH");
        browser = Browser.start();
    }

    @AfterAll
    static void stop() throws Exception {
        if (browser != null) {
            browser.close();
        }
    }

    @BeforeEach
    void open() {
        browser.resize(1000, 720, 1, false);
        browser.prefer("light");
        browser.open(page);
    }

    @Test
    void anAnswerComesInRunsOfTheTokensThatOneCycleBrought() throws IOException {
        ask(QUESTION);
        awaitState("done");
        GenerationResult expected = models.get(EagleConfig.DEFAULT_MODEL)
                .generate(new Question(List.of(ChatMessage.user(QUESTION)), true).request())
                .await().atMost(Duration.ofSeconds(60));
        assertThat(text(".assistant")).isEqualTo(expected.text());
        assertThat(text("#tokens")).isEqualTo(String.valueOf(expected.completionTokens()));
        assertThat(Double.parseDouble(text("#speed"))).isPositive();
        int[] runs = runs();
        int cycles = runs.length - 1;
        assertThat(IntStream.of(runs).sum()).isEqualTo(expected.completionTokens());
        assertThat(text("#status"))
                .isEqualTo("Done: " + expected.completionTokens() + " tokens in " + cycles + " steps.");
        assertThat(text("#tau"))
                .isEqualTo(String.format(Locale.ROOT, "%.2f", (expected.completionTokens() - 1.0) / cycles));
        assertThat(browser.evaluate("document.querySelectorAll('.assistant .run').length").asLong())
                .isEqualTo(IntStream.of(runs).filter(length -> length > 1).count()).isPositive();
    }

    @Test
    void plainDecodingBringsTheSameTextATokenAtATime() throws IOException {
        browser.click("#drafting");
        ask("What is photosynthesis?");
        awaitState("done");
        String plain = text(".assistant");
        String speed = text("#speed");
        assertThat(runs()).containsOnly(1);
        browser.click("#clear");
        browser.click("#drafting");
        ask("What is photosynthesis?");
        awaitState("done");
        assertThat(text(".assistant")).isEqualTo(plain);
        assertThat(runs().length).isLessThan(Integer.parseInt(text("#tokens")));
        assertThat(text("#plain")).isEqualTo(speed);
        browser.screenshot(Browser.documentation("chat.png").orElse(SCREENSHOTS.resolve("chat.png")));
    }

    @Test
    void theNextQuestionGoesOnWithTheConversation() {
        ask("My name is Ada.");
        awaitState("done");
        String first = text(".assistant");
        ask(QUESTION);
        awaitState("done");
        String expected = models.get(EagleConfig.DEFAULT_MODEL).generate(new Question(List.of(
                ChatMessage.user("My name is Ada."), ChatMessage.assistant(first), ChatMessage.user(QUESTION)), true).request())
                .await().atMost(Duration.ofSeconds(60)).text();
        assertThat(text(".assistant:last-child")).isEqualTo(expected);
    }

    @Test
    void theStopButtonEndsTheAnswerAndFreesItsSlot() {
        ask("Tell me a very long story about a river.");
        browser.await("document.querySelectorAll('.assistant span').length > 3");
        assertThat(browser.evaluate("document.getElementById('send').hidden").asBoolean()).isTrue();
        browser.click("#stop");
        awaitState("stopped");
        assertThat(text(".assistant")).isNotEmpty();
        Awaitility.await().atMost(Duration.ofSeconds(5))
                .until(() -> models.get(EagleConfig.DEFAULT_MODEL).model().slotsInUse() == 0);
        assertThat(browser.evaluate("document.getElementById('stop').hidden").asBoolean()).isTrue();
    }

    @Test
    void aQuestionThatCannotBeAnsweredIsExplained() {
        ask("word ".repeat(9000));
        awaitState("failed");
        assertThat(text("#error")).contains("the prompt has").contains("tokens, but the model takes at most");
        ask("Say hello.");
        awaitState("done");
        assertThat(browser.evaluate("document.getElementById('error').hidden").asBoolean()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = { "light", "dark" })
    void thePageIsAccessibleInEveryState(String scheme) throws IOException {
        browser.prefer(scheme);
        assertAccessible("empty, " + scheme);
        ask(QUESTION);
        browser.await("document.querySelectorAll('.assistant span').length > 3");
        awaitState("done");
        assertAccessible("answered, " + scheme);
        browser.screenshot(SCREENSHOTS.resolve("chat-" + scheme + ".png"));
        ask("word ".repeat(9000));
        awaitState("failed");
        assertAccessible("failed, " + scheme);
    }

    @Test
    void everythingFitsAPhone() throws IOException {
        browser.resize(360, 640, 2, true);
        ask(QUESTION);
        awaitState("done");
        assertThat(browser.evaluate("document.documentElement.scrollWidth").asInt()).isLessThanOrEqualTo(360);
        JsonNode send = browser.evaluate("document.getElementById('send').getBoundingClientRect().toJSON()");
        assertThat(send.path("bottom").asDouble()).isLessThanOrEqualTo(640);
        assertThat(send.path("right").asDouble()).isLessThanOrEqualTo(360);
        assertThat(send.path("height").asDouble()).as("a finger's size").isGreaterThanOrEqualTo(44);
        browser.screenshot(SCREENSHOTS.resolve("chat-phone.png"));
    }

    private static void ask(String question) {
        browser.evaluate("document.getElementById('question').focus()");
        browser.type(question);
        browser.click("#send");
        browser.await("document.getElementById('status').dataset.state !== 'idle'");
    }

    private static void awaitState(String state) {
        browser.await("document.getElementById('status').dataset.state === '" + state + "'");
    }

    private static String text(String selector) {
        return browser.evaluate("document.querySelector('" + selector + "').textContent").asText();
    }

    /** Tokens of each run of the last answer. */
    private static int[] runs() {
        JsonNode lengths = browser
                .evaluate("[...document.querySelectorAll('.assistant:last-child span')].map(run => +run.dataset.tokens)");
        return IntStream.range(0, lengths.size()).map(i -> lengths.get(i).asInt()).toArray();
    }

    private static void assertAccessible(String state) throws IOException {
        browser.evaluate(axe());
        JsonNode violations = browser.evaluate("axe.run().then(result => result.violations.map(violation => violation.id"
                + " + ': ' + violation.help + ' at ' + violation.nodes.map(node => node.html).join(', ')))");
        assertThat(violations.isArray()).isTrue();
        assertThat(violations).as(state).isEmpty();
        assertThat(browser.evaluate("axe.run().then(result => result.passes.length)").asInt()).as("rules that were checked")
                .isGreaterThan(10);
    }

    private static String axe() throws IOException {
        String path = "META-INF/resources/webjars/axe-core/" + System.getProperty("axe-core.version") + "/axe.min.js";
        try (InputStream script = Thread.currentThread().getContextClassLoader().getResourceAsStream(path)) {
            assertThat(script).as(path).isNotNull();
            return new String(script.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}

package io.quarkiverse.eagle.devui;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;

import org.jboss.shrinkwrap.api.asset.StringAsset;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import com.fasterxml.jackson.databind.JsonNode;

import io.quarkiverse.eagle.chat.Browser;
import io.quarkus.test.QuarkusDevModeTest;

/**
 * The pages of draft trees and of costs, in a real browser. Screenshots go to {@code target/screenshots}, and with
 * {@code -Dscreenshots=FOLDER} the picture of the documentation to that folder.
 */
class DevUIPagesTest {

    private static final URI PAGES = URI.create("http://localhost:8080/q/dev-ui/quarkus-eagle/");
    private static final Path SCREENSHOTS = Path.of("target", "screenshots");
    private static final int ARROW_LEFT = 37;

    /** Components of the Dev UI live in each other's shadows. */
    private static final String FIND = """
            window.find = (selector, root = document) => {
              const found = root.querySelector(selector);
              if (found) { return found; }
              for (const element of root.querySelectorAll('*')) {
                const inside = element.shadowRoot && window.find(selector, element.shadowRoot);
                if (inside) { return inside; }
              }
              return null;
            }; true""";

    @RegisterExtension
    static final QuarkusDevModeTest APPLICATION = new QuarkusDevModeTest()
            .withApplicationRoot(jar -> jar.addAsResource(
                    new StringAsset("quarkus.eagle.slots=1\nquarkus.eagle.threads=2\n"), "application.properties"));

    private Browser browser;

    @BeforeAll
    static void needsABrowser() {
        if (Browser.program().isEmpty()) {
            System.err.println("SKIPPED: the Dev UI's pages were not tested, for there is no chromium on the PATH;"
                    + " install it (apt-get install chromium)");
        }
        assumeTrue(Browser.program().isPresent(), "there is no chromium on the PATH");
    }

    /** One application and one browser for all, for they take seconds to start. */
    @Test
    void aPromptIsRunAndItsTreesAndCostsAreDrawn() throws Exception {
        try (Browser started = Browser.start()) {
            browser = started;
            browser.resize(1280, 800, 1, false);
            browser.prefer("light");
            open("draft-trees", "qwc-eagle-trees");
            treesAreDrawnWhileTheAnswerComes();
            arrowKeysGoFromCycleToCycle();
            theTreeIsThereInWords();
            browser.screenshot(SCREENSHOTS.resolve("draft-trees.png"));
            theDocumentationsPictureIsMade();
            assertAccessible("qwc-eagle-trees");
            stoppingKeepsWhatIsThere();
            open("costs", "qwc-eagle-costs");
            costsAndBudgetsAreDrawn();
            browser.screenshot(SCREENSHOTS.resolve("costs.png"));
            assertAccessible("qwc-eagle-costs");
        }
    }

    private void treesAreDrawnWhileTheAnswerComes() {
        set("nodes", "16");
        browser.evaluate(page("qwc-eagle-trees") + ".querySelector('input[name=prompt]').focus()");
        browser.press("Enter", 13);
        browser.await(page("qwc-eagle-trees") + ".querySelectorAll('svg.tree .node').length > 4");
        browser.await(trees("[role=status]") + ".textContent.startsWith('Done')");
        assertThat(browser.evaluate(trees(".answer") + ".textContent").asText()).isNotBlank();
        assertThat(browser.evaluate(page("qwc-eagle-trees") + ".querySelectorAll('.answer span').length").asInt())
                .isEqualTo(cycles()).isGreaterThan(3);
        assertThat(shownCycle()).as("the last one").isEqualTo(cycles());
    }

    private void arrowKeysGoFromCycleToCycle() {
        browser.evaluate(trees("input[type=range]") + ".focus()");
        int last = shownCycle();
        browser.press("ArrowLeft", ARROW_LEFT);
        browser.await(trees("figcaption") + ".textContent.startsWith('Cycle " + (last - 1) + ":')");
        // On to a cycle that shows all there is to see.
        while (!shows(".accepted:not(.root)") || !shows(".rejected") || !shows(".own")) {
            assertThat(shownCycle()).as("a cycle with accepted and rejected nodes").isGreaterThan(1);
            int shown = shownCycle();
            browser.press("ArrowLeft", ARROW_LEFT);
            browser.await(trees("figcaption") + ".textContent.startsWith('Cycle " + (shown - 1) + ":')");
        }
    }

    private void theTreeIsThereInWords() {
        assertThat(browser.evaluate(trees("svg.tree") + ".getAttribute('aria-label')").asText())
                .startsWith("Draft tree of cycle " + shownCycle() + ": ").contains(", accepted ");
        browser.evaluate(trees("details") + ".open = true");
        int nodes = browser.evaluate(page("qwc-eagle-trees") + ".querySelectorAll('svg.tree .node:not(.root)').length").asInt();
        assertThat(browser.evaluate(page("qwc-eagle-trees") + ".querySelectorAll('details tbody tr').length").asInt())
                .isEqualTo(nodes);
        browser.evaluate(trees("details") + ".open = false");
    }

    private void theDocumentationsPictureIsMade() throws IOException {
        Optional<Path> picture = Browser.documentation("dev-ui.png");
        if (picture.isPresent()) {
            browser.resize(1280, 1600, 1, false);
            browser.screenshotDownTo(trees("figure"), picture.get());
            browser.resize(1280, 800, 1, false);
        }
    }

    private void stoppingKeepsWhatIsThere() {
        set("tokens", "512");
        browser.evaluate(trees("input[name=prompt]") + ".value = 'Tell me a very long story about a river.'");
        browser.evaluate(trees("button.run") + ".click()");
        browser.await(page("qwc-eagle-trees") + ".querySelectorAll('.answer span').length > 2");
        browser.evaluate(trees("button.stop") + ".click()");
        browser.await(trees("[role=status]") + ".textContent === 'Stopped.'");
        assertThat(browser.evaluate(trees("button.stop") + ".disabled").asBoolean()).isTrue();
        assertThat(cycles()).isPositive();
    }

    private void costsAndBudgetsAreDrawn() {
        String costs = page("qwc-eagle-costs");
        browser.await(costs + ".querySelectorAll('rect.bar').length > 0");
        assertThat(browser.evaluate(costs + ".querySelectorAll('polyline').length").asInt()).isEqualTo(2);
        assertThat(browser.evaluate(costs + ".querySelectorAll('circle.target').length").asInt())
                .isEqualTo(
                        browser.evaluate(costs + ".querySelectorAll('details')[0].querySelectorAll('tbody tr').length").asInt())
                .isGreaterThan(3);
    }

    private void open(String page, String component) {
        browser.open(PAGES.resolve(page));
        browser.evaluate(FIND);
        browser.await("!!find('" + component + "')?.shadowRoot?.querySelector('form, svg')");
    }

    private void set(String field, String value) {
        browser.evaluate(trees("[name=" + field + "]") + ".value = '" + value + "'");
    }

    private boolean shows(String kind) {
        return browser.evaluate("!!" + page("qwc-eagle-trees") + ".querySelector('svg.tree .node" + kind + "')").asBoolean();
    }

    private int shownCycle() {
        return Integer.parseInt(browser.evaluate(trees("figcaption") + ".textContent").asText().replaceAll("\\D+", " ").trim()
                .split(" ")[0]);
    }

    private int cycles() {
        return browser.evaluate("Number(" + trees("input[type=range]") + ".max) + 1").asInt();
    }

    private static String page(String component) {
        return "find('" + component + "').shadowRoot";
    }

    private static String trees(String selector) {
        return page("qwc-eagle-trees") + ".querySelector('" + selector + "')";
    }

    private void assertAccessible(String component) throws IOException {
        browser.evaluate(axe());
        JsonNode violations = browser.evaluate("axe.run(find('" + component + "')).then(result => result.violations.map("
                + "violation => violation.id + ': ' + violation.help + ' at '"
                + " + violation.nodes.map(node => node.html).join(', ')))");
        assertThat(violations.isArray()).isTrue();
        assertThat(violations).as(component).isEmpty();
    }

    private static String axe() throws IOException {
        String path = "META-INF/resources/webjars/axe-core/" + System.getProperty("axe-core.version") + "/axe.min.js";
        try (InputStream script = Thread.currentThread().getContextClassLoader().getResourceAsStream(path)) {
            assertThat(script).as(path).isNotNull();
            return new String(script.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}

package io.quarkiverse.eagle.cli;

import static io.quarkiverse.eagle.cli.CommandRun.eagle;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import javax.xml.parsers.DocumentBuilderFactory;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

import com.fasterxml.jackson.databind.JsonNode;

class TreeCommandTest {

    private static final String[] ASKED = { "--max-tokens", "24", "--nodes", "12", "What is a falcon?" };

    @Test
    void everyCycleIsATreeWhosePathTheTargetTook() throws Exception {
        JsonNode document = Json.parse(run("tree", "--json").out());
        JsonNode answer = Json.parse(run("chat", "--json").out());
        List<Integer> told = new ArrayList<>();
        told.add(document.at("/cycles/0/root").intValue());
        int accepted = 0;
        for (JsonNode cycle : document.get("cycles")) {
            assertThat(cycle.get("root").intValue()).isEqualTo(told.get(told.size() - 1));
            assertThat(cycle.get("candidates").intValue()).isGreaterThanOrEqualTo(cycle.get("tokens").size());
            for (int node = 0; node < cycle.get("tokens").size(); node++) {
                int parent = cycle.get("parents").get(node).intValue();
                assertThat(parent).isBetween(-1, node - 1);
                assertThat(cycle.get("values").get(node).floatValue())
                        .isLessThanOrEqualTo(parent < 0 ? 0 : cycle.get("values").get(parent).floatValue());
            }
            int above = -1;
            for (int i = 0; i < cycle.get("accepted").size(); i++) {
                int node = cycle.get("accepted").get(i).intValue();
                assertThat(cycle.get("parents").get(node).intValue()).isEqualTo(above);
                assertThat(cycle.get("tokens").get(node)).isEqualTo(cycle.get("emitted").get(i));
                above = node;
                accepted++;
            }
            assertThat(cycle.get("emitted")).hasSize(cycle.get("accepted").size() + 1);
            cycle.get("emitted").forEach(token -> told.add(token.intValue()));
        }
        assertThat(accepted).isPositive();
        assertThat(told).hasToString(answer.get("token_ids").toString().replace(",", ", "));
        assertThat(document.get("prompt_ids")).hasSize(answer.get("prompt_tokens").intValue());
    }

    @Test
    void theTextShowsEveryNodeOnce() throws Exception {
        JsonNode cycles = Json.parse(run("tree", "--json").out()).get("cycles");
        int nodes = 0;
        int accepted = 0;
        for (JsonNode cycle : cycles) {
            nodes += cycle.get("tokens").size();
            accepted += cycle.get("accepted").size();
        }
        String text = run("tree").out();
        assertThat(count("├─[●○]|└─[●○]", text)).isEqualTo(nodes);
        assertThat(count("─●", text)).isEqualTo(accepted);
        assertThat(count("─◆", text)).isEqualTo(cycles.size());
    }

    @Test
    void thePageDrawsEveryNodeOnce(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("pages/trees.html");
        CommandRun run = run("tree", "--json", "--html", file.toString());
        JsonNode cycles = Json.parse(run.out()).get("cycles");
        Matcher drawings = Pattern.compile("<svg.*?</svg>", Pattern.DOTALL).matcher(Files.readString(file));
        for (JsonNode cycle : cycles) {
            assertThat(drawings.find()).isTrue();
            NodeList groups = DocumentBuilderFactory.newInstance().newDocumentBuilder()
                    .parse(new InputSource(new StringReader(drawings.group()))).getElementsByTagName("g");
            int yes = 0;
            for (int i = 0; i < groups.getLength(); i++) {
                yes += groups.item(i).getAttributes().getNamedItem("class").getNodeValue().equals("yes") ? 1 : 0;
            }
            assertThat(groups.getLength()).isEqualTo(cycle.get("tokens").size() + 2);
            assertThat(yes).isEqualTo(cycle.get("accepted").size() + 1);
        }
        assertThat(drawings.find()).isFalse();
    }

    @Test
    void aFileOfPromptsIsAnsweredLineByLine(@TempDir Path folder) throws Exception {
        Path prompts = Files.writeString(folder.resolve("prompts.jsonl"), """
                {"id":"a","prompt_ids":[1,28,35]}
                {"id":"b","messages":[{"role":"user","content":"Hello"}],"max_tokens":4}
                """);
        CommandRun run = eagle("tree", "--json", "--max-tokens", "6", "--ids-in", prompts.toString());
        assertThat(run.status()).as(run.err()).isZero();
        List<String> lines = run.out().lines().toList();
        assertThat(lines).hasSize(2);
        assertThat(Json.parse(lines.get(0)).get("id").textValue()).isEqualTo("a");
        assertThat(Json.parse(lines.get(0)).get("prompt_ids")).hasToString("[1,28,35]");
        assertThat(Json.parse(lines.get(1)).get("cycles")).isNotEmpty();
    }

    private static CommandRun run(String command, String... options) {
        List<String> line = new ArrayList<>(List.of(command));
        line.addAll(List.of(options));
        line.addAll(List.of(ASKED));
        CommandRun run = eagle(line.toArray(String[]::new));
        assertThat(run.status()).as(run.err()).isZero();
        return run;
    }

    private static int count(String pattern, String text) {
        return (int) Pattern.compile(pattern).matcher(text).results().count();
    }
}

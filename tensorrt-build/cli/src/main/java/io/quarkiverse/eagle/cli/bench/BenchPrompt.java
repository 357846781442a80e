package io.quarkiverse.eagle.cli.bench;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/**
 * One prompt of a task.
 *
 * @param turns what the user says, turn by turn
 */
public record BenchPrompt(String id, String task, List<String> turns) {

    public BenchPrompt {
        turns = List.copyOf(turns);
    }

    /**
     * Reads prompts in the form of the public {@code question.jsonl} files: one object a line with {@code turns} and
     * {@code task} or {@code category}.
     *
     * @param limit most prompts per task, 0 for all
     */
    public static List<BenchPrompt> read(Path file, int limit) throws IOException {
        return parse(file.toString(), Files.readAllLines(file), limit);
    }

    /** The project's own prompts, written for it. */
    public static List<BenchPrompt> own(int limit) throws IOException {
        try (InputStream in = BenchPrompt.class.getResourceAsStream("prompts.jsonl")) {
            return parse("the project's own prompts", new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList(),
                    limit);
        }
    }

    private static List<BenchPrompt> parse(String file, List<String> lines, int limit) {
        ObjectMapper json = new ObjectMapper();
        List<BenchPrompt> prompts = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            if (lines.get(i).isBlank()) {
                continue;
            }
            BenchPrompt prompt = parse(json, file, i + 1, lines.get(i));
            long sameTask = prompts.stream().filter(other -> other.task().equals(prompt.task())).count();
            if (limit == 0 || sameTask < limit) {
                prompts.add(prompt);
            }
        }
        if (prompts.isEmpty()) {
            throw new IllegalArgumentException(file + " has no prompts");
        }
        return prompts;
    }

    private static BenchPrompt parse(ObjectMapper json, String file, int line, String text) {
        try {
            JsonNode node = json.readTree(text);
            List<String> turns = new ArrayList<>();
            node.path("turns").forEach(turn -> turns.add(turn.asText()));
            if (turns.isEmpty()) {
                throw new IllegalArgumentException(file + ", line " + line + ": there are no \"turns\"");
            }
            String task = node.path("task").asText(node.path("category").asText("all"));
            String id = node.path("id").asText(node.path("question_id").asText("line-" + line));
            return new BenchPrompt(id, task, turns);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(
                    file + ", line " + line + " is no JSON object: " + e.getOriginalMessage(), e);
        }
    }
}

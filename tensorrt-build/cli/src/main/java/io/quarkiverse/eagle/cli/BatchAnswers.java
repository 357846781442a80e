package io.quarkiverse.eagle.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;

import com.fasterxml.jackson.databind.node.ObjectNode;

import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.decode.SpeculativeModel;

/** Answers every request of a file or of standard input in order, one JSON document a line, each with its request's id. */
final class BatchAnswers {

    /** Stands for standard input. */
    static final String INPUT = "-";

    private final Terminal terminal;
    private final BiFunction<SpeculativeModel, GenerationRequest, ObjectNode> answer;

    private BatchAnswers(Terminal terminal, BiFunction<SpeculativeModel, GenerationRequest, ObjectNode> answer) {
        this.terminal = terminal;
        this.answer = answer;
    }

    /**
     * Prints the answers. A file is read to its end before the model is opened, so that a bad line costs no work.
     *
     * @param source a JSONL file, or {@link #INPUT}
     * @param answer the document of one request
     */
    static void print(String source, DecodingOptions decoding, Terminal terminal,
            BiFunction<SpeculativeModel, GenerationRequest, ObjectNode> answer) {
        BatchAnswers answers = new BatchAnswers(terminal, answer);
        if (source.equals(INPUT)) {
            Batch batch = Batch.ofInput(terminal, decoding.generation());
            try (LoadedModel loaded = LoadedModel.open(decoding, terminal)) {
                for (Batch.Entry entry = batch.next(); entry != null; entry = batch.next()) {
                    answers.print(loaded.model(), entry);
                }
            }
            return;
        }
        List<Batch.Entry> entries = new ArrayList<>();
        try (Batch batch = Batch.ofFile(Path.of(source), decoding.generation())) {
            entries.addAll(batch.all());
        }
        try (LoadedModel loaded = LoadedModel.open(decoding, terminal)) {
            entries.forEach(entry -> answers.print(loaded.model(), entry));
        }
    }

    private void print(SpeculativeModel model, Batch.Entry entry) {
        try {
            ObjectNode document = Json.object();
            document.set("id", entry.id());
            document.setAll(answer.apply(model, entry.request()));
            Json.print(document, terminal.out());
        } catch (InvalidRequestException e) {
            throw new CommandException(entry.place() + " cannot be served: " + e.getMessage(), e);
        }
    }
}

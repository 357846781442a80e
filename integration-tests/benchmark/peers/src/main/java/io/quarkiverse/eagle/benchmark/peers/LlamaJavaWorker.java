package io.quarkiverse.eagle.benchmark.peers;

import java.io.IOException;
import java.util.Map;

import com.fasterxml.jackson.databind.JsonNode;

import de.kherud.llama.InferenceParameters;
import de.kherud.llama.LlamaModel;
import de.kherud.llama.LlamaOutput;
import de.kherud.llama.ModelParameters;

/** llama.cpp through its Java binding, with the natives that its jar brings. */
public final class LlamaJavaWorker {

    private static final int CONTEXT = 2048;
    private static final double NANOS = 1e9;

    private LlamaJavaWorker() {
    }

    /** Arguments: threads, a GGUF file. */
    public static void main(String[] args) throws IOException {
        WorkerLoop loop = new WorkerLoop();
        int threads = Integer.parseInt(args[0]);
        ModelParameters parameters = new ModelParameters().setModel(args[1]).setThreads(threads).setThreadsBatch(threads)
                .setCtxSize(CONTEXT).setParallel(1);
        try (LlamaModel model = new LlamaModel(parameters)) {
            String version = LlamaModel.class.getProtectionDomain().getCodeSource().getLocation().getPath()
                    .replaceAll(".*/llama-|\\.jar", "");
            loop.run((variant, request) -> decode(model, request),
                    Map.of("de.kherud:llama", version, "java", Runtime.version().toString()));
        }
    }

    /** Pieces of text may hold several tokens, so it is the number that was asked for that counts: answers never end early. */
    private static WorkerLoop.Answer decode(LlamaModel model, JsonNode request) {
        String prompt = request.path("text").asText();
        int tokens = request.path("tokens").asInt();
        InferenceParameters parameters = new InferenceParameters(prompt).setTemperature(0).setRepeatPenalty(1)
                .setNPredict(tokens).setIgnoreEos(true).setCachePrompt(false);
        StringBuilder text = new StringBuilder();
        long first = 0;
        long last = 0;
        for (LlamaOutput output : model.generate(parameters)) {
            last = System.nanoTime();
            first = first == 0 ? last : first;
            text.append(output.text);
        }
        return new WorkerLoop.Answer(tokens, (last - first) / NANOS, model.encode(prompt).length, text.toString());
    }
}

package io.quarkiverse.eagle.benchmark.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import com.fasterxml.jackson.databind.JsonNode;

import io.quarkiverse.eagle.ChatMessage;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.decode.ModelOptions;
import io.quarkiverse.eagle.decode.SpeculativeModel;
import io.quarkiverse.eagle.graph.DefaultBundle;
import io.quarkiverse.eagle.graph.source.ProgressListener;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeEngines;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeOptions;

/**
 * This project on its default model; variants are drafters. Its engines run as those of {@code eagle serve} and
 * {@code eagle bench}.
 */
public final class EagleWorker {

    private EagleWorker() {
    }

    /** Arguments: threads; a folder for a bundle whose answers never end by themselves. */
    public static void main(String[] args) throws IOException {
        WorkerLoop loop = new WorkerLoop();
        int threads = Integer.parseInt(args[0]);
        Bundle bundle = endless(
                Bundle.open(DefaultBundle.ensure(DefaultBundle.cacheFolder(), ProgressListener.NONE)), Path.of(args[1]));
        try (SpeculativeModel model = SpeculativeModel.open(bundle,
                () -> OnnxRuntimeEngines.open(bundle, new OnnxRuntimeOptions(1, threads, true)),
                new ModelOptions(null, null, 1, Runnable::run).withPrefixReuse(false))) {
            loop.run((drafter, request) -> decode(model, drafter, request),
                    Map.of("java", Runtime.version().toString(), "weights", bundle.manifest().precision()));
        }
    }

    /** The same bundle, by links, without tokens that end an answer. */
    private static Bundle endless(Bundle bundle, Path folder) throws IOException {
        BundleManifest from = bundle.manifest();
        for (BundleManifest.FileEntry entry : from.files()) {
            Path link = folder.resolve(entry.path());
            Files.createDirectories(link.getParent());
            Files.createSymbolicLink(link, bundle.file(entry.path()).toAbsolutePath());
        }
        Bundle.write(folder,
                new BundleManifest(from.formatVersion(), from.name(), from.checkpoint(), from.head(), from.target(),
                        from.precision(), from.update(), from.maxLength(), from.slots(), from.bosId(), List.of(), from.model(),
                        from.targetGraph(), from.draftGraph(), from.heads(), from.knownAnswer(), from.acceptance(),
                        from.files(),
                        from.plans(), null));
        return Bundle.openUnverified(folder);
    }

    private static WorkerLoop.Answer decode(SpeculativeModel model, String drafter, JsonNode request) {
        List<ChatMessage> messages = new ArrayList<>();
        for (JsonNode message : request.path("messages")) {
            String content = message.path("content").asText();
            messages.add(message.path("role").asText().equals("user") ? ChatMessage.user(content)
                    : ChatMessage.assistant(content));
        }
        GenerationResult result = model.generate(GenerationRequest.chat(messages).with(
                GenerationOptions.defaults().withMaxTokens(request.path("tokens").asInt()).withDrafter(drafter)))
                .await().indefinitely();
        return new WorkerLoop.Answer(result.completionTokens(),
                result.duration().minus(result.timeToFirstToken()).toNanos() / 1e9, result.promptTokens(),
                model.text(result.tokenIds()));
    }
}

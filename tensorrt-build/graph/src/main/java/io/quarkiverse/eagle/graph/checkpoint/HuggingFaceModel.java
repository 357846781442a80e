package io.quarkiverse.eagle.graph.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

import org.jboss.logging.Logger;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * A model in the layout of Hugging Face: a folder with {@code config.json}, weights (safetensors, or PyTorch's own format) and
 * {@code tokenizer.json}.
 */
public final class HuggingFaceModel implements ModelSource {

    private static final Logger LOG = Logger.getLogger(HuggingFaceModel.class);
    private static final String TOKENIZER = "tokenizer.json";
    private static final String TEMPLATE = "chat_template.jinja";

    private final String name;
    private final Path folder;
    private final ModelConfig config;
    private final Checkpoint checkpoint;

    private HuggingFaceModel(String name, Path folder, ModelConfig config, Checkpoint checkpoint) {
        this.name = name;
        this.folder = folder;
        this.config = config;
        this.checkpoint = checkpoint;
    }

    /** Opens a folder, or the folder around a file of weights, under the folder's own name. */
    public static HuggingFaceModel open(Path folderOrFile) {
        return open(folderOrFile, WeightFiles.folder(folderOrFile.toAbsolutePath().normalize()).getFileName().toString());
    }

    /**
     * Opens a folder, or the folder around a file of weights; its tensors are checked against its configuration.
     *
     * @param name the model's short name
     * @throws CheckpointException when the configuration has no graph here, or the weights do not fit it
     */
    public static HuggingFaceModel open(Path folderOrFile, String name) {
        Path folder = WeightFiles.folder(folderOrFile);
        Checkpoint checkpoint = WeightFiles.open(folderOrFile);
        try {
            ModelConfig config = HuggingFaceConfig.readAny(folder);
            checkpoint = QuantizedCheckpoint.of(checkpoint, Quantization.read(folder), config.qkvBias());
            DecoderTensors.ofTarget(config).check(checkpoint, "model.");
            return new HuggingFaceModel(name, folder, config, checkpoint);
        } catch (RuntimeException e) {
            close(checkpoint);
            throw e;
        }
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public ModelConfig config() {
        return config;
    }

    @Override
    public Checkpoint checkpoint() {
        return checkpoint;
    }

    @Override
    public void writeTokenizer(Path target) {
        Path tokenizer = folder.resolve(TOKENIZER);
        if (!Files.isRegularFile(tokenizer)) {
            throw new CheckpointException(tokenizer + " does not exist; save the model's tokenizer there in its fast form"
                    + " (Python: AutoTokenizer.from_pretrained(...).save_pretrained(...)), or use a GGUF file of the model");
        }
        String template = chatTemplate();
        try {
            Files.createDirectories(target);
            Files.copy(tokenizer, target.resolve(TOKENIZER), StandardCopyOption.REPLACE_EXISTING);
            if (template != null) {
                Files.writeString(target.resolve(TEMPLATE), template);
            } else {
                LOG.infof("%s has no chat template; requests must bring whole prompts", folder);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** From its own file, or from the tokenizer's configuration: a text, or a list of named ones. */
    private String chatTemplate() {
        try {
            if (Files.exists(folder.resolve(TEMPLATE))) {
                return Files.readString(folder.resolve(TEMPLATE));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        JsonNode template = JsonFile.readIfPresent(folder.resolve("tokenizer_config.json")).get("chat_template");
        if (template.isTextual()) {
            return template.asText();
        }
        for (JsonNode named : template) {
            if (named.path("name").asText().equals("default")) {
                return named.path("template").asText();
            }
        }
        return null;
    }

    @Override
    public void close() {
        close(checkpoint);
    }

    private static void close(Checkpoint checkpoint) {
        try {
            checkpoint.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

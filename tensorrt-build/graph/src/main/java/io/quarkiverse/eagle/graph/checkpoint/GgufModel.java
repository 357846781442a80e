package io.quarkiverse.eagle.graph.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import org.jboss.logging.Logger;

import io.quarkiverse.eagle.graph.tokenizer.GgufVocabulary;
import io.quarkiverse.eagle.graph.tokenizer.TokenizerJson;

/**
 * A llama or qwen2 model in one GGUF file: the weights under Hugging Face names and in Hugging Face row order, the tokenizer
 * rebuilt from the metadata.
 */
public final class GgufModel implements ModelSource {

    private static final Logger LOG = Logger.getLogger(GgufModel.class);
    private static final Pattern FILE_SUFFIX = Pattern.compile(
            "([.-](F16|F32|BF16|I?Q\\d\\w*))?\\.gguf$", Pattern.CASE_INSENSITIVE);
    private static final Pattern UNUSED = Pattern.compile("blk\\.\\d+\\.(attn_rot_embd|rope_freqs)(\\.weight)?");
    private static final String TEMPLATE = "tokenizer.chat_template";

    private final String name;
    private final GgufMetadata metadata;
    private final ModelConfig config;
    private final Checkpoint checkpoint;

    private GgufModel(String name, GgufMetadata metadata, ModelConfig config, Checkpoint checkpoint) {
        this.name = name;
        this.metadata = metadata;
        this.config = config;
        this.checkpoint = checkpoint;
    }

    /**
     * Opens a file; its tensors are checked against its configuration.
     *
     * @throws CheckpointException when the file is not such a model, is truncated, or stores a tensor in a type that cannot be
     *         decoded
     */
    public static GgufModel open(Path path) {
        GgufFile file = GgufFile.open(path);
        try {
            return read(path, file);
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    private static GgufModel read(Path path, GgufFile file) {
        GgufConfig metadataConfig = new GgufConfig(path.toString(), file.metadata());
        List<StoredTensor> tensors = new ArrayList<>();
        float[] rotaryDivisors = null;
        for (GgufFile.Tensor tensor : file.tensors()) {
            if (tensor.name().equals(GgufNames.ROTARY_FACTORS)) {
                rotaryDivisors = readAll(file, tensor);
            } else if (!UNUSED.matcher(tensor.name()).matches()) {
                tensors.add(place(path, file, metadataConfig, tensor));
            }
        }
        Map<String, StoredTensor> byName = tensors.stream()
                .collect(Collectors.toMap(tensor -> tensor.info().name(), Function.identity(), (first, second) -> {
                    throw new CheckpointException(path + " has two tensors " + first.info().name());
                }));
        StoredTensor embedding = byName.get("model.embed_tokens.weight");
        if (embedding == null) {
            throw new CheckpointException(path + " has no tensor token_embd.weight; it is not a whole model");
        }
        ModelConfig config = metadataConfig.read(
                Math.toIntExact(embedding.info().shape().get(0)),
                !byName.containsKey("lm_head.weight"),
                byName.containsKey("model.layers.0.self_attn.q_proj.bias"),
                rotaryDivisors);
        Checkpoint checkpoint = new StoredCheckpoint(path.toString(), tensors, List.of(file.file()));
        DecoderTensors.ofTarget(config).check(checkpoint, "model.");
        String name = FILE_SUFFIX.matcher(path.getFileName().toString()).replaceFirst("");
        return new GgufModel(name, file.metadata(), config, checkpoint);
    }

    private static StoredTensor place(Path path, GgufFile file, GgufConfig config, GgufFile.Tensor tensor) {
        String name = GgufNames.huggingFace(tensor.name());
        if (name == null) {
            throw new CheckpointException(path + " has a tensor " + tensor.name() + " that a " + config.family()
                    + " decoder has no place for; leaving it out would change the results");
        }
        BlockFormat format = GgufType.format(tensor.type(), tensor.name(), path.toString());
        TensorInfo info = new TensorInfo(name, format.name(), tensor.shape());
        long position = file.position(tensor, format);
        if (!config.family().equals("llama") || !GgufNames.rotary(name)) {
            return new StoredTensor(info, format, file.file(), position);
        }
        int headDim = config.headDim();
        long rows = info.shape().get(0);
        if (headDim % 2 != 0 || rows % headDim != 0) {
            throw new CheckpointException(path + ": tensor " + tensor.name() + " has shape " + info.shapeText()
                    + "; expected a multiple of the head width " + headDim + " of rows");
        }
        ElementOrder order = new ElementOrder.RotaryPairs(headDim, info.elements() / rows);
        return new StoredTensor(info, format, file.file(), position, order);
    }

    private static float[] readAll(GgufFile file, GgufFile.Tensor tensor) {
        BlockFormat format = GgufType.format(tensor.type(), tensor.name(), file.file().toString());
        long position = file.position(tensor, format);
        int count = Math.toIntExact(tensor.dimensions()[0]);
        ByteBuffer bytes = ByteBuffer.allocate((int) format.bytesFor(count)).order(ByteOrder.LITTLE_ENDIAN);
        file.file().read(position, bytes, "tensor " + tensor.name());
        float[] values = new float[count];
        format.decode(bytes, 0, count / format.elements(), values, 0);
        return values;
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
    public void writeTokenizer(Path folder) {
        try {
            Files.createDirectories(folder);
            TokenizerJson.write(vocabulary(), folder.resolve("tokenizer.json"));
            if (metadata.has(TEMPLATE)) {
                Files.writeString(folder.resolve("chat_template.jinja"), metadata.text(TEMPLATE));
            } else {
                LOG.infof("%s has no chat template; requests must bring whole prompts", checkpoint.source());
            }
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(checkpoint.source() + ": " + e.getMessage(), e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private GgufVocabulary vocabulary() {
        String prefix = "tokenizer.ggml.";
        String model = metadata.text(prefix + "model");
        boolean scored = model.equals("llama");
        String[] tokens = metadata.texts(prefix + "tokens");
        String pre = metadata.text(prefix + "pre", "default");
        return new GgufVocabulary(model, pre, tokens,
                metadata.has(prefix + "token_type") ? metadata.integers(prefix + "token_type") : null,
                scored ? metadata.floats(prefix + "scores") : null,
                scored ? null : metadata.texts(prefix + "merges"),
                config.bosId(),
                (int) metadata.integer(prefix + "unknown_token_id", -1),
                metadata.flag(prefix + "add_bos_token", scored || GgufVocabulary.beginsTexts(pre)),
                metadata.flag(prefix + "add_space_prefix", true));
    }

    @Override
    public void close() {
        try {
            checkpoint.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

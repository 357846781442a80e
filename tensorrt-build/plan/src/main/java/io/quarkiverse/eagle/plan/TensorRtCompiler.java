package io.quarkiverse.eagle.plan;

import static org.bytedeco.tensorrt.global.nvinfer.createInferBuilder;
import static org.bytedeco.tensorrt.global.nvinfer.createInferRuntime;
import static org.bytedeco.tensorrt.global.nvinfer.getInferLibVersion;
import static org.bytedeco.tensorrt.global.nvonnxparser.createParser;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

import org.bytedeco.cuda.cudart.cudaDeviceProp;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.tensorrt.global.nvinfer;
import org.bytedeco.tensorrt.nvinfer.Dims64;
import org.bytedeco.tensorrt.nvinfer.IAttentionInputLayer;
import org.bytedeco.tensorrt.nvinfer.IBuilder;
import org.bytedeco.tensorrt.nvinfer.IBuilderConfig;
import org.bytedeco.tensorrt.nvinfer.ICudaEngine;
import org.bytedeco.tensorrt.nvinfer.IHostMemory;
import org.bytedeco.tensorrt.nvinfer.ILayer;
import org.bytedeco.tensorrt.nvinfer.ILogger;
import org.bytedeco.tensorrt.nvinfer.INetworkDefinition;
import org.bytedeco.tensorrt.nvinfer.IOptimizationProfile;
import org.bytedeco.tensorrt.nvinfer.ITimingCache;
import org.bytedeco.tensorrt.nvonnxparser.IParser;
import org.bytedeco.tensorrt.nvonnxparser.IParserError;

import io.quarkiverse.eagle.bundle.TensorRtPlans.Profile;
import io.quarkiverse.eagle.bundle.TensorRtPlans.Range;

/**
 * TensorRT through its C++ interface. Everything in this class needs the library and a GPU; whatever does not lives elsewhere.
 * Loading the class loads no library, {@link #open} does. TensorRT frees its objects with the process: a build ends in one.
 */
public final class TensorRtCompiler implements PlanCompiler {

    private static final long MEBIBYTE = 1 << 20;

    private final TensorRtLog log;
    private final IBuilder builder;
    private final Machine machine;

    private TensorRtCompiler(TensorRtLog log, IBuilder builder, Machine machine) {
        this.log = log;
        this.builder = builder;
        this.machine = machine;
    }

    /**
     * Loads TensorRT and looks for a GPU.
     *
     * @throws PlanException that says which of the two is missing
     */
    public static PlanCompiler open() {
        String version = version();
        int[] devices = new int[1];
        int status = cudart.cudaGetDeviceCount(devices);
        if (status != 0 || devices[0] == 0) {
            throw new PlanException("there is no GPU that TensorRT " + version + " can use (CUDA error " + status + ")");
        }
        cudaDeviceProp properties = new cudaDeviceProp();
        cudart.cudaGetDeviceProperties(properties, 0);
        TensorRtLog log = new TensorRtLog();
        IBuilder builder = createInferBuilder(log);
        if (isNull(builder)) {
            throw new PlanException("TensorRT " + version + " gives no builder: " + log.errors());
        }
        return new TensorRtCompiler(log, builder, new Machine(version, properties.name().getString(),
                properties.major() + "." + properties.minor()));
    }

    private static String version() {
        try {
            int number = getInferLibVersion();
            return number / 10000 + "." + number / 100 % 100 + "." + number % 100;
        } catch (LinkageError e) {
            throw new PlanException("TensorRT cannot be loaded (" + reason(e) + ")", e);
        }
    }

    /** The innermost reason, which names the library. */
    private static String reason(Throwable e) {
        Throwable innermost = e;
        while (innermost.getCause() != null && innermost.getCause() != innermost) {
            innermost = innermost.getCause();
        }
        String message = String.valueOf(innermost.getMessage()).lines().findFirst().orElse("");
        // The loader puts the path of its own copy before the name of the library that is missing.
        return message.replaceFirst("^/\\S+: (?=lib)", "");
    }

    @Override
    public Machine machine() {
        return machine;
    }

    @Override
    public String compile(Path graph, Path plan, List<Profile> profiles, PlanOptions options) {
        log.clear();
        INetworkDefinition network = builder.createNetworkV2(0);
        IParser parser = createParser(network, log);
        if (!parser.parseFromFile(graph.toString(), ILogger.Severity.kWARNING.value)) {
            throw new PlanException("TensorRT " + machine.tensorrt() + " refuses " + graph + ": " + errors(parser));
        }
        makeAttentionDecomposable(network);
        IBuilderConfig config = builder.createBuilderConfig();
        configure(config, options);
        for (Profile profile : profiles) {
            config.addOptimizationProfile(shapes(profile));
        }
        ITimingCache cache = timingCache(config, options.timingCache());
        IHostMemory built = builder.buildSerializedNetwork(network, config);
        if (isNull(built)) {
            throw new PlanException("TensorRT " + machine.tensorrt() + " cannot build " + graph + " on " + machine.gpu() + ": "
                    + log.errors());
        }
        save(built, plan);
        if (cache != null) {
            save(cache.serialize(), options.timingCache());
        }
        return layers(built);
    }

    private static String errors(IParser parser) {
        List<String> errors = new ArrayList<>();
        for (int i = 0; i < parser.getNbErrors(); i++) {
            IParserError error = parser.getError(i);
            errors.add(error.desc() + " (node " + error.nodeName() + ", operator " + error.nodeOperator() + ")");
        }
        return String.join("; ", errors);
    }

    /** Attention for which no fused kernel exists is then built of simpler layers instead of failing the build. */
    private static void makeAttentionDecomposable(INetworkDefinition network) {
        for (int i = 0; i < network.getNbLayers(); i++) {
            ILayer layer = network.getLayer(i);
            if (layer.getType() == nvinfer.LayerType.kATTENTION_INPUT) {
                new IAttentionInputLayer(layer).getAttention().setDecomposable(true);
            }
        }
    }

    private static void configure(IBuilderConfig config, PlanOptions options) {
        config.setBuilderOptimizationLevel(options.optimisationLevel());
        config.setProfilingVerbosity(nvinfer.ProfilingVerbosity.kDETAILED);
        if (options.workspaceMiB() > 0) {
            config.setMemoryPoolLimit(nvinfer.MemoryPoolType.kWORKSPACE, options.workspaceMiB() * MEBIBYTE);
        }
        if (options.versionCompatible()) {
            config.setFlag(nvinfer.BuilderFlag.kVERSION_COMPATIBLE);
        }
        switch (options.hardware()) {
            case SAME_GPU -> config.setHardwareCompatibilityLevel(nvinfer.HardwareCompatibilityLevel.kNONE);
            case SAME_COMPUTE_CAPABILITY ->
                config.setHardwareCompatibilityLevel(nvinfer.HardwareCompatibilityLevel.kSAME_COMPUTE_CAPABILITY);
            case AMPERE_PLUS -> config.setHardwareCompatibilityLevel(nvinfer.HardwareCompatibilityLevel.kAMPERE_PLUS);
        }
    }

    private IOptimizationProfile shapes(Profile profile) {
        IOptimizationProfile shapes = builder.createOptimizationProfile();
        for (Range range : profile.inputs()) {
            boolean accepted = shapes.setDimensions(range.input(), nvinfer.OptProfileSelector.kMIN, dimensions(range.least()))
                    && shapes.setDimensions(range.input(), nvinfer.OptProfileSelector.kOPT, dimensions(range.usual()))
                    && shapes.setDimensions(range.input(), nvinfer.OptProfileSelector.kMAX, dimensions(range.most()));
            if (!accepted) {
                throw new PlanException("TensorRT refuses the profile " + profile.name() + ": " + range);
            }
        }
        return shapes;
    }

    private static Dims64 dimensions(List<Long> shape) {
        Dims64 dimensions = new Dims64().nbDims(shape.size());
        for (int i = 0; i < shape.size(); i++) {
            dimensions.d(i, shape.get(i));
        }
        return dimensions;
    }

    /** @return null without a file */
    private static ITimingCache timingCache(IBuilderConfig config, Path file) {
        if (file == null) {
            return null;
        }
        try {
            byte[] bytes = Files.exists(file) ? Files.readAllBytes(file) : new byte[0];
            ITimingCache cache = config.createTimingCache(new BytePointer(bytes), bytes.length);
            // Kernels that were timed on another GPU do not count.
            if (isNull(cache) || !config.setTimingCache(cache, false)) {
                throw new PlanException(file + " is no timing cache of this GPU and TensorRT version; remove it");
            }
            return cache;
        } catch (IOException e) {
            throw new UncheckedIOException(file + " cannot be read: " + e.getMessage(), e);
        }
    }

    private static void save(IHostMemory memory, Path file) {
        Pointer data = memory.data();
        try (FileChannel channel = FileChannel.open(file,
                Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING))) {
            // A buffer has at most 2 GiB, a plan may have more.
            long size = memory.size();
            for (long at = 0; at < size; at += 1 << 30) {
                BytePointer part = new BytePointer(data).position(at).limit(Math.min(size, at + (1 << 30)));
                for (var bytes = part.asBuffer(); bytes.hasRemaining();) {
                    channel.write(bytes);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(file + " cannot be written: " + e.getMessage(), e);
        }
    }

    /** What the engine inspector says of the plan. */
    private String layers(IHostMemory built) {
        ICudaEngine engine = createInferRuntime(log).deserializeCudaEngine(built.data(), built.size());
        if (isNull(engine)) {
            throw new PlanException("TensorRT cannot load the plan that it just built: " + log.errors());
        }
        return engine.createEngineInspector().getEngineInformation(nvinfer.LayerInformationFormat.kJSON);
    }

    private static boolean isNull(Pointer pointer) {
        return pointer == null || pointer.isNull();
    }
}

package io.quarkiverse.eagle.cli;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.net.URLConnection;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Locale;

import org.jboss.logging.Logger;

import ai.onnxruntime.OrtEnvironment;

/**
 * ONNX Runtime's native library, unpacked once into the cache: its binding would inflate it into a temporary folder in every
 * process.
 */
final class UnpackedRuntime {

    private static final Logger LOG = Logger.getLogger(UnpackedRuntime.class);
    /** The binding looks here for its libraries before it unpacks them. */
    private static final String FOLDER_PROPERTY = "onnxruntime.native.path";
    private static final List<String> LIBRARIES = List.of("onnxruntime", "onnxruntime4j_jni");

    private UnpackedRuntime() {
    }

    /** Lets the binding load from the cache, unless it was told another place or the libraries cannot be unpacked there. */
    static void use(Path cache) {
        if (System.getProperty(FOLDER_PROPERTY) != null) {
            return;
        }
        String version = OrtEnvironment.class.getPackage().getImplementationVersion();
        Path folder = cache.resolve("native").resolve("onnxruntime-" + (version == null ? "" : version + "-") + platform());
        try {
            for (String library : LIBRARIES) {
                String file = System.mapLibraryName(library);
                URL packed = OrtEnvironment.class.getResource("/ai/onnxruntime/native/" + platform() + "/" + file);
                if (packed == null) {
                    return;
                }
                unpack(packed, folder.resolve(file));
            }
            System.setProperty(FOLDER_PROPERTY, folder.toString());
        } catch (IOException e) {
            LOG.debugf("ONNX Runtime is unpacked for this process alone, as %s cannot be used: %s", folder, e.getMessage());
        }
    }

    /** A copy is left as it is when it is as long and at least as new as what it was made from. */
    private static void unpack(URL packed, Path copy) throws IOException {
        URLConnection connection = packed.openConnection();
        try (InputStream in = connection.getInputStream()) {
            if (Files.isRegularFile(copy) && Files.size(copy) == connection.getContentLengthLong()
                    && Files.getLastModifiedTime(copy).toMillis() >= connection.getLastModified()) {
                return;
            }
            Files.createDirectories(copy.getParent());
            Path fresh = Files.createTempFile(copy.getParent(), "unpacking-", ".part");
            try {
                Files.copy(in, fresh, StandardCopyOption.REPLACE_EXISTING);
                Files.move(fresh, copy, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(fresh);
            }
        }
    }

    /** The binding's name of this system and processor. */
    static String platform() {
        String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String processor = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
        return (system.contains("mac") ? "osx" : system.contains("win") ? "win" : "linux") + "-"
                + (processor.startsWith("aarch64") ? "aarch64" : "x64");
    }
}

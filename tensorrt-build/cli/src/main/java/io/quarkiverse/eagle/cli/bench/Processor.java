package io.quarkiverse.eagle.cli.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * This machine's processor, as Linux describes it.
 *
 * @param name empty where it is not told
 * @param vectors the vector and matrix instructions that step times depend on; null where flags are not told
 */
public record Processor(String name, List<String> vectors) {

    private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

    /** The processor that this process runs on. */
    public static Processor current() {
        try {
            return Files.isReadable(CPU_INFO) ? parse(Files.readAllLines(CPU_INFO)) : new Processor("", null);
        } catch (IOException e) {
            return new Processor("", null);
        }
    }

    /** @param info the lines of Linux' processor description */
    public static Processor parse(List<String> info) {
        Set<String> flags = Set.copyOf(List.of(field(info, "flags").split("\\s+")));
        List<String> vectors = flags.size() < 2 ? null
                : Stream.of("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8").filter(flags::contains).toList();
        return new Processor(field(info, "model name"), vectors);
    }

    private static String field(List<String> info, String name) {
        return info.stream().filter(line -> line.startsWith(name)).findFirst()
                .map(line -> line.substring(line.indexOf(':') + 1).strip()).orElse("");
    }
}

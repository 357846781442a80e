package io.quarkiverse.eagle.cli;

import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** Which settings downloads will obey. Their values may hold credentials and are never shown. */
final class NetworkChecks {

    private static final List<String> SETTINGS = List.of("PIP_INDEX_URL", "HF_ENDPOINT", "HF_TOKEN", "https_proxy",
            "http_proxy", "all_proxy", "no_proxy");

    private NetworkChecks() {
    }

    static void run(Map<String, String> environment, Consumer<Check> note) {
        List<String> set = SETTINGS.stream().flatMap(name -> Stream.of(name, name.toUpperCase(java.util.Locale.ROOT)))
                .distinct().filter(name -> !environment.getOrDefault(name, "").isBlank()).toList();
        note.accept(Check.ok("network", set.isEmpty() ? "no settings: public servers, no proxy"
                : "set: " + String.join(", ", set)));
    }
}

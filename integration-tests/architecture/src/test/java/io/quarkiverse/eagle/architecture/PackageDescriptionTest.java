package io.quarkiverse.eagle.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;

/** Every package says in a few lines what lives there; read from the sources, for javadoc is not in class files. */
class PackageDescriptionTest {

    @Test
    void everyPackageHasAPackageInfoWithJavadoc() throws IOException {
        Set<Path> packages = packages();
        assertThat(packages).hasSizeGreaterThan(10);
        assertThat(packages).allSatisfy(folder -> assertThat(folder.resolve("package-info.java"))
                .exists().content().startsWith("/**").contains("package "));
    }

    private static Set<Path> packages() throws IOException {
        Path repository = RepositoryRoot.find();
        try (Stream<Path> files = Files.walk(repository)) {
            return files.filter(file -> file.toString().endsWith(".java"))
                    .filter(file -> repository.relativize(file).toString().contains("src/main/java"))
                    .map(Path::getParent).collect(Collectors.toCollection(TreeSet::new));
        }
    }
}

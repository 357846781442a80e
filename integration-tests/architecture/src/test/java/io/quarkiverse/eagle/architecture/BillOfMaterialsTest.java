package io.quarkiverse.eagle.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import javax.xml.parsers.DocumentBuilderFactory;

import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;

/** What the project publishes stands in its bill of materials, with the version that everything has. */
class BillOfMaterialsTest {

    /** An application, which nobody depends on. */
    private static final String SERVER = "quarkus-eagle-openai-server";

    @Test
    void theBomManagesEveryPublishedArtifactAndNothingElse() throws Exception {
        Document bom = read(RepositoryRoot.find().resolve("bom/pom.xml"));
        NodeList managed = bom.getElementsByTagName("dependency");
        Set<String> artifacts = IntStream.range(0, managed.getLength())
                .mapToObj(i -> child((Element) managed.item(i), "artifactId"))
                .collect(Collectors.toCollection(TreeSet::new));

        assertThat(artifacts).isEqualTo(published()).hasSizeGreaterThan(10);
    }

    @Test
    void theBomHasTheVersionOfTheProject() throws Exception {
        Path root = RepositoryRoot.find();
        assertThat(child(read(root.resolve("bom/pom.xml")).getDocumentElement(), "version"))
                .isEqualTo(child(read(root.resolve("pom.xml")).getDocumentElement(), "version"));
    }

    private static Set<String> published() throws Exception {
        Path root = RepositoryRoot.find();
        Set<String> published = new TreeSet<>();
        for (Path pom : poms(root)) {
            Element project = read(pom).getDocumentElement();
            if (!"pom".equals(child(project, "packaging"))) {
                published.add(child(project, "artifactId"));
            }
        }
        assertThat(published.remove(SERVER)).isTrue();
        return published;
    }

    private static Set<Path> poms(Path root) throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            return files.filter(file -> file.endsWith("pom.xml"))
                    .filter(file -> Stream.of("target", "integration-tests", "src")
                            .noneMatch(name -> root.relativize(file).toString().contains(name + "/")))
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }

    private static Document read(Path pom) throws Exception {
        return DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(pom.toFile());
    }

    private static String child(Element parent, String name) {
        for (Node node = parent.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node.getNodeName().equals(name)) {
                return node.getTextContent();
            }
        }
        return null;
    }
}

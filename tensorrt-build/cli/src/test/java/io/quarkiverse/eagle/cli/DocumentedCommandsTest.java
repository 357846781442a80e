package io.quarkiverse.eagle.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;

import picocli.CommandLine;

/** Every command line that the documentation shows is one that the commands understand. */
class DocumentedCommandsTest {

    private static final String PROGRAM = "./eagle ";
    private static final Pattern WORD = Pattern.compile("\"([^\"]*)\"|'([^']*)'|(\\S+)");

    private record Shown(Path page, String command) {
    }

    @Test
    void commandsInTheDocumentationAreUnderstood() throws IOException {
        List<Shown> shown = shown();
        assertThat(shown).hasSizeGreaterThan(15);
        assertThat(shown).allSatisfy(command -> assertThatCode(() -> parse(command.command())).doesNotThrowAnyException());
    }

    private static void parse(String command) {
        CommandLine line = EagleCommand.commandLine(new EagleCommand(), Terminal.ofProcess());
        Matcher words = WORD.matcher(command.substring(PROGRAM.length()));
        List<String> arguments = new ArrayList<>();
        while (words.find() && !words.group().equals("|") && !words.group().equals(">")) {
            arguments.add(words.group(1) != null ? words.group(1) : words.group(2) != null ? words.group(2) : words.group(3));
        }
        line.parseArgs(arguments.toArray(String[]::new));
    }

    /** Commands of the shell blocks, and those in the text that are in backquotes. */
    private static List<Shown> shown() throws IOException {
        List<Shown> shown = new ArrayList<>();
        for (Path page : pages()) {
            String text = Files.readString(page).replace("\\\n", " ");
            Matcher blocks = Pattern.compile("(?s)```shell\n(.*?)```").matcher(text);
            while (blocks.find()) {
                blocks.group(1).lines().filter(line -> line.startsWith(PROGRAM))
                        .forEach(line -> shown.add(new Shown(page, line.replaceFirst("\\s+#.*", ""))));
            }
            Matcher inline = Pattern.compile("(?s)(?<!`)`(\\./eagle [^`]*)`").matcher(blocks.replaceAll(""));
            while (inline.find()) {
                shown.add(new Shown(page, inline.group(1).replace('\n', ' ')));
            }
        }
        return shown;
    }

    private static List<Path> pages() throws IOException {
        Path root = Path.of("").toAbsolutePath();
        while (!Files.isDirectory(root.resolve("quarkus-extension"))) {
            root = root.getParent();
        }
        List<Path> pages = new ArrayList<>(List.of(root.resolve("README.md")));
        try (Stream<Path> files = Files.walk(root.resolve("docs"))) {
            files.filter(file -> file.toString().endsWith(".md")).forEach(pages::add);
        }
        return pages;
    }
}

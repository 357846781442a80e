package io.quarkiverse.eagle.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A command line that the documentation shows.
 *
 * @param page where
 * @param line as it stands there, without a comment behind it
 */
record ShownCommand(Path page, String line) {

    private static final String PROGRAM = "./eagle ";
    private static final Pattern WORD = Pattern.compile("\"([^\"]*)\"|'([^']*)'|(\\S+)");

    /** What is handed to the program; what another one is handed is left out. */
    List<String> arguments() {
        Matcher words = WORD.matcher(line.substring(PROGRAM.length()));
        List<String> arguments = new ArrayList<>();
        while (words.find() && !words.group().equals("|") && !words.group().equals(">")) {
            arguments.add(words.group(1) != null ? words.group(1) : words.group(2) != null ? words.group(2) : words.group(3));
        }
        return arguments;
    }

    /** Commands of a page's shell blocks, then those in its text that are in backquotes. */
    static List<ShownCommand> of(Path page) throws IOException {
        List<ShownCommand> shown = new ArrayList<>();
        String text = Files.readString(page).replace("\\\n", " ");
        Matcher blocks = Pattern.compile("(?s)```shell\n(.*?)```").matcher(text);
        while (blocks.find()) {
            blocks.group(1).lines().filter(line -> line.startsWith(PROGRAM))
                    .forEach(line -> shown.add(new ShownCommand(page, line.replaceFirst("\\s+#.*", ""))));
        }
        Matcher inline = Pattern.compile("(?s)(?<!`)`(\\./eagle [^`]*)`").matcher(blocks.replaceAll(""));
        while (inline.find()) {
            shown.add(new ShownCommand(page, inline.group(1).replace('\n', ' ')));
        }
        return shown;
    }

    /** The README and everything in docs, in order. */
    static List<Path> pages() throws IOException {
        List<Path> pages = new ArrayList<>(List.of(root().resolve("README.md")));
        try (Stream<Path> files = Files.walk(root().resolve("docs"))) {
            files.filter(file -> file.toString().endsWith(".md")).sorted().forEach(pages::add);
        }
        return pages;
    }

    static Path root() {
        Path root = Path.of("").toAbsolutePath();
        while (!Files.isDirectory(root.resolve("quarkus-extension"))) {
            root = root.getParent();
        }
        return root;
    }
}

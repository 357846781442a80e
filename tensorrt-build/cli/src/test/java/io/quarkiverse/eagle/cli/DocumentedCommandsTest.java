package io.quarkiverse.eagle.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import picocli.CommandLine;

/**
 * Every command line that the documentation shows is one that the commands understand, and those of the guides do something.
 */
class DocumentedCommandsTest {

    /** What guides show and cannot be run here: for checkpoints of the reader's, for a GPU, for a server. */
    private static final Pattern ELSEWHERE = Pattern.compile("hf:ORG/|eagle plan bundle |--triton ");
    private static final Pattern LINK = Pattern.compile("(?<!!)\\[[^\\]]*]\\(([^)\\s:]+)\\)");
    private static final Pattern HEADING = Pattern.compile("(?m)^#+ (.+)$");
    private static final Pattern ANCHOR = Pattern.compile("(?:id|name)=\"([^\"]+)\"");

    @TempDir
    Path folder;

    @Test
    void commandsInTheDocumentationAreUnderstood() throws IOException {
        List<ShownCommand> shown = new ArrayList<>();
        for (Path page : ShownCommand.pages()) {
            shown.addAll(ShownCommand.of(page));
        }
        assertThat(shown).hasSizeGreaterThan(15);
        assertThat(shown).allSatisfy(command -> assertThatCode(() -> parse(command)).doesNotThrowAnyException());
    }

    private static void parse(ShownCommand command) {
        CommandLine line = EagleCommand.commandLine(new EagleCommand(), Terminal.ofProcess());
        line.parseArgs(command.arguments().toArray(String[]::new));
    }

    /** In the guides' order, for some use what an earlier one has made. */
    @Test
    void commandsOfTheGuidesWork() throws IOException {
        int ran = 0;
        for (Path page : ShownCommand.pages()) {
            for (ShownCommand command : page.getParent().endsWith("guides") ? ShownCommand.of(page)
                    : List.<ShownCommand> of()) {
                if (!ELSEWHERE.matcher(command.line()).find()) {
                    CommandRun run = CommandRun.eagle(arguments(command));
                    assertThat(run.status()).as("%s in %s says %s%s", command.line(), page, run.out(), run.err()).isZero();
                    assertThat(run.out() + run.err()).as(command.line()).isNotBlank();
                    ran++;
                }
            }
        }
        assertThat(ran).isGreaterThan(7);
    }

    /** The folders that guides write to are elsewhere here, and benchmarks are short. */
    private String[] arguments(ShownCommand command) {
        List<String> arguments = new ArrayList<>();
        for (String shown : command.arguments()) {
            arguments
                    .add(shown.matches("my-bundle|report|repository") && !arguments.isEmpty() ? folder.resolve(shown).toString()
                            : shown.startsWith("triton-models/") ? ShownCommand.root().resolve(shown).toString() : shown);
        }
        if (arguments.get(0).equals("bench")) {
            arguments.addAll(List.of("--limit", "1", "--max-tokens", "4"));
        }
        return arguments.toArray(String[]::new);
    }

    @Test
    void linksInTheDocumentationLeadSomewhere() throws IOException {
        List<String> broken = new ArrayList<>();
        for (Path page : ShownCommand.pages()) {
            Matcher links = LINK.matcher(Files.readString(page));
            while (links.find()) {
                String[] parts = links.group(1).split("#", 2);
                Path target = parts[0].isEmpty() ? page : page.getParent().resolve(parts[0]).normalize();
                if (!Files.exists(target) || parts.length > 1 && !anchors(target).contains(parts[1])) {
                    broken.add(page + ": " + links.group(1));
                }
            }
        }
        assertThat(broken).isEmpty();
    }

    /** Headings, as GitHub names them in links, and what a page names itself. */
    private static List<String> anchors(Path page) throws IOException {
        String text = Files.readString(page);
        return Stream.concat(
                HEADING.matcher(text).results().map(heading -> heading.group(1).toLowerCase(Locale.ROOT)
                        .replaceAll("[^\\p{L}\\p{N} _-]", "").replace(' ', '-')),
                ANCHOR.matcher(text).results().map(anchor -> anchor.group(1))).toList();
    }
}

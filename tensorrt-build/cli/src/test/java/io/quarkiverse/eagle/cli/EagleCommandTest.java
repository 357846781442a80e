package io.quarkiverse.eagle.cli;

import static io.quarkiverse.eagle.cli.CommandRun.eagle;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class EagleCommandTest {

    @ParameterizedTest
    @ValueSource(strings = { "", "  " })
    void anEmptyPromptIsWrongUse(String prompt) {
        CommandRun run = CommandRun.eagle("chat", prompt);
        assertThat(run.status()).isEqualTo(2);
        assertThat(run.err()).contains("the prompt is empty").hasLineCount(1);
        assertThat(run.out()).isEmpty();
    }

    @ParameterizedTest(name = "eagle {0}")
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
            " | name a command",
            "fly | fly is not a command",
            "chat --wings | there is no option --wings",
            "chat --temperature warm hi | 'warm' is not a double",
            "chat --temperature -1 hi | temperature is -1.0",
            "chat --top-p 0 hi | top-p is 0.0",
            "chat --max-tokens 0 hi | max tokens is 0",
            "chat --drafter crystal-ball hi | choose eagle2, eagle, pld, lookahead, medusa, hydra, speculative, mixed or none",
            "chat --drafter speculative --acceptance maybe hi | \"maybe\" is not one of coupled, rejection",
            "chat --acceptance rejection hi | for drafter \"speculative\", whose draft model draws its tokens, but the drafter is the model's standard one",
            "chat --drafter pld --acceptance rejection hi | the drafter is \"pld\"; choose drafter \"speculative\"",
            "tree --drafter eagle2 --acceptance rejection hi | the drafter is \"eagle2\"",
            "bench --drafters eagle2,pld --acceptance rejection | the drafter is \"eagle2, pld\"",
            "chat --nodes 1000 hi | nodes is 1000",
            "chat --threads -1 hi | --threads is -1",
            "chat --raw --system terse hi | --system has no place in a raw prompt",
            "chat one two | \"two\" is one argument too many",
            "chat --ids-in somewhere.jsonl | add --json",
            "chat --json --ids-in nowhere.jsonl | nowhere.jsonl, which is not a file",
            "chat | standard input has no prompt",
            "tree | the prompt is missing",
            "tree --ids-in somewhere.jsonl | add --json",
            "tree --json --ids-in somewhere.jsonl --html x.html | leave out --html",
            "build --out x | --checkpoint",
            "build --checkpoint x --out y --precision int3 | \"int3\" is not one of int8, fp32, fp16, bf16",
            "build --checkpoint x --out y --for tensorrt --precision int8 | use fp16 or bf16",
            "build --checkpoint x --out y --precision fp8-fp16 | no fp8-fp16 attention; use int8 or fp32, which read quantised",
            "build --checkpoint x --out y --slots 0 | slots is 0",
            "build --checkpoint x --out y --draft-vocabulary 100 | add --head",
            "build --checkpoint x --out . | exists already",
            "serve --port 70000 | --port is 70000",
            "serve --drafter crystal-ball | choose eagle2",
            "serve --slots 0 | --slots is 0",
            "serve --threads -1 | --threads is -1",
            "serve --triton nowhere: | --triton",
            "serve me | \"me\" is one argument too many",
            "doctor --threads -1 | --threads is -1",
    })
    void saysInOneSentenceWhatIsWrongWithACall(String line, String sentence) {
        CommandRun run = eagle(line == null ? new String[0] : line.split(" "));
        assertThat(run.status()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).startsWith("eagle: ").contains(sentence).hasLineCount(1);
    }

    @Test
    void tellsItsVersionAndItsCommands() {
        assertThat(eagle("--version").out()).matches("eagle \\d+\\.\\d+\\S*\\R");
        CommandRun help = eagle("--help");
        assertThat(help.status()).isZero();
        assertThat(help.out()).contains("chat", "tree", "build", "serve", "doctor", "--verbose");
        assertThat(help.err()).isEmpty();
    }

    @Test
    void failsOnABundleThatIsNotThere(@TempDir Path folder) {
        CommandRun run = eagle("chat", "--json", "--model", folder.resolve("nothing").toString(), "hi");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains("is no engine bundle").hasLineCount(1);
    }

    @Test
    void showsTheStackTraceOfAFailureOnlyWhenAskedTo(@TempDir Path folder) throws IOException {
        Files.writeString(folder.resolve("bundle.json"), "{\"format_version\": ");
        CommandRun quiet = eagle("chat", "--model", folder.toString(), "hi");
        CommandRun verbose = eagle("chat", "--verbose", "--model", folder.toString(), "hi");
        assertThat(quiet.status()).isEqualTo(1);
        assertThat(quiet.err()).contains("is damaged").hasLineCount(1);
        assertThat(verbose.status()).isEqualTo(1);
        assertThat(verbose.err()).contains("is damaged").contains("\tat io.quarkiverse.eagle.bundle.Bundle.");
    }
}

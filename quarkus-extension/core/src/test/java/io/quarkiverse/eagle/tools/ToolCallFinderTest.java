package io.quarkiverse.eagle.tools;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import io.quarkiverse.eagle.Tool;
import io.quarkiverse.eagle.ToolCall;
import io.quarkiverse.eagle.ToolUse;

class ToolCallFinderTest {

    private static final ToolUse USE = ToolUse
            .offered(List.of(new Tool("clock", null, null), new Tool("add", null, "{\"type\": \"object\"}")));

    /** Columns: the answer, the text that is left of it, the calls. In pieces of every size it is the same. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', ignoreLeadingAndTrailingWhitespace = false, value = {
            "Plain text. |Plain text. |",
            "``|``|",
            "a <b> c <tool|a <b> c <tool|",
            "`<tool_call>\n{\"name\": \"clock\", \"arguments\": {}}\n</tool_call>`|``|clock{}",
            "`Let me see.\n<tool_call>{\"name\":\"add\",\"arguments\":{\"a\":1}}</tool_call>\n`|Let me see.|add{\"a\":1}",
            "`<tool_call>{\"name\":\"add\",\"arguments\":{\"a\":1}}</tool_call>\n<tool_call>{\"name\":\"clock\",\"arguments\":{}}</tool_call>`|``|add{\"a\":1} clock{}",
            "`[TOOL_CALLS] [{\"name\": \"add\", \"arguments\": {\"a\": \"] }\\\"\"}, \"id\": \"a1B2c3D4e\"}]`|``|add{\"a\":\"] }\\\"\"}",
            "`I look. [TOOL_CALLS][{\"name\":\"clock\",\"arguments\":{}},{\"name\":\"add\",\"arguments\":{\"a\":[1]}}]\n`|I look.|clock{} add{\"a\":[1]}",
            "`[TOOL_CALLS] [{\"name\": \"clock\", \"arguments\": {}}, {\"name\": \"other\", \"arguments\": {}}]`|`[TOOL_CALLS] [{\"name\": \"clock\", \"arguments\": {}}, {\"name\": \"other\", \"arguments\": {}}]`|",
            "`[TOOL_CALLS] [] and [TOOL_CALLS] [1`|`[TOOL_CALLS] [] and [TOOL_CALLS] [1`|",
            "`[TOOL_CALLS]clock{}`|`[TOOL_CALLS]clock{}`|",
            "`{\"name\": \"add\", \"parameters\": {\"a\": 1}}`|``|add{\"a\":1}",
            "` {\"name\": \"add\", \"arguments\": {\"a\": \"<tool_call>\"}}\n`|``|add{\"a\":\"<tool_call>\"}",
            "`{\"name\": \"other\", \"parameters\": {}}`|`{\"name\": \"other\", \"parameters\": {}}`|",
            "`{\"name\": \"add\"}`|`{\"name\": \"add\"}`|",
            "`{\"name\": \"add\", \"parameters\": {`|`{\"name\": \"add\", \"parameters\": {`|",
            "`<tool_call>{\"name\":\"add\",`|`<tool_call>{\"name\":\"add\",`|",
            "`x<tool_call>no json</tool_call>y`|`x<tool_call>no json</tool_call>y`|",
    })
    void callsAreTakenOutOfTheText(String answer, String text, String calls) {
        String whole = answer.replace("\\n", "\n");
        for (int size = 1; size <= Math.max(1, whole.length()); size++) {
            ToolCallFinder finder = new ToolCallFinder(USE);
            StringBuilder left = new StringBuilder();
            for (int i = 0; i < whole.length(); i += size) {
                left.append(finder.push(whole.substring(i, Math.min(whole.length(), i + size))));
            }
            left.append(finder.finish());
            assertThat(left).as("pieces of %s", size).hasToString(text.replace("\\n", "\n"));
            StringBuilder found = new StringBuilder();
            for (ToolCall call : finder.calls()) {
                found.append(found.isEmpty() ? "" : " ").append(call.name()).append(call.arguments());
            }
            assertThat(found).as("pieces of %s", size).hasToString(calls == null ? "" : calls);
        }
    }
}

package io.quarkiverse.eagle.tools;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import io.quarkiverse.eagle.ChatMessage;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.ResponseFormat;
import io.quarkiverse.eagle.Tool;
import io.quarkiverse.eagle.ToolCall;
import io.quarkiverse.eagle.ToolUse;
import io.quarkiverse.eagle.text.ChatTemplate;

class ToolFormTest {

    private static final Tool CLOCK = new Tool("clock", "Tells the time.", null);
    private static final Tool TREE = new Tool("tree", null, "{\"type\": \"object\", \"properties\": {\"root\": {\"$ref\":"
            + " \"#/$defs/node\"}}, \"$defs\": {\"node\": {\"type\": \"object\", \"properties\": {\"next\": {\"$ref\":"
            + " \"#/$defs/node\"}}}}}");

    @ParameterizedTest
    @CsvSource({ "qwen25.jinja, TAGGED", "llama31-tools.jinja, BARE", "smollm2.jinja, TOLD", "llama2.jinja, TOLD",
            "mistral-v3.jinja, LISTED", "mistral-nemo.jinja, LISTED_TIGHT" })
    void aTemplateShowsItsForm(String template, ToolForm form) throws IOException {
        assertThat(ToolForm.of(Files.readString(Path.of("src/test/resources/templates", template)))).isEqualTo(form);
        assertThat(ToolForm.of(null)).isEqualTo(ToolForm.TOLD);
        assertThat(ToolForm.of("{{ tools }}[TOOL_CALLS]{{ name }}[ARGS]{{ arguments }}")).as("no list")
                .isEqualTo(ToolForm.BARE);
    }

    @Test
    void aRequiredCallIsOneOfTheToolsInTheModelsForm() {
        ResponseFormat.Enclosed tagged = (ResponseFormat.Enclosed) ToolForm.TAGGED
                .required(ToolUse.required(List.of(CLOCK, TREE)));
        assertThat(tagged.before()).isEqualTo("<tool_call>\n");
        assertThat(tagged.after()).isEqualTo("\n</tool_call>");
        ResponseFormat.Enclosed listed = (ResponseFormat.Enclosed) ToolForm.LISTED.required(ToolUse.required(List.of(CLOCK)));
        assertThat(listed.before() + "…" + listed.after()).isEqualTo("[TOOL_CALLS] […]");
        ResponseFormat.Enclosed tight = (ResponseFormat.Enclosed) ToolForm.LISTED_TIGHT
                .required(ToolUse.required(List.of(CLOCK)));
        assertThat(tight.before() + "…" + tight.after()).isEqualTo("[TOOL_CALLS][…]");
        assertThat(tight.document()).isEqualTo(listed.document());
        String calls = ((ResponseFormat.JsonSchema) tagged.document()).schema();
        assertThat(calls).contains("{\"const\":\"clock\"}", "{\"const\":\"tree\"}", "\"arguments\"",
                "\"$ref\":\"#/anyOf/1/properties/arguments/$defs/node\"");
        String one = ((ResponseFormat.JsonSchema) ToolForm.BARE.required(ToolUse.named(List.of(CLOCK, TREE), "tree"))).schema();
        assertThat(one).doesNotContain("clock").contains("\"parameters\"",
                "\"$ref\":\"#/anyOf/0/properties/parameters/$defs/node\"");
    }

    @Test
    void aModelWhoseTemplateKnowsNoToolsIsTold() {
        List<ChatMessage> chat = List.of(ChatMessage.user("Time?"),
                ChatMessage.assistant("", List.of(new ToolCall("clock", "{}"), new ToolCall("clock", "{}"))),
                ChatMessage.tool("noon"), ChatMessage.tool("one"));
        List<ChatMessage> told = ToolForm.TOLD.messages(chat, ToolUse.offered(List.of(CLOCK)));
        assertThat(told).extracting(ChatMessage::role).containsExactly("system", "user", "assistant", "user");
        assertThat(told.get(0).content()).contains("<tools>",
                "{\"name\":\"clock\",\"description\":\"Tells the time.\",\"parameters\":");
        String call = "<tool_call>\n{\"name\":\"clock\",\"arguments\":{}}\n</tool_call>";
        assertThat(told.get(2)).isEqualTo(ChatMessage.assistant(call + "\n" + call));
        assertThat(told.get(3)).isEqualTo(ChatMessage.user(
                "<tool_response>\nnoon\n</tool_response>\n<tool_response>\none\n</tool_response>"));
        List<ChatMessage> system = ToolForm.TOLD.messages(List.of(ChatMessage.system("Be brief."), ChatMessage.user("Time?")),
                ToolUse.offered(List.of(CLOCK)));
        assertThat(system).hasSize(2);
        assertThat(system.get(0).content()).startsWith("Be brief.\n\nYou can call");
        assertThat(ToolForm.TAGGED.messages(chat, ToolUse.offered(List.of(CLOCK)))).isSameAs(chat);
    }

    @Test
    void callsAndResultsGetTheIdsThatMistralsTemplatesWant() throws IOException {
        List<ChatMessage> chat = List.of(ChatMessage.user("Time?"),
                ChatMessage.assistant("", List.of(new ToolCall("clock", "{}", "call_1f"), new ToolCall("clock", "{}"),
                        new ToolCall("clock", "{}", "a1B2c3D4e"))),
                ChatMessage.tool("3", "a1B2c3D4e"), ChatMessage.tool("1", "call_1f"), ChatMessage.tool("2"),
                ChatMessage.assistant("Noon."));
        List<ChatMessage> given = ToolForm.LISTED.messages(chat, null);
        assertThat(given).extracting(ChatMessage::content).isEqualTo(chat.stream().map(ChatMessage::content).toList());
        List<String> ids = given.get(1).toolCalls().stream().map(ToolCall::id).toList();
        assertThat(ids).allMatch(id -> id.matches("[A-Za-z0-9]{9}")).doesNotHaveDuplicates().contains("a1B2c3D4e");
        assertThat(given.subList(2, 5)).extracting(ChatMessage::toolCallId).containsExactly(ids.get(2), ids.get(0), ids.get(1));
        assertThat(ToolForm.LISTED.messages(chat, null)).as("the same chat, the same prompt").isEqualTo(given);
        for (String template : List.of("mistral-v3.jinja", "mistral-nemo.jinja")) {
            ChatTemplate mistral = ChatTemplate.load(Path.of("src/test/resources/templates", template), "<s>", "</s>");
            assertThatThrownBy(() -> mistral.render(chat, true)).hasMessageContaining("must have 9 letters or digits");
            assertThat(mistral.render(given, true)).contains("\"id\": \"" + ids.get(0), "\"call_id\": \"" + ids.get(0));
        }
    }

    @Test
    void whatIsNoToolIsRefused() {
        assertThatThrownBy(() -> new Tool("a b", null, null)).isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("a b");
        assertThatThrownBy(() -> ToolUse.offered(List.of(CLOCK, CLOCK))).hasMessageContaining("two tools \"clock\"");
        assertThatThrownBy(() -> ToolUse.named(List.of(CLOCK), "tree")).hasMessageContaining("tree");
        assertThatThrownBy(() -> ToolForm.TAGGED.required(ToolUse.required(List.of(new Tool("x", null, "[]")))))
                .isInstanceOf(InvalidRequestException.class).hasMessageContaining("not a JSON object");
    }
}

package io.quarkiverse.eagle.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.hubspot.jinjava.interpret.Context;

import io.quarkiverse.eagle.ChatMessage;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.Tool;

class ChatTemplateTest {

    private static final List<ChatMessage> HI = List.of(ChatMessage.user("Hi"));

    /** A rendering by Jinja2 itself, with Hugging Face's settings. */
    record Rendering(String template, List<ChatMessage> messages, boolean addGenerationPrompt, String expected) {
    }

    static Stream<Rendering> renderings() throws IOException {
        return new ObjectMapper().readValue(ChatTemplateTest.class.getResource("/templates/renderings.json"),
                new TypeReference<List<Rendering>>() {
                }).stream();
    }

    @ParameterizedTest
    @MethodSource("renderings")
    void rendersWhatJinja2Renders(Rendering rendering) {
        assertThat(template(rendering.template).render(rendering.messages, rendering.addGenerationPrompt))
                .isEqualTo(rendering.expected);
    }

    /** A rendering with tools and their calls, by Jinja2 too. */
    record ToolRendering(String template, List<ChatMessage> messages, List<Tool> tools, String expected) {
    }

    static Stream<ToolRendering> toolRenderings() throws IOException {
        return new ObjectMapper().readValue(ChatTemplateTest.class.getResource("/templates/tool-renderings.json"),
                new TypeReference<List<ToolRendering>>() {
                }).stream();
    }

    @ParameterizedTest
    @MethodSource("toolRenderings")
    void showsToolsAsJinja2Does(ToolRendering rendering) {
        assertThat(template(rendering.template).render(rendering.messages, true, rendering.tools))
                .isEqualTo(rendering.expected);
    }

    @Test
    void addsSmolLm2sDefaultSystemMessage() {
        assertThat(template("smollm2.jinja").render(HI, true)).isEqualTo("<|im_start|>system\n"
                + "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
                + "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', ignoreLeadingAndTrailingWhitespace = false, value = {
            "`a {% if true %} b {% endif %} c`|`a  b  c`",
            "`{{ 'a' }} {% if true %} {% endif %}b`|`a  b`",
            "`x\n  {%- if true -%} \n y {%- endif +%}\nz`|`xy\nz`",
            "`  {%+ if true %}\nx{% endif %}`|`  x`",
            "`a\n  {# note #}\nb {#- note -#} c`|`a\nbc`",
            "`{{ 'a\\nb\\t\\x41\\u00e9' + \"'\" ~ '\"' }}`|`a\nb\tAé'\"`",
            "`{{ '}} %} {{' }}{{ {'a': {'b': 'c'}}['a']['b'] }}`|`}} %} {{c`",
            "`{{ ' x '.strip() ~ 'xay'.lstrip('x').rstrip('y') ~ 'Ab'.upper() ~ 'Ab'.lower() }}`|`xaABab`",
            "`{{ 'a.b.c'.split('.')[-1] ~ 'a.b'.replace('.', '-') ~ 'abc'[1:] ~ 'abc'[0] }}`|`ca-bbca`",
            "`{% if 'ab'.startswith('a') and 'ab'.endswith('b') and not 'x' in 'ab' %}{{ 'not a in b' }}{% endif %}`|`not a in b`",
            "`{% for m in [1, 2][::-1] %}{{ loop.index }}{{ m }}{{ loop.revindex }}{% if not loop.last %},{% endif %}{% endfor %}`|`122,211`",
            "`{% for m in [1, 2, 3] if m != 2 %}{{ m }}{% if not loop.last %},{% endif %}{{ loop.length }}{% endfor %}`|`1,232`",
            "`{% for m in ['', 'x'] if m %}{% for k, v in {'a': 'if', 'b': m}.items() if v != 'if' %}{{ k }}{{ v }}{% endfor %}{% endfor %}`|`bx`",
            "`{% set x = 1 %}{% for m in [1] %}{% set x = 2 %}{% endfor %}{{ x }}`|`1`",
            "`{% macro f(x, y='!') %}<{{ x }}{{ y }}>{% endmacro %}{{ f('{{ 1 }}') }}`|`<{{ 1 }}!>`",
            "`{{ {'a': ['b', {}]} | tojson }}{{ messages[0].get('name', 'none') }}`|`{\"a\": [\"b\", {}]}none`",
            "`{% generation %}a{% endgeneration %}{{ absent }}{{ absent or 'b' }}`|`ab`" })
    void bridgesWhatJinjavaDoesOtherwise(String template, String expected) {
        assertThat(ChatTemplate.of(template, "<s>", "</s>").render(HI, true)).isEqualTo(expected);
    }

    @Test
    void takesContentAsAValueAndNeverAsTemplateSource() {
        String hostile = "{{ 7 * 7 }}{% for m in messages %}x{% endfor %}{# gone? #} \\n '\" {{ messages[0].getClass() }}";
        String rendered = ChatTemplate.of("{% for m in messages %}{% set c = m.content %}[{{ c }}{{ '' + c }}]{% endfor %}",
                null, null).render(List.of(ChatMessage.user(hostile), ChatMessage.assistant("b")), false);
        assertThat(rendered).isEqualTo("[" + hostile + hostile + "][bb]");
    }

    @ParameterizedTest
    @ValueSource(strings = { "{{ messages.getClass() }}", "{{ messages[0].content.getBytes() }}", "{{ ''.class.name }}x",
            "{{ messages.add('x') }}", "{{ messages[0].clear() }}", "{% include 'a' %}", "{% import 'a' as b %}" })
    void reachesNoJavaAndNoOtherTemplate(String template) {
        String rendered;
        try {
            rendered = ChatTemplate.of(template, null, null).render(HI, true);
        } catch (ChatTemplateException refused) {
            return;
        }
        assertThat(rendered).isEqualTo("x");
    }

    @ParameterizedTest
    @CsvSource(delimiterString = "=>", quoteCharacter = '`', value = {
            "{% filter upper %}a{% endfilter %} => {% filter upper %}",
            "{% for m if m.role %}{% endfor %} => {% for m if", "{{ 'a'.zfill(3) }} => .zfill()",
            "{{ frobnicate('a') }} => frobnicate", "{{ 'a' | frobnicate }} => frobnicate", "{% if true %}a => endif",
            "{{ 'a' is frobnicated }} => frobnicated", "{{ 'a' * 3 }} => `'a'`", "a {{ b => {{ b",
            "{{ 1 | tojson(sort_keys=true) }} => tojson" })
    void namesTheConstructThatItCannotRender(String template, String named) {
        assertThatThrownBy(() -> ChatTemplate.of(template, null, null).render(HI, true))
                .isInstanceOf(ChatTemplateException.class).hasMessageContaining(named);
    }

    @Test
    void acceptsOnlyFiltersAndTestsThatJinjavaHas() {
        Context library = TemplateRuntime.jinjava().getGlobalContext();
        assertThat(TemplateSource.FILTERS).allMatch(name -> library.getFilter(name) != null);
        assertThat(TemplateSource.TESTS).allMatch(name -> library.getExpTest(name.toLowerCase(Locale.ROOT)) != null);
    }

    @Test
    void passesOnTheTemplatesOwnRefusal() {
        List<ChatMessage> twice = List.of(ChatMessage.user("a"), ChatMessage.user("b"));
        assertThatThrownBy(() -> template("llama2.jinja").render(twice, true)).isInstanceOf(InvalidRequestException.class)
                .hasMessage("the chat template refuses these messages: "
                        + "Roles must alternate user/assistant/user/assistant/...");
    }

    @Test
    void formatsTheDateOfTheDay() {
        assertThat(ChatTemplate.of("{{ strftime_now('%d %b %Y') }}", null, null).render(HI, true))
                .matches("\\d\\d [A-Z][a-z]{2} 20\\d\\d");
    }

    @Test
    void refusesATemplateWhoseSpecialTokenTheModelDoesNotDefine() {
        assertThatThrownBy(() -> ChatTemplate.of("{{ bos_token + 'a' }}", null, "</s>"))
                .isInstanceOf(ChatTemplateException.class).hasMessageContaining("bos_token");
        assertThat(ChatTemplate.of("{% if eos_token is defined %}a{% else %}b{% endif %}", "<s>", null).render(HI, true))
                .isEqualTo("b");
    }

    @Test
    void sendsChatsOfAModelWithoutTemplateToRawText(@TempDir Path bundle) {
        ChatTemplate none = ChatTemplate.load(bundle.resolve("chat_template.jinja"), "<s>", "</s>");
        assertThat(none.exists()).isFalse();
        assertThatThrownBy(() -> none.render(HI, true)).isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("raw text");
    }

    private static ChatTemplate template(String name) {
        return ChatTemplate.load(Path.of("src/test/resources/templates", name), "<s>", "</s>");
    }
}

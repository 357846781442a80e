package io.quarkiverse.eagle.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.ResponseFormat;

class SchemaGrammarTest {

    @ParameterizedTest(name = "{1} of {0}: {2}")
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
            "{} | 5 | true",
            "true | [1,{}] | true",
            "{\"type\":\"integer\"} | -0 | true",
            "{\"type\":\"integer\"} | 007 | false",
            "{\"type\":\"integer\"} | 1.0 | false",
            "{\"type\":\"integer\"} | 999999999999999999 | true",
            "{\"type\":\"integer\"} | 1000000000000000000 | false",
            "{\"type\":\"integer\",\"minimum\":3,\"maximum\":12} | 2 | false",
            "{\"type\":\"integer\",\"minimum\":3,\"maximum\":12} | 3 | true",
            "{\"type\":\"integer\",\"minimum\":3,\"maximum\":12} | 12 | true",
            "{\"type\":\"integer\",\"minimum\":3,\"maximum\":12} | 13 | false",
            "{\"type\":\"integer\",\"minimum\":-20,\"exclusiveMaximum\":-7} | -7 | false",
            "{\"type\":\"integer\",\"minimum\":-20,\"exclusiveMaximum\":-7} | -8 | true",
            "{\"type\":\"integer\",\"minimum\":-20,\"exclusiveMaximum\":-7} | -20 | true",
            "{\"type\":\"integer\",\"minimum\":2.5} | 2 | false",
            "{\"type\":\"number\",\"minimum\":0,\"maximum\":1} | 0.25 | true",
            "{\"type\":\"number\",\"minimum\":0,\"maximum\":1} | 1.0 | true",
            "{\"type\":\"number\",\"minimum\":0,\"maximum\":1} | 1.01 | false",
            "{\"type\":\"number\",\"minimum\":0,\"maximum\":1} | -0.1 | false",
            "{\"type\":\"number\",\"exclusiveMinimum\":0.25,\"maximum\":17.5} | 0.25 | false",
            "{\"type\":\"number\",\"exclusiveMinimum\":0.25,\"maximum\":17.5} | 0.2500 | false",
            "{\"type\":\"number\",\"exclusiveMinimum\":0.25,\"maximum\":17.5} | 0.2501 | true",
            "{\"type\":\"number\",\"exclusiveMinimum\":0.25,\"maximum\":17.5} | 17.50 | true",
            "{\"type\":\"number\",\"exclusiveMinimum\":0.25,\"maximum\":17.5} | 17.51 | false",
            "{\"type\":\"number\",\"exclusiveMaximum\":-1.5} | -1.5 | false",
            "{\"type\":\"number\",\"exclusiveMaximum\":-1.5} | -1.51 | true",
            "{\"type\":\"string\",\"maxLength\":2} | \"\\u00e9\\uD83D\\uDE00\" | true",
            "{\"type\":\"string\",\"maxLength\":2} | \"abc\" | false",
            "{\"type\":\"string\",\"minLength\":1} | \"\" | false",
            "{\"type\":\"string\"} | \"\\uD83D\" | false",
            "{\"type\":\"string\"} | \"\\uDE00\" | false",
            "{\"type\":\"string\"} | \"\\x\" | false",
            "{\"type\":[\"string\",\"null\"],\"maxLength\":1} | null | true",
            "{\"enum\":[\"a\",\"ab\",3,{\"k\":[1]}]} | {\"k\":[1]} | true",
            "{\"enum\":[\"a\",\"ab\",3,{\"k\":[1]}]} | \"a | false",
            "{\"enum\":[\"a\",\"ab\"]} | \"ab\" | true",
            "{\"enum\":[\"a\",5],\"type\":\"string\"} | 5 | false",
            "{\"const\":1.50} | 1.50 | true",
            "{\"items\":{\"type\":\"null\"},\"maxItems\":0} | [] | true",
            "{\"items\":{\"type\":\"null\"},\"maxItems\":0} | [null] | false",
            "{\"properties\":{\"a\":{},\"b\":{}},\"required\":[\"b\"]} | {\"b\":1} | true",
            "{\"properties\":{\"a\":{},\"b\":{}},\"required\":[\"b\"]} | {\"a\":1} | false",
            "{\"properties\":{\"a\":{},\"b\":{}}} | {} | true",
            "{\"properties\":{\"a\":{},\"b\":{}}} | {\"a\":1,} | false",
            "{\"properties\":{\"a\":{}},\"required\":[\"z\"]} | {\"z\":[]} | true",
            "{\"type\":\"object\",\"additionalProperties\":false} | {} | true",
            "{\"type\":\"object\",\"additionalProperties\":false} | {\"a\":1} | false",
            "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"null\"}} | {\"a\":null, \"b\":null} | true",
            "{\"allOf\":[{\"type\":\"null\"}]} | null | true",
            "{\"type\":\"string\",\"format\":\"date\"} | \"2026-12-31\" | true",
            "{\"type\":\"string\",\"format\":\"date\"} | \"2026-11-31\" | false",
            "{\"type\":\"string\",\"format\":\"date-time\"} | \"2026-02-28T23:59:59.5+01:00\" | true",
            "{\"type\":\"string\",\"format\":\"uuid\"} | \"123e4567-e89b-12d3-a456-426614174000\" | true",
            "{\"type\":\"string\",\"pattern\":\"^a.c$\"} | \"a\\\"c\" | true",
            "{\"type\":\"string\",\"pattern\":\"b\"} | \"abc\" | true",
            "{\"type\":\"string\",\"pattern\":\"^b\"} | \"abc\" | false",
            "{\"$ref\":\"#/definitions/a~1b\",\"definitions\":{\"a/b\":{\"type\":\"null\"}}} | null | true",
    })
    void keepsTheSchema(String schema, String document, boolean accepted) {
        assertThat(Texts.accepts(Texts.start(schema), document)).isEqualTo(accepted);
    }

    @ParameterizedTest(name = "{0}: {1}")
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
            "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"uniqueItems\":true}}} | #/properties/a has uniqueItems",
            "{\"properties\":{},\"patternProperties\":{}} | patternProperties",
            "{\"not\":{}} | has not",
            "{\"if\":{}} | has if",
            "{\"type\":\"number\",\"multipleOf\":2} | multipleOf",
            "{\"type\":\"string\",\"pattern\":\"(?=a)\"} | (?=",
            "{\"type\":\"string\",\"pattern\":\"\\\\bx\"} | \\b",
            "{\"type\":\"string\",\"pattern\":\"a**\"} | '*'",
            "{\"type\":\"string\",\"pattern\":\"(a\"} | no )",
            "{\"type\":\"string\",\"pattern\":\"a{2,1}\"} | at least 2",
            "{\"type\":\"string\",\"pattern\":\"a{9999}\"} | 9999",
            "{\"type\":\"string\",\"pattern\":\"a\",\"maxLength\":3} | maxLength beside pattern",
            "{\"type\":\"string\",\"format\":\"hostname\"} | format hostname",
            "{\"type\":\"string\",\"minimum\":2} | minimum",
            "{\"type\":\"text\"} | type \"text\"",
            "{\"anyOf\":[{}],\"properties\":{}} | properties beside anyOf",
            "{\"allOf\":[{},{}]} | allOf",
            "{\"$ref\":\"https://example.com/schema\"} | https://example.com/schema",
            "{\"$ref\":\"#/$defs/gone\"} | #/$defs/gone",
            "{\"properties\":{\"a\":false}} | #/properties/a is false",
            "{\"required\":[\"a\"],\"additionalProperties\":false} | \"a\"",
            "{\"enum\":[]} | #/enum",
            "{\"enum\":[1],\"type\":\"string\"} | no value of its type",
            "{\"type\":\"string\",\"maxLength\":1000000} | maxLength 1000000",
            "{\"type\":\"string\",\"minLength\":3,\"maxLength\":2} | maxLength 2 below minLength",
            "{\"type\":\"integer\",\"minimum\":3,\"maximum\":2} | no number",
            "{\"type\":\"number\",\"exclusiveMinimum\":2,\"maximum\":2} | no number",
            "{\"$ref\":\"#\"} | leads back to itself",
            "{\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]} | never end",
            "{\"type\": | not JSON",
            "5 | a schema is an object",
    })
    void refusesWhatItCannotKeepByNameAndPlace(String schema, String named) {
        assertThatThrownBy(() -> TokenGrammars.automaton(ResponseFormat.jsonSchema(schema)))
                .isInstanceOf(InvalidRequestException.class).hasMessageContaining(named);
    }

    /** Strings that a pattern finds nothing in are not accepted, and some that it finds something in are. */
    @ParameterizedTest
    @ValueSource(strings = { "^[a-c]+$", "a|^b$|c{2,3}", "^(?:ab?|[^a-y])*$", "^\\\\d{2}-\\\\w\\\\s?$", "^[é-\uD83D\uDE00]$",
            "^\\\\S+\\\\.x$",
            "^[\\\\u4e00-\\\\u9fff]{1,2}|\\\\n$", "^[-a]$" })
    void aPatternIsFound(String pattern) {
        GrammarState start = Texts.start("{\"type\":\"string\",\"pattern\":\"" + pattern + "\"}");
        Pattern regex = Pattern.compile(pattern.replace("\\\\", "\\"));
        Random random = new Random(pattern.hashCode());
        String[] pieces = { "a", "b", "c", "ab", "z", "0", "12", "-", "_", " ", ".x", "é", "世", "\uD83D\uDE00", "\\n", "\\\"",
                "\\\\" };
        int found = 0;
        for (int i = 0; i < 20_000; i++) {
            StringBuilder text = new StringBuilder();
            for (int j = random.nextInt(6); j > 0; j--) {
                text.append(pieces[random.nextInt(pieces.length)]);
            }
            String value = text.toString().replace("\\\\", "\u0001").replace("\\n", "\n").replace("\\\"", "\"")
                    .replace("\u0001", "\\");
            boolean accepted = Texts.accepts(start, "\"" + text + "\"");
            boolean matches = regex.matcher(value).find();
            if (value.contains("\n")) { // control characters are in no negated set, and Java's $ also stands before a last line feed
                assertThat(matches || !accepted).as(value).isTrue();
            } else {
                assertThat(accepted).as(value).isEqualTo(matches);
            }
            found += accepted ? 1 : 0;
        }
        assertThat(found).isPositive();
    }

    @Test
    void spaceIsBounded() {
        GrammarState start = Texts.start(ResponseFormat.json());
        assertThat(Texts.accepts(start, "{\n\"a\": [ 1, 2 ],\n\"b\": \"  \" }")).isTrue();
        for (String spaced : new String[] { " {}", "{\"a\":  1}", "{\"a\" :1}", "{\"a\":1,  \"b\":2}", "{}\n", "{\t}" }) {
            assertThat(Texts.accepts(start, spaced)).as(spaced).isFalse();
        }
    }

    @Test
    void jsonIsAnObjectThatDoesNotNestForEver() {
        GrammarState start = Texts.start(ResponseFormat.json());
        assertThat(Texts.accepts(start, "[]")).isFalse();
        assertThat(Texts.accepts(start, "{\"a\":{\"b\":[{},[],\"\",0,true,null]}}")).isTrue();
        assertThat(Texts.accepts(start, "{\"a\":" + "[".repeat(15) + "]".repeat(15) + "}")).isTrue();
        assertThat(Texts.after(start, "{\"a\":" + "[".repeat(16))).isNull();
    }

    @Test
    void anEnclosedDocumentStandsBetweenItsTexts() {
        GrammarState start = Texts.start(new ResponseFormat.Enclosed("<call>\n", ResponseFormat.json(), "\n</call>"));
        assertThat(Texts.accepts(start, "<call>\n{\"a\":1}\n</call>")).isTrue();
        assertThat(Texts.accepts(start, "{\"a\":1}")).isFalse();
        assertThat(Texts.accepts(start, "<call>\n{\"a\":1}")).isFalse();
    }

    /** Optional properties, long enumerations and large counts cost what they are long, not powers of it. */
    @Test
    void largeSchemasStaySmall() {
        String properties = IntStream.range(0, 300).mapToObj(i -> "\"p" + i + "\":{\"type\":\"string\",\"maxLength\":100}")
                .collect(Collectors.joining(","));
        GrammarState optional = Texts.start("{\"properties\":{" + properties + "}}");
        assertThat(Texts.accepts(optional, "{\"p7\":\"x\",\"p250\":\"y\"}")).isTrue();
        assertThat(Texts.accepts(optional, "{\"p250\":\"y\",\"p7\":\"x\"}")).isFalse();
        String values = IntStream.range(0, 5000).mapToObj(i -> "\"value " + i + "\"").collect(Collectors.joining(","));
        assertThat(Texts.accepts(Texts.start("{\"enum\":[" + values + "]}"), "\"value 4711\"")).isTrue();
        String nested = "{\"items\":".repeat(400) + "{}" + "}".repeat(400);
        assertThatThrownBy(() -> Texts.start(nested)).isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("300 schemas");
        String growing = IntStream.range(0, 500).mapToObj(i -> "\"" + "a".repeat(i) + "\"").collect(Collectors.joining(","));
        assertThat(Texts.accepts(Texts.start("{\"enum\":[" + growing + "]}"), "\"" + "a".repeat(400) + "\"")).isTrue();
        GrammarState counted = Texts.start("{\"type\":\"array\",\"maxItems\":10000,\"items\":{\"type\":\"integer\"}}");
        assertThat(Texts.accepts(counted, "[" + "1,".repeat(9_999) + "1]")).isTrue();
        assertThat(Texts.accepts(counted, "[" + "1,".repeat(10_000) + "1]")).isFalse();
    }

    /** The number of ways doubles with every level. */
    @Test
    void anAmbiguousSchemaStopsInsteadOfGrowing() {
        String list = "{\"properties\":{\"next\":{\"$ref\":\"#\"}}}";
        GrammarState start = Texts.start("{\"anyOf\":[" + list + "," + list + "]}");
        assertThat(Texts.accepts(start, "{\"next\":".repeat(5) + "{}" + "}".repeat(5))).isTrue();
        assertThat(Texts.after(start, "{\"next\":".repeat(15))).isNull();
    }

    @Test
    void statesAreForgottenBeforeTheyFillTheMemoryAndFoundAgain() {
        GrammarState start = Texts.start("{\"type\":\"string\",\"maxLength\":10000}");
        GrammarState held = Texts.after(start, "\"abc");
        assertThat(Texts.accepts(start, "\"" + "x".repeat(10_000) + "\"")).isTrue();
        assertThat(Texts.accepts(held, "d\"")).isTrue();
        assertThat(Texts.accepts(held, "x".repeat(9_998) + "\"")).isFalse();
    }
}

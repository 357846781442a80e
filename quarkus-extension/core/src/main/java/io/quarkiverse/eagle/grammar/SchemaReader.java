package io.quarkiverse.eagle.grammar;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;

import io.quarkiverse.eagle.InvalidRequestException;

/**
 * From a JSON Schema to rules. What is accepted satisfies the schema; where a schema leaves more open than a model needs (other
 * properties, another order of properties, several spellings of a number) one way is chosen. A keyword that cannot be kept is
 * refused by name and place.
 */
final class SchemaReader {

    /** The most that a count may ask for. */
    private static final int MOST_COUNT = 10_000;

    /** Schemas within schemas. */
    private static final int DEEPEST = 300;

    private static final Set<String> ANNOTATIONS = Set.of("title", "description", "default", "examples", "deprecated",
            "readOnly", "writeOnly", "$schema", "$id", "$comment", "$defs", "definitions", "discriminator");

    private static final Map<String, Set<String>> KEYWORDS = Map.of(
            "object", Set.of("properties", "required", "additionalProperties"),
            "array", Set.of("items", "minItems", "maxItems"),
            "string", Set.of("minLength", "maxLength", "pattern", "format"),
            "integer", Set.of("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
            "number", Set.of("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
            "boolean", Set.of(),
            "null", Set.of());

    private static final String DATE = "[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
            + "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))";
    private static final String TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?"
            + "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";

    /** Patterns of formats. Leap days are left out, for they depend on the year. */
    private static final Map<String, String> FORMATS = Map.of(
            "date", "^" + DATE + "$",
            "time", "^" + TIME + "$",
            "date-time", "^" + DATE + "T" + TIME + "$",
            "uuid", "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$");

    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .nodeFactory(JsonNodeFactory.withExactBigDecimals(true))
            .build();

    private final Automaton.Builder rules;
    private final JsonForms json;
    private final JsonNode document;
    /** Rules of the schemas that a {@code $ref} leads to, by its JSON pointer. */
    private final Map<String, Form> references = new HashMap<>();
    private int depth;

    private SchemaReader(Automaton.Builder rules, JsonForms json, JsonNode document) {
        this.rules = rules;
        this.json = json;
        this.document = document;
    }

    /** @throws InvalidRequestException the schema is no JSON, is wrong, or asks for what cannot be kept */
    static Form read(String schema, Automaton.Builder rules, JsonForms json) {
        JsonNode document;
        try {
            document = JSON.readTree(schema);
        } catch (JsonProcessingException e) {
            throw new InvalidRequestException("the schema is not JSON: " + e.getOriginalMessage());
        }
        return new SchemaReader(rules, json, document).reference("", "#");
    }

    /** The rule of the schema at a JSON pointer, which may be in the middle of being read. */
    private Form reference(String pointer, String path) {
        Form known = references.get(pointer);
        if (known == null) {
            JsonNode target = document.at(pointer);
            if (target.isMissingNode()) {
                throw wrong(path, "leads to " + "#" + pointer + ", which the schema does not have");
            }
            int rule = rules.declare();
            known = new Form.Call(rule);
            references.put(pointer, known);
            rules.define(rule, read(target, "#" + pointer));
        }
        return known;
    }

    /** @param path where the schema stands, for messages */
    private Form read(JsonNode schema, String path) {
        if (++depth > DEEPEST) {
            throw wrong(path, "lies more than " + DEEPEST + " schemas and references deep; make it flatter");
        }
        try {
            return described(schema, path);
        } finally {
            depth--;
        }
    }

    private Form described(JsonNode schema, String path) {
        if (schema.isBoolean()) {
            if (!schema.booleanValue()) {
                throw wrong(path, "is false, which nothing satisfies; leave the property out");
            }
            return json.any();
        }
        if (!schema.isObject()) {
            throw wrong(path, "is a JSON " + schema.getNodeType() + "; a schema is an object or true");
        }
        Set<String> keywords = new TreeSet<>();
        schema.fieldNames().forEachRemaining(keywords::add);
        keywords.removeAll(ANNOTATIONS);
        keywords.removeIf(keyword -> keyword.startsWith("x-"));
        for (String alone : List.of("$ref", "anyOf", "oneOf", "allOf", "const", "enum")) {
            if (keywords.remove(alone)) {
                return alone(alone, schema, keywords, path);
            }
        }
        return typed(schema, keywords, path);
    }

    /** The keywords that describe a value by themselves. */
    private Form alone(String keyword, JsonNode schema, Set<String> others, String path) {
        JsonNode value = schema.get(keyword);
        boolean literal = keyword.equals("const") || keyword.equals("enum");
        if (literal) {
            others.remove("type");
        }
        if (!others.isEmpty()) {
            throw wrong(path, "has " + others.iterator().next() + " beside " + keyword
                    + ", which is not supported; move it into the schema that " + keyword + " holds, or leave it out");
        }
        return switch (keyword) {
            case "$ref" -> followed(value, path);
            case "const" -> literals(List.of(value), types(schema, path), path);
            case "enum" -> literals(elements(value, path + "/enum"), types(schema, path), path);
            default -> alternatives(keyword, value, path + "/" + keyword);
        };
    }

    private Form followed(JsonNode reference, String path) {
        String target = reference.asText();
        if (!target.equals("#") && !target.startsWith("#/")) {
            throw wrong(path,
                    "has $ref " + reference + "; only references inside the schema are followed, such as #/$defs/Name");
        }
        return reference(target.substring(1), path + "/$ref");
    }

    private Form alternatives(String keyword, JsonNode schemas, String path) {
        List<JsonNode> list = elements(schemas, path);
        if (keyword.equals("allOf") && list.size() > 1) {
            throw wrong(path, "has " + list.size() + " schemas; allOf is supported with one only, merge them");
        }
        List<Form> alternatives = new ArrayList<>();
        for (int i = 0; i < list.size(); i++) {
            alternatives.add(shared(list.get(i), path + "/" + i));
        }
        return Form.choice(alternatives);
    }

    private Form literals(List<JsonNode> values, List<String> types, String path) {
        Set<String> literals = new TreeSet<>();
        for (JsonNode value : values) {
            if (types.isEmpty() || types.contains(type(value)) || types.contains("number") && value.isNumber()) {
                literals.add(written(value));
            }
        }
        if (literals.isEmpty()) {
            throw wrong(path, "has no value of its type " + types + "; make them agree");
        }
        return Form.oneOf(List.copyOf(literals));
    }

    private static String type(JsonNode value) {
        return switch (value.getNodeType()) {
            case OBJECT -> "object";
            case ARRAY -> "array";
            case STRING -> "string";
            case BOOLEAN -> "boolean";
            case NUMBER -> value.isIntegralNumber() || value.canConvertToExactIntegral() ? "integer" : "number";
            default -> "null";
        };
    }

    private static String written(JsonNode value) {
        try {
            return JSON.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("what was read as JSON can be written as JSON", e);
        }
    }

    private Form typed(JsonNode schema, Set<String> keywords, String path) {
        keywords.remove("type");
        List<String> types = types(schema, path);
        if (types.isEmpty()) {
            types = implied(keywords, path);
        }
        if (types.isEmpty()) {
            return json.any();
        }
        for (String keyword : keywords) {
            if (types.stream().noneMatch(type -> KEYWORDS.get(type).contains(keyword))) {
                throw wrong(path, "has " + keyword + ", which is not supported for type " + String.join(", ", types)
                        + "; leave it out");
            }
        }
        return Form.choice(types.stream().map(type -> typed(type, schema, path)).toList());
    }

    private static List<String> types(JsonNode schema, String path) {
        JsonNode type = schema.get("type");
        if (type == null) {
            return List.of();
        }
        List<String> types = new ArrayList<>();
        for (JsonNode one : type.isTextual() ? List.of(type) : elements(type, path + "/type")) {
            if (!KEYWORDS.containsKey(one.asText())) {
                throw wrong(path, "has type " + one + "; there are " + String.join(", ", new TreeSet<>(KEYWORDS.keySet())));
            }
            types.add(one.asText());
        }
        return types;
    }

    /** The type that a schema without one speaks of. */
    private static List<String> implied(Set<String> keywords, String path) {
        for (String keyword : keywords) {
            for (String type : List.of("object", "array", "string", "number")) {
                if (KEYWORDS.get(type).contains(keyword)) {
                    return List.of(type);
                }
            }
            throw wrong(path, "has " + keyword + ", which is not supported; leave it out");
        }
        return List.of();
    }

    private Form typed(String type, JsonNode schema, String path) {
        return switch (type) {
            case "object" -> object(schema, path);
            case "array" -> json.array(schema.has("items") ? shared(schema.get("items"), path + "/items") : json.any(),
                    count(schema, "minItems", 0, path), most(schema, "minItems", "maxItems", path));
            case "string" -> string(schema, path);
            case "integer" -> NumberForms.integer(bound(schema, "minimum", path), bound(schema, "maximum", path),
                    bound(schema, "exclusiveMinimum", path), bound(schema, "exclusiveMaximum", path), path);
            case "number" -> NumberForms.number(bound(schema, "minimum", path), bound(schema, "maximum", path),
                    bound(schema, "exclusiveMinimum", path), bound(schema, "exclusiveMaximum", path), path);
            case "boolean" -> JsonForms.BOOLEAN;
            default -> JsonForms.NULL;
        };
    }

    private Form object(JsonNode schema, String path) {
        JsonNode properties = schema.path("properties");
        JsonNode others = schema.path("additionalProperties");
        if (!properties.isMissingNode() && !properties.isObject()) {
            throw wrong(path + "/properties", "is not an object");
        }
        Map<String, Form> members = new LinkedHashMap<>();
        properties.fields().forEachRemaining(property -> members.put(property.getKey(),
                shared(property.getValue(), path + "/properties/" + property.getKey())));
        List<String> required = new ArrayList<>();
        for (JsonNode name : schema.has("required") ? elements(schema.get("required"), path + "/required", 0)
                : List.<JsonNode> of()) {
            required.add(name.asText());
            if (!members.containsKey(name.asText())) {
                if (others.isBoolean() && !others.booleanValue()) {
                    throw wrong(path, "requires " + name + ", which is no property and not allowed as another one");
                }
                members.put(name.asText(), others.isObject() ? shared(others, path + "/additionalProperties") : json.any());
            }
        }
        if (members.isEmpty() && properties.isMissingNode() && !(others.isBoolean() && !others.booleanValue())) {
            return others.isObject() ? json.map(shared(others, path + "/additionalProperties")) : json.anyObject();
        }
        Form[] forms = new Form[members.size()];
        boolean[] must = new boolean[forms.length];
        int i = 0;
        for (Map.Entry<String, Form> member : members.entrySet()) {
            forms[i] = json.member(written(JSON.getNodeFactory().textNode(member.getKey())), member.getValue());
            must[i++] = required.contains(member.getKey());
        }
        return json.object(forms, must);
    }

    private Form string(JsonNode schema, String path) {
        for (String keyword : List.of("pattern", "format")) {
            if (schema.has(keyword)) {
                for (String other : List.of("format", "minLength", "maxLength")) {
                    if (schema.has(other) && !other.equals(keyword)) {
                        throw wrong(path, "has " + other + " beside " + keyword + ", which is not supported; leave one out");
                    }
                }
                return PatternReader.read(keyword.equals("pattern") ? schema.get(keyword).asText()
                        : format(schema.get(keyword).asText(), path), path, rules);
            }
        }
        return json.string(count(schema, "minLength", 0, path), most(schema, "minLength", "maxLength", path));
    }

    private static String format(String format, String path) {
        String pattern = FORMATS.get(format);
        if (pattern == null) {
            throw wrong(path, "has format " + format + ", which is not supported; there are "
                    + String.join(", ", new TreeSet<>(FORMATS.keySet())));
        }
        return pattern;
    }

    private Form shared(JsonNode schema, String path) {
        return rules.share(read(schema, path));
    }

    private static int count(JsonNode schema, String keyword, int otherwise, String path) {
        JsonNode value = schema.get(keyword);
        if (value == null) {
            return otherwise;
        }
        if (!value.canConvertToExactIntegral() || value.decimalValue().signum() < 0) {
            throw wrong(path, "has " + keyword + " " + value + "; it must be a whole number, 0 or more");
        }
        if (!value.canConvertToInt() || value.intValue() > MOST_COUNT) {
            throw wrong(path, "has " + keyword + " " + value + "; at most " + MOST_COUNT + " is supported");
        }
        return value.intValue();
    }

    private static int most(JsonNode schema, String least, String most, String path) {
        int count = count(schema, most, Form.ANY_NUMBER, path);
        if (count < count(schema, least, 0, path)) {
            throw wrong(path, "has " + most + " " + count + " below " + least + ", which nothing satisfies");
        }
        return count;
    }

    private static BigDecimal bound(JsonNode schema, String keyword, String path) {
        JsonNode value = schema.get(keyword);
        if (value == null) {
            return null;
        }
        if (!value.isNumber()) {
            throw wrong(path, "has " + keyword + " " + value + "; it must be a number");
        }
        return value.decimalValue();
    }

    private static List<JsonNode> elements(JsonNode array, String path) {
        return elements(array, path, 1);
    }

    private static List<JsonNode> elements(JsonNode array, String path, int least) {
        if (!array.isArray() || array.size() < least) {
            throw wrong(path, "is not a list" + (least > 0 ? " of at least " + least : ""));
        }
        return Arrays.asList(array.valueStream().toArray(JsonNode[]::new));
    }

    private static InvalidRequestException wrong(String path, String message) {
        return new InvalidRequestException("the schema at " + path + " " + message);
    }
}

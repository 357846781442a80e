package io.quarkiverse.eagle.grammar;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;

import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** The grammar of a schema against a validator that others wrote. */
class SchemaGrammarPropertyTest {

    private static final ObjectMapper STRICT = JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS).build();
    private static final JsonSchemaFactory VALIDATORS = JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012);
    private static final int LONGEST = 4000;

    private static boolean isValid(JsonSchema validator, String text) {
        try {
            JsonNode document = STRICT.readTree(text);
            return !document.isMissingNode() && validator.validate(document).isEmpty();
        } catch (JsonProcessingException e) {
            return false;
        }
    }

    @Property(tries = 400, seed = "20260101", edgeCases = EdgeCasesMode.NONE)
    void acceptsDocumentsOfTheSchemaAndOfTheirMutationsOnlyValidOnes(@ForAll long seed) {
        RandomSchema random = new RandomSchema(seed);
        ObjectNode schema = random.schema();
        JsonSchema validator = VALIDATORS.getSchema(schema);
        GrammarState start = Texts.start(schema.toString());
        Random mutations = new Random(seed);
        for (int i = 0; i < 10; i++) {
            String document = random.document(schema);
            assertThat(isValid(validator, document)).as("%s of %s", document, schema).isTrue();
            assertThat(Texts.accepts(start, document)).as("%s of %s", document, schema).isTrue();
            for (int j = 0; j < 20; j++) {
                String mutated = mutated(document, mutations);
                if (Texts.accepts(start, mutated)) {
                    assertThat(isValid(validator, mutated)).as("%s of %s", mutated, schema).isTrue();
                }
            }
        }
    }

    private static String mutated(String document, Random random) {
        StringBuilder text = new StringBuilder(document);
        int at = random.nextInt(text.length());
        String pieces = "{}[]\",:\\0123456789-.eEtrufalsn \nkvp";
        char piece = pieces.charAt(random.nextInt(pieces.length()));
        switch (random.nextInt(4)) {
            case 0 -> text.deleteCharAt(at);
            case 1 -> text.insert(at, piece);
            case 2 -> text.setCharAt(at, piece);
            default -> text.delete(at, Math.min(text.length(), at + 1 + random.nextInt(8)));
        }
        return text.toString();
    }

    /** Whatever way the grammar goes, it comes to an end, and what it wrote is a document of the schema. */
    @Property(tries = 300, seed = "20260102", edgeCases = EdgeCasesMode.NONE)
    void everyWayThroughTheGrammarWritesAValidDocument(@ForAll long seed) {
        ObjectNode schema = new RandomSchema(seed).schema();
        JsonSchema validator = VALIDATORS.getSchema(schema);
        GrammarState state = Texts.start(schema.toString());
        Random random = new Random(seed);
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        List<Integer> following = new ArrayList<>();
        while (text.size() < LONGEST) {
            following.clear();
            for (int value = 0; value < 256; value++) {
                if (state.afterByte(value) != null) {
                    following.add(value);
                }
            }
            if (state.isComplete() && (following.isEmpty() || random.nextBoolean())) {
                String document = text.toString(StandardCharsets.UTF_8);
                assertThat(isValid(validator, document)).as("%s of %s", document, schema).isTrue();
                assertThat(document.getBytes(StandardCharsets.UTF_8)).isEqualTo(text.toByteArray());
                return;
            }
            assertThat(following).as("after %s of %s", text, schema).isNotEmpty();
            // What closes comes more often than its share, or the ways would have no end.
            List<Integer> closing = following.stream().filter(value -> "\"]}".indexOf(value) >= 0).toList();
            List<Integer> from = closing.isEmpty() || random.nextInt(3) > 0 ? following : closing;
            int value = from.get(random.nextInt(from.size()));
            text.write(value);
            state = state.afterByte(value);
        }
    }

    @Property(tries = 300, seed = "20260103", edgeCases = EdgeCasesMode.NONE)
    void theTokensOfAStateAreThoseWhoseBytesCanFollow(@ForAll long seed) {
        RandomSchema random = new RandomSchema(seed);
        ObjectNode schema = random.schema();
        GrammarState start = Texts.start(schema.toString());
        String document = random.document(schema);
        GrammarState state = Texts.after(start, document.substring(0, new Random(seed).nextInt(document.length() + 1)));
        if (state == null) {
            return; // the document was cut between the halves of a surrogate pair
        }
        boolean[] walked = new boolean[271];
        for (int token = 0; token < 271; token++) {
            walked[token] = state.allows(token);
        }
        AllowedTokens allowed = state.allowed();
        int count = 0;
        for (int token = 0; token < 271; token++) {
            assertThat(allowed.contains(token)).as("token %s", token).isEqualTo(walked[token]);
            count += walked[token] ? 1 : 0;
        }
        assertThat(allowed.size()).isEqualTo(count);
        int seen = 0;
        for (int token = allowed.next(0); token >= 0; token = allowed.next(token + 1)) {
            assertThat(walked[token]).isTrue();
            seen++;
        }
        assertThat(seen).isEqualTo(count);
        assertThat(walked[Texts.END]).isEqualTo(state.isComplete());
    }
}

package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;

import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.ResponseFormat;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.draft.Drafters;
import io.quarkiverse.eagle.engine.PoolLostException;
import io.quarkiverse.eagle.grammar.GrammarState;
import io.quarkiverse.eagle.grammar.TokenGrammars;
import io.quarkiverse.eagle.text.TokenBytes;
import io.quarkiverse.eagle.toy.Consumer;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;
import io.quarkiverse.eagle.tree.DraftTree;

/** Under a grammar, too, whatever proposes, the text is plain decoding's. */
class ConstrainedDecodingTest {

    private static final String SCHEMA = """
            {"type": "object", "additionalProperties": false, "required": ["a", "b"], "properties": {
              "a": {"type": "array", "maxItems": 6, "items": {"anyOf": [
                {"type": "integer", "minimum": -20, "maximum": 205}, {"type": "boolean"}, {"$ref": "#/$defs/pair"}]}},
              "b": {"type": "string", "minLength": 1, "maxLength": 12},
              "c": {"enum": ["abc", "abd", null, 12]}},
             "$defs": {"pair": {"type": "object", "additionalProperties": false, "required": ["c"], "properties": {
               "c": {"type": "string", "maxLength": 3}, "d": {"$ref": "#/$defs/pair"}}}}}
            """;
    private static final JsonSchema VALIDATOR = JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012)
            .getSchema(SCHEMA);
    private static final ObjectMapper STRICT = JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();
    private static final GenerationOptions OPTIONS = GenerationOptions.defaults().withMaxTokens(200)
            .withFormat(ResponseFormat.jsonSchema(SCHEMA));

    static List<String> names() {
        return Drafters.NAMES;
    }

    private static GenerationOptions options(Random random) {
        GenerationOptions options = random.nextInt(3) > 0 ? OPTIONS.withTemperature(random.nextBoolean() ? 1 : 0.6)
                .withSeed(random.nextLong()) : OPTIONS;
        options = random.nextInt(4) == 0 ? options.withPenalties(1.2, 0.2, 0.1) : options;
        options = random.nextInt(4) == 0 ? options.withTopP(0.9) : options;
        options = random.nextInt(4) == 0 ? options.withTopK(5) : options;
        return random.nextBoolean() ? options
                : options.withBudget(new TreeBudget(1 + random.nextInt(60), 1 + random.nextInt(10), 1 + random.nextInt(6)));
    }

    private static void assertValid(GenerationResult result) throws JsonProcessingException {
        if (result.finishReason() == FinishReason.STOP) {
            JsonNode document = STRICT.readTree(result.text());
            assertThat(VALIDATOR.validate(document)).as(result.text()).isEmpty();
        }
    }

    @ParameterizedTest
    @MethodSource("names")
    void everyDrafterWritesThePlainDocument(String name) throws JsonProcessingException {
        int whole = 0;
        for (int maxRows : new int[] { 128, 12 }) {
            try (ToyModel toy = ToyModel.of(ToyLanguage.jsonPieces()).tokenizer("json").maxRows(maxRows).open()) {
                for (long seed = 0; seed < 25; seed++) {
                    int[] prompt = ToyModel.prompt(1 + (int) seed * 3, seed);
                    GenerationOptions options = options(new Random(seed));
                    List<GeneratedToken> answer = toy.answer(prompt, options.withDrafter(name));
                    GenerationResult result = answer.get(answer.size() - 1).result();
                    assertThat(result.tokenIds()).isEqualTo(toy.ids(prompt, options.withDrafter("none")));
                    assertValid(result);
                    whole += result.finishReason() == FinishReason.STOP ? 1 : 0;
                }
            }
        }
        assertThat(whole).as("documents that came to their end").isGreaterThan(30);
    }

    @ParameterizedTest
    @MethodSource("names")
    void nothingThatTheGrammarForbidsIsVerifiedAndSomethingIsAccepted(String name) {
        ResponseFormat format = ResponseFormat
                .jsonSchema("{\"type\":\"array\",\"minItems\":30,\"items\":{\"enum\":[12,\"ab\",true]}}");
        ToyLanguage language = ToyLanguage.jsonPieces();
        TokenGrammars grammars = new TokenGrammars(() -> TokenBytes.load(Path.of("src/test/resources/tokenizers/json.json")),
                new int[] { language.endToken() }, language.vocabulary());
        AtomicInteger most = new AtomicInteger();
        AtomicInteger forbidden = new AtomicInteger();
        try (ToyModel toy = ToyModel.of(language).tokenizer("json").noise(0.3).open()) {
            for (long seed = 0; seed < 8; seed++) {
                AtomicReference<GrammarState> state = new AtomicReference<>();
                CycleListener looks = (root, tree, accepted, emitted, count) -> {
                    most.accumulateAndGet(count, Math::max);
                    if (state.get() == null) {
                        state.set(grammars.start(format).after(root));
                    }
                    forbidden.addAndGet(forbidden(tree, state.get()));
                    for (int i = 0; i < count; i++) {
                        state.set(state.get().after(emitted[i]));
                    }
                };
                GenerationOptions options = OPTIONS.withFormat(format).withDrafter(name).withBudget(new TreeBudget(60, 10, 6));
                toy.model().stream(ToyModel.request(ToyModel.prompt(40, seed), options), looks).collect().last().await()
                        .indefinitely();
            }
        }
        if (name.equals("none")) {
            assertThat(most).hasValue(1);
        } else {
            assertThat(most).hasValueGreaterThan(1);
        }
        if (name.equals("lookahead")) {
            assertThat(forbidden).as("nodes of the window, which is read as a whole").hasValueGreaterThan(0);
        } else {
            assertThat(forbidden).hasValue(0);
        }
    }

    private static int forbidden(DraftTree tree, GrammarState root) {
        GrammarState[] states = new GrammarState[tree.size()];
        int forbidden = 0;
        for (int node = 0; node < tree.size(); node++) {
            GrammarState before = tree.parent(node) == DraftTree.ROOT ? root : states[tree.parent(node)];
            forbidden += before == null || !before.allows(tree.token(node)) ? 1 : 0;
            states[node] = before == null ? null : before.after(tree.token(node));
        }
        return forbidden;
    }

    /** Constrained and free sequences share steps, slots and losses. */
    @Test
    void manyAtOnceAndWithLossesWriteWhatEachWritesAlone() {
        Random random = new Random(5);
        List<int[]> prompts = new ArrayList<>();
        List<GenerationOptions> options = new ArrayList<>();
        for (int i = 0; i < 27; i++) {
            prompts.add(ToyModel.prompt(1 + random.nextInt(60), random.nextLong()));
            GenerationOptions one = options(random).withDrafter(Drafters.NAMES.get(i % Drafters.NAMES.size()))
                    .withMaxTokens(90);
            options.add(i % 3 == 0 ? one.withFormat(ResponseFormat.text())
                    : i % 3 == 1 ? one.withFormat(ResponseFormat.json())
                            : one);
        }
        List<int[]> alone = new ArrayList<>();
        try (ToyModel toy = ToyModel.of(ToyLanguage.jsonPieces()).tokenizer("json").withoutDraft().open()) {
            for (int i = 0; i < prompts.size(); i++) {
                alone.add(toy.ids(prompts.get(i), options.get(i).withDrafter("none")));
            }
        }
        try (ToyModel toy = ToyModel.of(ToyLanguage.jsonPieces()).tokenizer("json").slots(4).withoutLogits().open()) {
            toy.target().beforeEveryStep(request -> {
                if (random.nextInt(60) == 0) {
                    toy.target().forget();
                    toy.draft().forget();
                    throw new PoolLostException("the toy's pool was lost", null);
                }
            });
            List<Consumer> consumers = new ArrayList<>();
            for (int i = 0; i < prompts.size(); i++) {
                consumers.add(Consumer.eager().of(toy.model().stream(ToyModel.request(prompts.get(i), options.get(i)))));
            }
            for (int i = 0; i < prompts.size(); i++) {
                assertThat(consumers.get(i).awaitAnswer()).isEqualTo(alone.get(i));
            }
        }
    }

    /** The best piece of those that the grammar leaves, one after the other. */
    @Test
    void greedyTakesTheBestOfWhatIsAllowed() {
        ToyLanguage language = ToyLanguage.jsonPieces();
        GenerationOptions options = GenerationOptions.defaults().withDrafter("none")
                .withFormat(ResponseFormat.jsonSchema("{\"type\":\"string\",\"maxLength\":0}"));
        try (ToyModel toy = ToyModel.of(language).tokenizer("json").withoutDraft().open()) {
            for (long seed = 0; seed < 30; seed++) {
                int[] prompt = ToyModel.prompt(5, seed);
                List<Integer> expected = new ArrayList<>();
                long prefix = ToyLanguage.prefix(prompt);
                StringBuilder text = new StringBuilder();
                while (!text.toString().equals("\"\"")) {
                    for (int token : ToyLanguage.descending(language.logits(prefix))) {
                        String longer = text + toy.model().text(token);
                        if (token != language.endToken() && "\"\"".startsWith(longer)) {
                            text = new StringBuilder(longer);
                            expected.add(token);
                            prefix = ToyLanguage.extend(prefix, token);
                            break;
                        }
                    }
                }
                expected.add(language.endToken());
                assertThat(toy.ids(prompt, options)).containsExactly(expected.stream().mapToInt(i -> i).toArray());
            }
        }
    }

    @Test
    void whatCannotBeKeptIsRefusedOrFailsAlone() {
        try (ToyModel toy = ToyModel.of(ToyLanguage.jsonPieces()).tokenizer("json").open()) {
            int[] prompt = ToyModel.prompt(5, 1);
            assertThatThrownBy(() -> toy.ids(prompt, OPTIONS.withFormat(ResponseFormat.jsonSchema("{\"not\":{}}"))))
                    .isInstanceOf(InvalidRequestException.class).hasMessageContaining("not");
            assertThatThrownBy(() -> toy.ids(prompt, OPTIONS.withFormat(ResponseFormat.jsonSchema("{\"const\":\"xyz\"}"))))
                    .isInstanceOf(InvalidRequestException.class).hasMessageContaining("no token of the model goes on");
            assertThat(toy.ids(prompt, OPTIONS)).isNotEmpty();
        }
        try (ToyModel endless = ToyModel.of(new ToyLanguage(52, -1, 0)).tokenizer("json").open()) {
            assertThatThrownBy(() -> endless.ids(ToyModel.prompt(5, 1), OPTIONS))
                    .isInstanceOf(InvalidRequestException.class).hasMessageContaining("no token that ends an answer");
        }
    }
}

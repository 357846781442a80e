package io.quarkiverse.eagle.openai.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Optional;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonTypeName;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.NotFoundException;
import com.openai.errors.UnauthorizedException;
import com.openai.helpers.ChatCompletionAccumulator;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionMessageFunctionToolCall;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import com.openai.models.chat.completions.ChatCompletionToolChoiceOption;
import com.openai.models.chat.completions.ChatCompletionToolMessageParam;
import com.openai.models.completions.CompletionCreateParams;

/** The official Java SDK. */
class OpenAiJavaClientTest {

    private static final OpenAIClient CLIENT = OpenAIOkHttpClient.builder().baseUrl(ServeProcess.sharedUrl())
            .apiKey(ServeProcess.KEY).maxRetries(0).build();

    @AfterAll
    static void close() {
        CLIENT.close();
    }

    @Test
    void readsAnAnswerWithItsUsageAndLogProbabilities() {
        ChatCompletion answer = CLIENT.chat().completions().create(question().logprobs(true).topLogprobs(2).build());
        ChatCompletion.Choice choice = answer.choices().get(0);
        assertThat(choice.message().content().orElseThrow()).contains("Paris");
        assertThat(choice.logprobs().orElseThrow().content().orElseThrow().get(0).topLogprobs()).hasSize(2);
        assertThat(answer.usage().orElseThrow().completionTokens()).isPositive();
        assertThat(answer._additionalProperties()).containsKey("eagle");
        answer.validate();
    }

    @Test
    void aStreamGivesTheSameTextAndEndsWithTheUsage() {
        String whole = CLIENT.chat().completions().create(question().build()).choices().get(0).message().content()
                .orElseThrow();
        StringBuilder text = new StringBuilder();
        List<ChatCompletionChunk> chunks;
        try (StreamResponse<ChatCompletionChunk> stream = CLIENT.chat().completions().createStreaming(question()
                .streamOptions(ChatCompletionStreamOptions.builder().includeUsage(true).build()).build())) {
            chunks = stream.stream().toList();
        }
        chunks.forEach(ChatCompletionChunk::validate);
        chunks.forEach(chunk -> chunk.choices().forEach(choice -> choice.delta().content().ifPresent(text::append)));
        assertThat(text).hasToString(whole);
        assertThat(chunks.get(chunks.size() - 1).usage().orElseThrow().completionTokens()).isPositive();
    }

    @Test
    void aStreamThatIsClosedInTheMiddleLeavesTheServerFree() {
        for (int i = 0; i < 4; i++) { // more than there are slots
            try (StreamResponse<ChatCompletionChunk> stream = CLIENT.chat().completions()
                    .createStreaming(question().addUserMessage("Count to a thousand.").maxCompletionTokens(1500).build())) {
                assertThat(stream.stream().findFirst()).isPresent();
            }
        }
        assertThat(CLIENT.completions().create(CompletionCreateParams.builder().model("default").prompt("one, two,")
                .temperature(0).maxTokens(4).build()).choices().get(0).text()).isNotBlank();
    }

    /** The SDK makes a strict schema of it, and reads the answer back. */
    public static class Place {
        public String city;
        public int people;
        public Landmark landmark;
    }

    public static class Landmark {
        public String name;
        public Optional<Integer> year;
    }

    @Test
    void anAnswerIsReadAsTheClassThatItWasHeldTo() {
        Place place = CLIENT.chat().completions()
                .create(question().maxCompletionTokens(400).responseFormat(Place.class).build())
                .choices().get(0).message().content().orElseThrow();
        assertThat(place.city).isNotNull();
        assertThat(place.landmark.name).isNotNull();
    }

    @JsonTypeName("weather")
    @JsonClassDescription("The weather of a city")
    public static class Weather {
        public String city;
        public int days;
    }

    @Test
    void aToolThatHasToBeCalledIsCalledWithItsArgumentsWholeAndStreamed() {
        ChatCompletionCreateParams params = question().maxCompletionTokens(200).addTool(Weather.class)
                .toolChoice(ChatCompletionToolChoiceOption.Auto.REQUIRED).build();
        ChatCompletion.Choice choice = CLIENT.chat().completions().create(params).validate().choices().get(0);
        assertThat(choice.finishReason()).isEqualTo(ChatCompletion.Choice.FinishReason.TOOL_CALLS);
        ChatCompletionMessageFunctionToolCall call = choice.message().toolCalls().orElseThrow().get(0).asFunction();
        assertThat(call.function().name()).isEqualTo("weather");
        assertThat(call.function().arguments(Weather.class).city).isNotNull();

        ChatCompletionAccumulator accumulator = ChatCompletionAccumulator.create();
        try (StreamResponse<ChatCompletionChunk> stream = CLIENT.chat().completions().createStreaming(params)) {
            stream.stream().forEach(accumulator::accumulate);
        }
        ChatCompletion streamed = accumulator.chatCompletion();
        assertThat(streamed.choices().get(0).message().toolCalls().orElseThrow().get(0).asFunction().function().arguments())
                .isEqualTo(call.function().arguments());

        ChatCompletion after = CLIENT.chat().completions().create(question().addMessage(choice.message())
                .addMessage(ChatCompletionToolMessageParam.builder().toolCallId(call.id()).content("It rains.").build())
                .build());
        assertThat(after.choices().get(0).message().content().orElseThrow()).isNotBlank();
    }

    @Test
    void errorsAreTheClientsOwnKindsOfErrors() {
        assertThatThrownBy(() -> CLIENT.chat().completions().create(question().temperature(-1).build()))
                .isInstanceOf(BadRequestException.class).hasMessageContaining("temperature is -1.0");
        assertThatThrownBy(() -> CLIENT.chat().completions().create(question().model("nobody").build()))
                .isInstanceOf(NotFoundException.class).hasMessageContaining("nobody");
        OpenAIClient stranger = CLIENT.withOptions(options -> options.apiKey("wrong"));
        assertThatThrownBy(() -> stranger.models().list()).isInstanceOf(UnauthorizedException.class);
    }

    @Test
    void listsTheModel() {
        assertThat(CLIENT.models().list().data()).singleElement().satisfies(model -> {
            assertThat(model.id()).isEqualTo("default");
            assertThat(CLIENT.models().retrieve("default").id()).isEqualTo(model.id());
        });
    }

    private static ChatCompletionCreateParams.Builder question() {
        return ChatCompletionCreateParams.builder().model("default").addUserMessage("What is the capital of France?")
                .temperature(0).maxCompletionTokens(24);
    }
}

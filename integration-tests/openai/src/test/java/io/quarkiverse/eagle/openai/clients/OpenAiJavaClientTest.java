package io.quarkiverse.eagle.openai.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.NotFoundException;
import com.openai.errors.UnauthorizedException;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
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

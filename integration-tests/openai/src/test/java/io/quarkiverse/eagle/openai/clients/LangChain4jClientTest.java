package io.quarkiverse.eagle.openai.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;

import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ResponseFormat;
import dev.langchain4j.model.chat.request.ResponseFormatType;
import dev.langchain4j.model.chat.request.json.JsonObjectSchema;
import dev.langchain4j.model.chat.request.json.JsonSchema;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.openai.OpenAiChatModel;
import dev.langchain4j.model.openai.OpenAiStreamingChatModel;
import dev.langchain4j.model.output.FinishReason;

/** LangChain4j's client of the OpenAI API. */
class LangChain4jClientTest {

    private static final ChatRequest QUESTION = ChatRequest.builder()
            .messages(UserMessage.from("What is the capital of France?")).build();

    @Test
    void anAnswerIsHeldToTheSchemaOfTheRequest() {
        JsonSchema schema = JsonSchema.builder().name("answer").rootElement(JsonObjectSchema.builder()
                .addEnumProperty("capital", List.of("Paris", "Rome")).required("capital").additionalProperties(false).build())
                .build();
        ChatResponse response = OpenAiChatModel.builder().baseUrl(ServeProcess.sharedUrl()).apiKey(ServeProcess.KEY)
                .modelName("default").temperature(0.0).maxTokens(40).strictJsonSchema(true).build()
                .chat(ChatRequest.builder().messages(QUESTION.messages()).responseFormat(ResponseFormat.builder()
                        .type(ResponseFormatType.JSON).jsonSchema(schema).build()).build());
        assertThat(response.aiMessage().text()).matches("\\{\\s?\"capital\":\\s?\"(Paris|Rome)\"\\s?}");
    }

    @Test
    void aStreamGivesTheSameTextAsTheWholeAnswer() throws Exception {
        ChatResponse whole = OpenAiChatModel.builder().baseUrl(ServeProcess.sharedUrl()).apiKey(ServeProcess.KEY)
                .modelName("default").temperature(0.0).maxTokens(12).build().chat(QUESTION);
        assertThat(whole.aiMessage().text()).contains("Paris");
        assertThat(whole.tokenUsage().outputTokenCount()).isBetween(1, 12);

        StringBuilder pieces = new StringBuilder();
        CompletableFuture<ChatResponse> streamed = new CompletableFuture<>();
        OpenAiStreamingChatModel.builder().baseUrl(ServeProcess.sharedUrl()).apiKey(ServeProcess.KEY).modelName("default")
                .temperature(0.0).maxTokens(12).build().chat(QUESTION, new StreamingChatResponseHandler() {
                    @Override
                    public void onPartialResponse(String piece) {
                        pieces.append(piece);
                    }

                    @Override
                    public void onCompleteResponse(ChatResponse response) {
                        streamed.complete(response);
                    }

                    @Override
                    public void onError(Throwable error) {
                        streamed.completeExceptionally(error);
                    }
                });
        ChatResponse response = streamed.get(60, TimeUnit.SECONDS);
        assertThat(pieces).hasToString(whole.aiMessage().text());
        assertThat(response.aiMessage().text()).isEqualTo(whole.aiMessage().text());
        assertThat(response.finishReason()).isEqualTo(whole.finishReason()).isIn(FinishReason.STOP, FinishReason.LENGTH);
        assertThat(response.tokenUsage().outputTokenCount()).isEqualTo(whole.tokenUsage().outputTokenCount());
    }
}

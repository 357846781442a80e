package io.quarkiverse.eagle.langchain4j.deployment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;

import jakarta.inject.Inject;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.request.ResponseFormat;
import dev.langchain4j.model.chat.request.ResponseFormatType;
import dev.langchain4j.model.chat.request.ToolChoice;
import dev.langchain4j.model.chat.request.json.JsonObjectSchema;
import dev.langchain4j.model.chat.request.json.JsonSchema;
import dev.langchain4j.model.chat.request.json.JsonStringSchema;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.output.FinishReason;
import io.quarkiverse.eagle.Acceptance;
import io.quarkiverse.eagle.ChatMessage;
import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.langchain4j.EagleChatRequestParameters;
import io.quarkiverse.eagle.langchain4j.EagleChatResponseMetadata;
import io.quarkiverse.langchain4j.ModelName;
import io.quarkus.test.QuarkusUnitTest;

/** Chat models over the default bundle, with one slot so that a slot that is not freed shows. */
class EagleChatModelTest {

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withApplicationRoot(root -> root.addClasses(RecordedConversations.class, RecordedAnswer.class))
            .overrideConfigKey("quarkus.eagle.slots", "1")
            .overrideConfigKey("quarkus.eagle.threads", "2")
            .overrideConfigKey("quarkus.langchain4j.chat-model.provider", "eagle")
            .overrideConfigKey("quarkus.langchain4j.eagle.chat-model.max-tokens", "24")
            .overrideConfigKey("quarkus.langchain4j.poet.chat-model.provider", "eagle")
            .overrideConfigKey("quarkus.langchain4j.eagle.poet.chat-model.model-name", "<default>")
            .overrideConfigKey("quarkus.langchain4j.eagle.poet.chat-model.max-tokens", "16")
            .overrideConfigKey("quarkus.langchain4j.eagle.poet.chat-model.temperature", "0.9")
            .overrideConfigKey("quarkus.langchain4j.eagle.poet.chat-model.seed", "7");

    private static final String QUESTION = "What is the capital of France?";

    @Inject
    EagleModel model;

    @Inject
    ChatModel chatModel;

    @Inject
    StreamingChatModel streamingChatModel;

    @Inject
    @ModelName("poet")
    ChatModel poet;

    @Inject
    RecordedConversations conversations;

    @BeforeEach
    void forget() {
        conversations.forget();
    }

    @Test
    void theAnswerIsTheModelsOwnWithItsTokensCounted() {
        GenerationResult expected = generate(GenerationRequest.chat(QUESTION), options(24));
        ChatResponse response = chatModel.chat(UserMessage.from(QUESTION));
        assertThat(response.aiMessage().text()).isEqualTo(expected.text()).contains("Paris");
        assertThat(response.tokenUsage().inputTokenCount()).isEqualTo(expected.promptTokens());
        assertThat(response.tokenUsage().outputTokenCount()).isEqualTo(expected.completionTokens());
        assertThat(response.finishReason()).isEqualTo(FinishReason.STOP);
        assertThat(response.modelName()).isEqualTo(model.name());
        GenerationResult result = ((EagleChatResponseMetadata) response.metadata()).result();
        assertThat(result.tokenIds()).isEqualTo(expected.tokenIds());
        assertThat(result.tau()).isGreaterThanOrEqualTo(1);
    }

    @Test
    void parametersOfARequestGoBeforeTheConfiguredOnes() {
        ChatResponse response = chatModel.chat(question(ChatRequestParameters.builder().maxOutputTokens(3).build()));
        assertThat(response.tokenUsage().outputTokenCount()).isEqualTo(3);
        assertThat(response.finishReason()).isEqualTo(FinishReason.LENGTH);
    }

    @Test
    void everyParameterReachesTheModel() {
        GenerationOptions options = options(20).withTemperature(0.9).withTopK(40).withTopP(0.95).withMinP(0.01)
                .withPenalties(1.1, 0.2, 0.3).withSeed(11L).withStop(List.of("\n\n")).withDrafter("none");
        ChatResponse response = chatModel.chat(question(EagleChatRequestParameters.builder().maxOutputTokens(20)
                .temperature(0.9).topK(40).topP(0.95).minP(0.01).repetitionPenalty(1.1).presencePenalty(0.2)
                .frequencyPenalty(0.3).seed(11L).stopSequences("\n\n").drafter("none").build()));
        GenerationResult expected = generate(GenerationRequest.chat(QUESTION), options);
        assertThat(response.aiMessage().text()).isEqualTo(expected.text());
        assertThat(((EagleChatResponseMetadata) response.metadata()).result().drafter()).isEqualTo("none");
    }

    @Test
    void aRequestsRuleOfAcceptanceReachesTheModel() {
        EagleChatRequestParameters rejection = EagleChatRequestParameters.builder().acceptance(Acceptance.REJECTION).build();
        assertThatThrownBy(() -> chatModel.chat(question(rejection))).isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("acceptance \"rejection\" is a rule for drafter \"speculative\"");
        EagleChatRequestParameters coupled = EagleChatRequestParameters.builder().acceptance(Acceptance.COUPLED).build();
        assertThat(rejection.overrideWith(coupled).acceptance()).isEqualTo(Acceptance.COUPLED);
        assertThat(rejection).isNotEqualTo(coupled);
        assertThat(chatModel.chat(question(coupled)).aiMessage().text()).isEqualTo(chatModel.chat(QUESTION));
    }

    @Test
    void aStopSequenceEndsTheAnswerBeforeIt() {
        ChatResponse response = chatModel.chat(question(ChatRequestParameters.builder().stopSequences("Paris").build()));
        assertThat(response.aiMessage().text()).isNotEmpty().doesNotContain("Paris");
        assertThat(response.finishReason()).isEqualTo(FinishReason.STOP);
    }

    @Test
    void theWholeConversationReachesTheModel() {
        List<ChatMessage> chat = List.of(ChatMessage.system("You answer in one word."), ChatMessage.user(QUESTION),
                ChatMessage.assistant("Paris."), ChatMessage.user("And of Italy?"));
        ChatResponse response = chatModel.chat(SystemMessage.from("You answer in one word."), UserMessage.from(QUESTION),
                AiMessage.from("Paris."), UserMessage.from("And of Italy?"));
        assertThat(response.aiMessage().text()).isEqualTo(generate(GenerationRequest.chat(chat), options(24)).text());
    }

    @Test
    void aNamedModelHasSettingsOfItsOwn() {
        GenerationResult expected = generate(GenerationRequest.chat("Write a line about the sea."),
                options(16).withTemperature(0.9).withSeed(7L));
        assertThat(poet.chat("Write a line about the sea.")).isEqualTo(expected.text());
    }

    @Test
    void theStreamedPiecesAddUpToTheAnswer() throws Exception {
        RecordedAnswer answer = new RecordedAnswer();
        streamingChatModel.chat(QUESTION, answer);
        assertThat(answer.whole().aiMessage().text()).isEqualTo(chatModel.chat(QUESTION));
        assertThat(String.join("", answer.pieces())).isEqualTo(answer.whole().aiMessage().text());
        assertThat(answer.pieces()).hasSizeGreaterThan(2);
        assertThat(answer.whole().finishReason()).isEqualTo(FinishReason.STOP);
    }

    @Test
    void cancellingAStreamFreesTheSlotForTheNextRequest() throws Exception {
        RecordedAnswer answer = new RecordedAnswer(3);
        streamingChatModel.chat(ChatRequest.builder().messages(UserMessage.from("Count from one to a thousand."))
                .maxOutputTokens(1500).build(), answer);
        answer.awaitCancellation();
        assertThat(chatModel.chat(QUESTION)).contains("Paris");
        assertThat(answer.pieces()).hasSize(3);
        assertThat(answer.isComplete()).isFalse();
    }

    @Test
    void listenersHearOfRequestsAnswersAndFailures() throws Exception {
        chatModel.chat(QUESTION);
        RecordedAnswer answer = new RecordedAnswer();
        streamingChatModel.chat(QUESTION, answer);
        answer.whole();
        assertThat(conversations.requests()).hasSize(2)
                .allSatisfy(request -> assertThat(request.parameters().maxOutputTokens()).isEqualTo(24));
        assertThat(conversations.responses()).hasSize(2)
                .allSatisfy(response -> assertThat(response.tokenUsage().outputTokenCount()).isPositive());
        assertThatThrownBy(() -> chatModel.chat(question(ChatRequestParameters.builder().temperature(-1.0).build())))
                .isInstanceOf(InvalidRequestException.class).hasMessageContaining("temperature is -1.0");
        assertThat(conversations.errors()).singleElement().isInstanceOf(InvalidRequestException.class);
    }

    @Test
    void anAnswerIsHeldToItsSchemaOrToJson() throws Exception {
        JsonSchema schema = JsonSchema.builder().name("place").rootElement(JsonObjectSchema.builder()
                .addProperty("city", JsonStringSchema.builder().description("Its name").build())
                .addEnumProperty("size", List.of("small", "large")).required("city", "size").build()).build();
        ResponseFormat format = ResponseFormat.builder().type(ResponseFormatType.JSON).jsonSchema(schema).build();
        ChatRequest request = question(ChatRequestParameters.builder().responseFormat(format).maxOutputTokens(200).build());
        ChatResponse response = chatModel.chat(request);
        JsonNode place = new ObjectMapper().readTree(response.aiMessage().text());
        assertThat(place.fieldNames()).toIterable().containsExactly("city", "size");
        assertThat(place.get("size").textValue()).isIn("small", "large");
        RecordedAnswer streamed = new RecordedAnswer();
        streamingChatModel.chat(request, streamed);
        assertThat(streamed.whole().aiMessage().text()).isEqualTo(response.aiMessage().text());
        assertThat(chatModel.chat(question(ChatRequestParameters.builder().responseFormat(ResponseFormat.JSON)
                .maxOutputTokens(2).build())).aiMessage().text()).startsWith("{");
    }

    @Test
    void aRequiredToolIsAskedFor() throws Exception {
        ToolSpecification weather = ToolSpecification.builder().name("weather").description("The weather of a city")
                .parameters(JsonObjectSchema.builder().addStringProperty("city").addIntegerProperty("days")
                        .required("city", "days").build())
                .build();
        ChatRequest request = question(ChatRequestParameters.builder().toolSpecifications(weather)
                .toolChoice(ToolChoice.REQUIRED).maxOutputTokens(200).build());
        AiMessage answer = chatModel.chat(request).aiMessage();
        ToolExecutionRequest call = answer.toolExecutionRequests().get(0);
        assertThat(call.name()).isEqualTo("weather");
        JsonNode arguments = new ObjectMapper().readTree(call.arguments());
        assertThat(arguments.get("city").isTextual()).isTrue();
        assertThat(arguments.get("days").isIntegralNumber()).isTrue();
        RecordedAnswer streamed = new RecordedAnswer();
        streamingChatModel.chat(request, streamed);
        assertThat(streamed.whole().aiMessage().toolExecutionRequests().get(0).arguments()).isEqualTo(call.arguments());
        assertThat(streamed.whole().finishReason()).isEqualTo(FinishReason.TOOL_EXECUTION);
        assertThat(streamed.pieces()).isEmpty();
        ChatResponse after = chatModel.chat(ChatRequest.builder().messages(UserMessage.from(QUESTION), answer,
                ToolExecutionResultMessage.from(call, "It rains.")).build());
        assertThat(after.aiMessage().text()).isNotBlank();
        assertThat(after.tokenUsage().inputTokenCount()).isGreaterThan(60);
    }

    @Test
    void whatTheModelCannotDoIsRefused() {
        assertRefused(ChatRequest.builder()
                .messages(UserMessage.from(ImageContent.from("http://example.com/a.png"))).build(), "IMAGE");
        assertThatThrownBy(() -> chatModel.chat(question(ChatRequestParameters.builder().modelName("another").build())))
                .isInstanceOf(InvalidRequestException.class).hasMessageContaining("another");
    }

    private void assertRefused(ChatRequest request, String what) {
        assertThatThrownBy(() -> chatModel.chat(request)).isInstanceOf(UnsupportedFeatureException.class)
                .hasMessageContaining(what);
        RecordedAnswer answer = new RecordedAnswer();
        streamingChatModel.chat(request, answer);
        assertThatThrownBy(answer::whole).isInstanceOf(ExecutionException.class)
                .hasCauseInstanceOf(UnsupportedFeatureException.class);
        assertThat(answer.pieces()).isEmpty();
    }

    private static ChatRequest question(ChatRequestParameters parameters) {
        return ChatRequest.builder().messages(UserMessage.from(QUESTION)).parameters(parameters).build();
    }

    private static GenerationOptions options(int tokens) {
        return GenerationOptions.defaults().withMaxTokens(tokens);
    }

    private GenerationResult generate(GenerationRequest request, GenerationOptions options) {
        return model.generate(request.with(options)).await().atMost(Duration.ofSeconds(60));
    }
}

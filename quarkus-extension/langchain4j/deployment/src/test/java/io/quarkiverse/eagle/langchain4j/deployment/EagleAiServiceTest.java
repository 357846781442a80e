package io.quarkiverse.eagle.langchain4j.deployment;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;

import jakarta.enterprise.context.control.ActivateRequestContext;
import jakarta.inject.Inject;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import com.fasterxml.jackson.annotation.JsonProperty;

import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.service.MemoryId;
import io.quarkiverse.langchain4j.RegisterAiService;
import io.quarkus.test.QuarkusUnitTest;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.helpers.test.AssertSubscriber;

/** An AI service over the one slot of the default bundle. */
class EagleAiServiceTest {

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withApplicationRoot(root -> root.addClasses(RecordedConversations.class, Guide.class, Storyteller.class,
                    Extractor.class, Place.class))
            .overrideConfigKey("quarkus.eagle.slots", "1")
            .overrideConfigKey("quarkus.eagle.threads", "2")
            .overrideConfigKey("quarkus.langchain4j.eagle.chat-model.max-tokens", "24")
            .overrideConfigKey("quarkus.langchain4j.long.chat-model.provider", "eagle")
            .overrideConfigKey("quarkus.langchain4j.eagle.long.chat-model.model-name", "<default>")
            .overrideConfigKey("quarkus.langchain4j.eagle.long.chat-model.max-tokens", "1500");

    private static final Duration LONG = Duration.ofSeconds(60);
    private static final String QUESTION = "What is the capital of France?";

    /** Answers from what was said before under the same id. */
    @RegisterAiService
    public interface Guide {

        @dev.langchain4j.service.SystemMessage("You are a helpful guide.")
        String answer(@MemoryId String id, @dev.langchain4j.service.UserMessage String question);

        @dev.langchain4j.service.SystemMessage("You are a helpful guide.")
        Multi<String> stream(@MemoryId String id, @dev.langchain4j.service.UserMessage String question);
    }

    /** What an extractor finds. */
    public record Place(@JsonProperty(required = true) String city, @JsonProperty(required = true) int people) {
    }

    /** Answers with an object. */
    @RegisterAiService(modelName = "long")
    public interface Extractor {

        Place extract(@dev.langchain4j.service.UserMessage String text);
    }

    /** Takes its time. */
    @RegisterAiService(modelName = "long")
    public interface Storyteller {

        Multi<String> tell(@dev.langchain4j.service.UserMessage String wish);
    }

    @Inject
    Guide guide;

    @Inject
    Storyteller storyteller;

    @Inject
    Extractor extractor;

    @Inject
    RecordedConversations conversations;

    @BeforeEach
    void forget() {
        conversations.forget();
    }

    @Test
    @ActivateRequestContext
    void theServiceAnswers() {
        assertThat(guide.answer("answers", QUESTION)).contains("Paris");
    }

    @Test
    @ActivateRequestContext
    void anAnswerThatIsAnObjectIsHeldToItsClass() {
        assertThat(extractor.extract("Paris has 2100000 people.").city()).isNotNull();
        assertThat(conversations.requests().get(0).responseFormat().jsonSchema()).isNotNull();
    }

    @Test
    @ActivateRequestContext
    void theStreamIsTheAnswerInPieces() {
        List<String> pieces = guide.stream("pieces", QUESTION).collect().asList().await().atMost(LONG);
        assertThat(pieces).hasSizeGreaterThan(2);
        assertThat(String.join("", pieces)).isEqualTo(guide.answer("whole", QUESTION));
    }

    @Test
    @ActivateRequestContext
    void theServiceRemembersTheConversation() {
        String first = guide.answer("remembers", QUESTION);
        guide.answer("remembers", "And of Italy?");
        List<ChatMessage> second = conversations.requests().get(1).messages();
        assertThat(second).containsExactly(SystemMessage.from("You are a helpful guide."), UserMessage.from(QUESTION),
                AiMessage.from(first), UserMessage.from("And of Italy?"));
    }

    /** The one slot is busy with a long story; were it told to its end, the listener would hear of that first. */
    @Test
    @ActivateRequestContext
    void cancellingTheStreamFreesTheSlotForTheNextQuestion() {
        AssertSubscriber<String> reader = storyteller.tell("Tell me a very long story about a river.").subscribe()
                .withSubscriber(AssertSubscriber.create(Long.MAX_VALUE));
        reader.awaitNextItem(LONG);
        reader.cancel();
        String answer = guide.answer("next", QUESTION);
        assertThat(answer).contains("Paris");
        assertThat(conversations.responses()).singleElement()
                .satisfies(response -> assertThat(response.aiMessage().text()).isEqualTo(answer));
    }
}

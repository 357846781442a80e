package io.quarkiverse.eagle.langchain4j;

import java.util.List;
import java.util.stream.Collectors;

import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.Content;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;

/** From LangChain4j's requests to the model's. What the model cannot do is refused, never left out silently. */
final class ChatRequests {

    private ChatRequests() {
    }

    /**
     * @param model the name of the model that is to answer
     * @throws UnsupportedFeatureException the request wants what the model cannot do
     * @throws InvalidRequestException the request is for another model
     * @throws io.quarkiverse.eagle.InvalidRequestException a parameter is out of its range
     */
    static GenerationRequest generation(String model, ChatRequest request) {
        ChatRequestParameters parameters = request.parameters();
        requireModel(model, parameters);
        return GenerationRequest.chat(request.messages().stream().map(ChatRequests::message).toList())
                .with(options(parameters).withFormat(ResponseForms.format(parameters.responseFormat())))
                .withTools(ResponseForms.tools(parameters));
    }

    private static void requireModel(String model, ChatRequestParameters parameters) {
        if (parameters.modelName() != null && !parameters.modelName().equals(model)) {
            throw new InvalidRequestException("the request is for the model " + parameters.modelName() + ", but this one is "
                    + model + "; leave the model name out, or inject the model with @ModelName");
        }
    }

    private static GenerationOptions options(ChatRequestParameters parameters) {
        GenerationOptions options = GenerationOptions.defaults();
        if (parameters.temperature() != null) {
            options = options.withTemperature(parameters.temperature());
        }
        if (parameters.topP() != null) {
            options = options.withTopP(parameters.topP());
        }
        if (parameters.topK() != null) {
            options = options.withTopK(parameters.topK());
        }
        if (parameters.maxOutputTokens() != null) {
            options = options.withMaxTokens(parameters.maxOutputTokens());
        }
        if (!parameters.stopSequences().isEmpty()) {
            options = options.withStop(parameters.stopSequences());
        }
        EagleChatRequestParameters own = parameters instanceof EagleChatRequestParameters eagle ? eagle
                : EagleChatRequestParameters.EMPTY;
        double repetition = orElse(own.repetitionPenalty(), options.repetitionPenalty());
        options = options.withPenalties(repetition, orElse(parameters.presencePenalty(), options.presencePenalty()),
                orElse(parameters.frequencyPenalty(), options.frequencyPenalty()));
        return options.withMinP(orElse(own.minP(), options.minP())).withSeed(own.seed()).withDrafter(own.drafter())
                .withAcceptance(own.acceptance()).withDeadline(own.timeout());
    }

    private static double orElse(Double value, double otherwise) {
        return value == null ? otherwise : value;
    }

    private static io.quarkiverse.eagle.ChatMessage message(ChatMessage message) {
        if (message instanceof SystemMessage system) {
            return io.quarkiverse.eagle.ChatMessage.system(system.text());
        }
        if (message instanceof UserMessage user) {
            return io.quarkiverse.eagle.ChatMessage.user(text(user.contents()));
        }
        if (message instanceof AiMessage answer) {
            return io.quarkiverse.eagle.ChatMessage.assistant(answer.text() == null ? "" : answer.text(),
                    answer.toolExecutionRequests().stream().map(ResponseForms::call).toList());
        }
        if (message instanceof ToolExecutionResultMessage result) {
            return io.quarkiverse.eagle.ChatMessage.tool(text(result.contents()), result.id());
        }
        throw new UnsupportedFeatureException("a message of type " + message.type()
                + " is not supported by the provider eagle; it takes system, user, AI and tool result messages of text");
    }

    private static String text(List<Content> contents) {
        return contents.stream().map(content -> {
            if (content instanceof TextContent text) {
                return text.text();
            }
            throw new UnsupportedFeatureException("content of type " + content.type()
                    + " is not supported by the provider eagle; its models read text only");
        }).collect(Collectors.joining("\n"));
    }
}

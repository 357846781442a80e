package io.quarkiverse.eagle.langchain4j;

import java.util.List;
import java.util.UUID;

import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.exception.InternalServerException;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.LangChain4jException;
import dev.langchain4j.exception.RateLimitException;
import dev.langchain4j.exception.TimeoutException;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.output.FinishReason;
import dev.langchain4j.model.output.TokenUsage;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.OverloadedException;

/** From the model's results and errors to LangChain4j's. */
final class ChatAnswers {

    private ChatAnswers() {
    }

    static ChatResponse response(String model, GenerationResult result) {
        EagleChatResponseMetadata metadata = EagleChatResponseMetadata.builder().modelName(model)
                .tokenUsage(new TokenUsage(result.promptTokens(), result.completionTokens()))
                .finishReason(finishReason(result)).result(result).build();
        return ChatResponse.builder().aiMessage(message(result)).metadata(metadata).build();
    }

    private static AiMessage message(GenerationResult result) {
        if (result.toolCalls().isEmpty()) {
            return AiMessage.from(result.text());
        }
        List<ToolExecutionRequest> calls = result.toolCalls().stream().map(call -> ToolExecutionRequest.builder()
                .id(UUID.randomUUID().toString()).name(call.name()).arguments(call.arguments()).build()).toList();
        return AiMessage.builder().text(result.text().isEmpty() ? null : result.text()).toolExecutionRequests(calls).build();
    }

    private static FinishReason finishReason(GenerationResult result) {
        return switch (result.finishReason()) {
            case STOP -> result.toolCalls().isEmpty() ? FinishReason.STOP : FinishReason.TOOL_EXECUTION;
            case LENGTH -> FinishReason.LENGTH;
            case DEADLINE, CANCELLED, ABANDONED, SHUTDOWN -> FinishReason.OTHER;
        };
    }

    /** The exception of LangChain4j that tells callers, and their retries, what to make of a failure. */
    static RuntimeException error(Throwable failure) {
        if (failure instanceof LangChain4jException known) {
            return known;
        }
        if (failure instanceof io.quarkiverse.eagle.InvalidRequestException) {
            return new InvalidRequestException(failure.getMessage(), failure);
        }
        if (failure instanceof OverloadedException refusal) {
            return switch (refusal.reason()) {
                case QUEUE_FULL, TENANT_LIMIT -> new RateLimitException(failure.getMessage(), failure);
                case QUEUE_TIMEOUT -> new TimeoutException(failure.getMessage(), failure);
                case SHUTTING_DOWN -> new InternalServerException(failure.getMessage(), failure);
            };
        }
        return new InternalServerException(failure.getMessage(), failure);
    }
}

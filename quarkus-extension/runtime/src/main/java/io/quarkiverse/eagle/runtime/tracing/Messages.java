package io.quarkiverse.eagle.runtime.tracing;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.GenerationResult;

/** Prompts and answers in the JSON form of the semantic conventions for generative AI. */
final class Messages {

    private static final ObjectMapper JSON = new ObjectMapper();

    private Messages() {
    }

    /** The prompt of a request that has one in words. */
    static Optional<String> input(GenerationRequest request) {
        if (request.messages() != null) {
            return Optional.of(json(request.messages().stream()
                    .map(message -> message(message.role(), message.content())).toList()));
        }
        return Optional.ofNullable(request.text()).map(text -> json(List.of(message("user", text))));
    }

    /** The answer. */
    static String output(GenerationResult result) {
        Map<String, Object> message = message("assistant", result.text());
        message.put("finish_reason", result.finishReason().json());
        return json(List.of(message));
    }

    private static Map<String, Object> message(String role, String text) {
        Map<String, Object> message = new LinkedHashMap<>();
        message.put("role", role);
        message.put("parts", List.of(Map.of("type", "text", "content", text)));
        return message;
    }

    private static String json(Object messages) {
        try {
            return JSON.writeValueAsString(messages);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("maps of strings always become JSON", e);
        }
    }
}

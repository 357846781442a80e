package io.quarkiverse.eagle.langchain4j;

import java.util.List;
import java.util.Map;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.internal.JsonSchemaElementUtils;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.request.ResponseFormatType;
import dev.langchain4j.model.chat.request.ToolChoice;
import dev.langchain4j.model.chat.request.json.JsonSchemaElement;
import io.quarkiverse.eagle.ResponseFormat;
import io.quarkiverse.eagle.Tool;
import io.quarkiverse.eagle.ToolCall;
import io.quarkiverse.eagle.ToolUse;

/** LangChain4j's response formats and tools as the model's. */
final class ResponseForms {

    private static final ObjectMapper JSON = new ObjectMapper();

    private ResponseForms() {
    }

    /** @param format null for text */
    static ResponseFormat format(dev.langchain4j.model.chat.request.ResponseFormat format) {
        if (format == null || format.type() == ResponseFormatType.TEXT) {
            return ResponseFormat.text();
        }
        return format.jsonSchema() == null ? ResponseFormat.json()
                : ResponseFormat.jsonSchema(schema(format.jsonSchema().rootElement()));
    }

    /** Null when the request offers none. */
    static ToolUse tools(ChatRequestParameters parameters) {
        List<ToolSpecification> specifications = parameters.toolSpecifications();
        if (specifications == null || specifications.isEmpty() || parameters.toolChoice() == ToolChoice.NONE) {
            return null;
        }
        List<Tool> tools = specifications.stream().map(tool -> new Tool(tool.name(), tool.description(),
                tool.parameters() == null ? null : schema(tool.parameters()))).toList();
        return parameters.toolChoice() == ToolChoice.REQUIRED ? ToolUse.required(tools) : ToolUse.offered(tools);
    }

    static ToolCall call(ToolExecutionRequest request) {
        return new ToolCall(request.name(), request.arguments() == null || request.arguments().isBlank() ? "{}"
                : request.arguments(), request.id());
    }

    private static String schema(JsonSchemaElement element) {
        Map<String, Object> schema = JsonSchemaElementUtils.toMap(element);
        try {
            return JSON.writeValueAsString(schema);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a schema is plain data and always becomes JSON", e);
        }
    }
}

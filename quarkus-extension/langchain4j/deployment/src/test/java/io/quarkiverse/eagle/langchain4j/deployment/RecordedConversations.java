package io.quarkiverse.eagle.langchain4j.deployment;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import jakarta.enterprise.context.ApplicationScoped;

import dev.langchain4j.model.chat.listener.ChatModelErrorContext;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.listener.ChatModelRequestContext;
import dev.langchain4j.model.chat.listener.ChatModelResponseContext;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.response.ChatResponse;

/** What the application's listener heard. */
@ApplicationScoped
public class RecordedConversations implements ChatModelListener {

    private final List<ChatRequest> requests = new CopyOnWriteArrayList<>();
    private final List<ChatResponse> responses = new CopyOnWriteArrayList<>();
    private final List<Throwable> errors = new CopyOnWriteArrayList<>();

    @Override
    public void onRequest(ChatModelRequestContext context) {
        requests.add(context.chatRequest());
    }

    @Override
    public void onResponse(ChatModelResponseContext context) {
        responses.add(context.chatResponse());
    }

    @Override
    public void onError(ChatModelErrorContext context) {
        errors.add(context.error());
    }

    public List<ChatRequest> requests() {
        return requests;
    }

    public List<ChatResponse> responses() {
        return responses;
    }

    public List<Throwable> errors() {
        return errors;
    }

    public void forget() {
        requests.clear();
        responses.clear();
        errors.clear();
    }
}

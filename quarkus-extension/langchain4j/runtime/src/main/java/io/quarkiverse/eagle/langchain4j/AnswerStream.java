package io.quarkiverse.eagle.langchain4j;

import java.util.concurrent.Flow;

import org.jboss.logging.Logger;

import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.CompleteToolCall;
import dev.langchain4j.model.chat.response.PartialResponse;
import dev.langchain4j.model.chat.response.PartialResponseContext;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.chat.response.StreamingHandle;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationResult;

/** Hands one answer to its handler: pieces of text as they become certain, then the whole. */
final class AnswerStream implements Flow.Subscriber<GeneratedToken>, StreamingHandle {

    private static final Logger LOG = Logger.getLogger(AnswerStream.class);

    private final String model;
    private final StreamingChatResponseHandler handler;
    private final boolean logResponse;
    private final PartialResponseContext context = new PartialResponseContext(this);
    private volatile Flow.Subscription subscription;
    private volatile boolean cancelled;
    private GenerationResult result;

    AnswerStream(String model, StreamingChatResponseHandler handler, boolean logResponse) {
        this.model = model;
        this.handler = handler;
        this.logResponse = logResponse;
    }

    @Override
    public void onSubscribe(Flow.Subscription tokens) {
        subscription = tokens;
        tokens.request(Long.MAX_VALUE);
    }

    /** A handler that fails gets no more text, and hears of its own failure, as with LangChain4j's own models. */
    @Override
    public void onNext(GeneratedToken token) {
        result = token.result();
        if (cancelled || token.text().isEmpty()) {
            return;
        }
        try {
            handler.onPartialResponse(new PartialResponse(token.text()), context);
        } catch (RuntimeException e) {
            cancel();
            fail(e);
        }
    }

    @Override
    public void onError(Throwable failure) {
        if (!cancelled) {
            fail(ChatAnswers.error(failure));
        }
    }

    @Override
    public void onComplete() {
        if (cancelled) {
            return;
        }
        ChatResponse response = ChatAnswers.response(model, result);
        if (logResponse) {
            LOG.infof("Answer of %s: %s", model, response);
        }
        try {
            int index = 0;
            for (ToolExecutionRequest call : response.aiMessage().toolExecutionRequests()) {
                handler.onCompleteToolCall(new CompleteToolCall(index++, call));
            }
            handler.onCompleteResponse(response);
        } catch (RuntimeException e) {
            fail(e);
        }
    }

    private void fail(RuntimeException failure) {
        try {
            handler.onError(failure);
        } catch (RuntimeException e) {
            LOG.warn("A handler of a streamed answer failed while it was told of a failure", e);
        }
    }

    @Override
    public void cancel() {
        cancelled = true;
        subscription.cancel();
    }

    @Override
    public boolean isCancelled() {
        return cancelled;
    }
}

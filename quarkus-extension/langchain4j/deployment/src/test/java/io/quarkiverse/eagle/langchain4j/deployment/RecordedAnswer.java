package io.quarkiverse.eagle.langchain4j.deployment;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.PartialResponse;
import dev.langchain4j.model.chat.response.PartialResponseContext;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;

/** A streamed answer as its handler saw it; stops asking for more when it has had enough pieces. */
final class RecordedAnswer implements StreamingChatResponseHandler {

    private final List<String> pieces = new CopyOnWriteArrayList<>();
    private final CompletableFuture<ChatResponse> whole = new CompletableFuture<>();
    private final CompletableFuture<Void> cancelled = new CompletableFuture<>();
    private final int enough;

    RecordedAnswer() {
        this(Integer.MAX_VALUE);
    }

    RecordedAnswer(int enough) {
        this.enough = enough;
    }

    @Override
    public void onPartialResponse(PartialResponse piece, PartialResponseContext context) {
        pieces.add(piece.text());
        if (pieces.size() == enough) {
            context.streamingHandle().cancel();
            cancelled.complete(null);
        }
    }

    @Override
    public void onCompleteResponse(ChatResponse response) {
        whole.complete(response);
    }

    @Override
    public void onError(Throwable failure) {
        whole.completeExceptionally(failure);
    }

    List<String> pieces() {
        return pieces;
    }

    boolean isComplete() {
        return whole.isDone();
    }

    ChatResponse whole() throws Exception {
        return whole.get(60, TimeUnit.SECONDS);
    }

    void awaitCancellation() throws Exception {
        cancelled.get(60, TimeUnit.SECONDS);
    }
}

package io.quarkiverse.eagle.chat;

import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;

import org.jboss.resteasy.reactive.RestStreamElementType;

import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.runtime.EagleConfig;
import io.quarkiverse.eagle.runtime.OpenModels;
import io.quarkiverse.eagle.runtime.ServedModel;
import io.smallrye.mutiny.Multi;

/** Streams answers to the chat page. A browser that goes away, or stops the answer, cancels the generation. */
@Path("/chat")
public class ChatResource {

    private final ServedModel model;

    ChatResource(OpenModels models) {
        this.model = models.get(EagleConfig.DEFAULT_MODEL);
    }

    /** One event per token; a request that cannot be served is one event that says why. */
    @POST
    @Consumes(MediaType.APPLICATION_JSON)
    @Produces(MediaType.SERVER_SENT_EVENTS)
    @RestStreamElementType(MediaType.APPLICATION_JSON)
    public Multi<AnswerEvent> chat(Question question) {
        return Multi.createFrom().deferred(() -> {
            LiveAnswer answer = new LiveAnswer();
            return model.stream(question.request(), answer).map(answer::event);
        }).onFailure(ChatResource::isForTheReader).recoverWithItem(failure -> AnswerEvent.failure(failure.getMessage()))
                .onFailure().recoverWithItem(AnswerEvent.failure("The model could not answer; the server's log says why."));
    }

    private static boolean isForTheReader(Throwable failure) {
        return failure instanceof InvalidRequestException || failure instanceof OverloadedException;
    }
}

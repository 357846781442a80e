package io.quarkiverse.eagle;

/** Why a generation ended. */
public enum FinishReason {
    /** The model ended its answer, or a stop string appeared. */
    STOP,
    /** The token limit of the request or the length limit of the model was reached. */
    LENGTH,
    /** The request's deadline passed. */
    DEADLINE,
    /** The consumer cancelled. */
    CANCELLED,
    /** The consumer asked for nothing for longer than the model keeps a generation for it. */
    ABANDONED,
    /** The model was closed, and the time that running generations had to come to their end was over. */
    SHUTDOWN;

    /** The name used in JSON: lower case. */
    public String json() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }
}

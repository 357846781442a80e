package io.quarkiverse.eagle.langchain4j;

import java.util.Objects;

import dev.langchain4j.model.chat.response.ChatResponseMetadata;
import io.quarkiverse.eagle.GenerationResult;

/** What is known of an answer; {@link #result} has τ, cycles, times and the seed. */
public final class EagleChatResponseMetadata extends ChatResponseMetadata {

    private final GenerationResult result;

    private EagleChatResponseMetadata(Builder builder) {
        super(builder);
        this.result = Objects.requireNonNull(builder.result, "result");
    }

    public static Builder builder() {
        return new Builder();
    }

    /** The whole generation. */
    public GenerationResult result() {
        return result;
    }

    @Override
    public Builder toBuilder() {
        Builder builder = new Builder();
        toBuilder(builder);
        return builder.result(result);
    }

    @Override
    public boolean equals(Object other) {
        return super.equals(other) && result.equals(((EagleChatResponseMetadata) other).result);
    }

    @Override
    public int hashCode() {
        return 31 * super.hashCode() + result.hashCode();
    }

    /** Builds the metadata of an answer. */
    public static final class Builder extends ChatResponseMetadata.Builder<Builder> {

        private GenerationResult result;

        private Builder() {
        }

        public Builder result(GenerationResult value) {
            this.result = value;
            return this;
        }

        @Override
        public EagleChatResponseMetadata build() {
            return new EagleChatResponseMetadata(this);
        }
    }
}

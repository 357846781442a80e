package io.quarkiverse.eagle.langchain4j;

import java.time.Duration;
import java.util.Objects;

import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.request.DefaultChatRequestParameters;
import io.quarkiverse.eagle.Acceptance;
import io.quarkiverse.eagle.GenerationOptions;

/** LangChain4j's parameters of a request, and those that only these models have; what is null is left to the defaults. */
public final class EagleChatRequestParameters extends DefaultChatRequestParameters {

    /** Nothing is set. */
    public static final EagleChatRequestParameters EMPTY = builder().build();

    private final Long seed;
    private final Double minP;
    private final Double repetitionPenalty;
    private final String drafter;
    private final Acceptance acceptance;
    private final Duration timeout;

    private EagleChatRequestParameters(Builder builder) {
        super(builder);
        this.seed = builder.seed;
        this.minP = builder.minP;
        this.repetitionPenalty = builder.repetitionPenalty;
        this.drafter = builder.drafter;
        this.acceptance = builder.acceptance;
        this.timeout = builder.timeout;
    }

    public static Builder builder() {
        return new Builder();
    }

    /** As {@link GenerationOptions#seed}. */
    public Long seed() {
        return seed;
    }

    /** As {@link GenerationOptions#minP}. */
    public Double minP() {
        return minP;
    }

    /** As {@link GenerationOptions#repetitionPenalty}. */
    public Double repetitionPenalty() {
        return repetitionPenalty;
    }

    /** As {@link GenerationOptions#drafter}. */
    public String drafter() {
        return drafter;
    }

    /** As {@link GenerationOptions#acceptance}. */
    public Acceptance acceptance() {
        return acceptance;
    }

    /** As {@link GenerationOptions#deadline}. */
    public Duration timeout() {
        return timeout;
    }

    @Override
    public EagleChatRequestParameters overrideWith(ChatRequestParameters that) {
        return builder().overrideWith(this).overrideWith(that).build();
    }

    @Override
    public EagleChatRequestParameters defaultedBy(ChatRequestParameters that) {
        return builder().overrideWith(that).overrideWith(this).build();
    }

    @Override
    public boolean equals(Object other) {
        return super.equals(other) && other instanceof EagleChatRequestParameters that && Objects.equals(seed, that.seed)
                && Objects.equals(minP, that.minP) && Objects.equals(repetitionPenalty, that.repetitionPenalty)
                && Objects.equals(drafter, that.drafter) && acceptance == that.acceptance
                && Objects.equals(timeout, that.timeout);
    }

    @Override
    public int hashCode() {
        return Objects.hash(super.hashCode(), seed, minP, repetitionPenalty, drafter, acceptance, timeout);
    }

    @Override
    public String toString() {
        return super.toString() + "[seed=" + seed + ", minP=" + minP + ", repetitionPenalty=" + repetitionPenalty
                + ", drafter=" + drafter + ", acceptance=" + acceptance + ", timeout=" + timeout + "]";
    }

    /** Builds parameters. */
    public static final class Builder extends DefaultChatRequestParameters.Builder<Builder> {

        private Long seed;
        private Double minP;
        private Double repetitionPenalty;
        private String drafter;
        private Acceptance acceptance;
        private Duration timeout;

        private Builder() {
        }

        @Override
        public Builder overrideWith(ChatRequestParameters that) {
            super.overrideWith(that);
            if (that instanceof EagleChatRequestParameters eagle) {
                seed = eagle.seed != null ? eagle.seed : seed;
                minP = eagle.minP != null ? eagle.minP : minP;
                repetitionPenalty = eagle.repetitionPenalty != null ? eagle.repetitionPenalty : repetitionPenalty;
                drafter = eagle.drafter != null ? eagle.drafter : drafter;
                acceptance = eagle.acceptance != null ? eagle.acceptance : acceptance;
                timeout = eagle.timeout != null ? eagle.timeout : timeout;
            }
            return this;
        }

        public Builder seed(Long value) {
            this.seed = value;
            return this;
        }

        public Builder minP(Double value) {
            this.minP = value;
            return this;
        }

        public Builder repetitionPenalty(Double value) {
            this.repetitionPenalty = value;
            return this;
        }

        public Builder drafter(String value) {
            this.drafter = value;
            return this;
        }

        public Builder acceptance(Acceptance value) {
            this.acceptance = value;
            return this;
        }

        public Builder timeout(Duration value) {
            this.timeout = value;
            return this;
        }

        @Override
        public EagleChatRequestParameters build() {
            return new EagleChatRequestParameters(this);
        }
    }
}

package io.quarkiverse.eagle.langchain4j.runtime.config;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

import io.quarkus.runtime.annotations.ConfigDocDefault;
import io.quarkus.runtime.annotations.ConfigGroup;
import io.smallrye.config.WithDefault;

/** How a chat model answers where a request does not say. */
@ConfigGroup
public interface ChatModelConfig {

    /** The sampling temperature: 0 decodes greedily, higher values give more varied text. */
    @ConfigDocDefault("0, greedy")
    @WithDefault("${quarkus.langchain4j.temperature}")
    OptionalDouble temperature();

    /** Sample from the smallest set of most probable tokens with at least this mass, above 0 and at most 1. */
    @ConfigDocDefault("1, all tokens")
    OptionalDouble topP();

    /** Sample from so many of the most probable tokens. */
    @ConfigDocDefault("all tokens")
    OptionalInt topK();

    /** Most tokens of an answer. */
    @ConfigDocDefault("256")
    OptionalInt maxTokens();

    /** Strings that end an answer; it stops before them. */
    Optional<List<String>> stop();

    /** Subtracted once from the logit of every token that the answer has already. */
    @ConfigDocDefault("0, off")
    OptionalDouble presencePenalty();

    /** Subtracted from a token's logit once for each time that the answer has it already. */
    @ConfigDocDefault("0, off")
    OptionalDouble frequencyPenalty();

    /** Makes sampling repeatable: the same seed gives the same text. */
    @ConfigDocDefault("drawn for each request")
    OptionalLong seed();

    /** How long an answer may take; it ends with what is there by then. */
    @ConfigDocDefault("no limit")
    Optional<Duration> timeout();

    /** Whether requests are logged, with their text. */
    @ConfigDocDefault("false")
    @WithDefault("${quarkus.langchain4j.log-requests}")
    Optional<Boolean> logRequests();

    /** Whether answers are logged, with their text. */
    @ConfigDocDefault("false")
    @WithDefault("${quarkus.langchain4j.log-responses}")
    Optional<Boolean> logResponses();
}

package io.quarkiverse.eagle.openai;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

import io.quarkiverse.eagle.Priority;
import io.quarkus.runtime.annotations.ConfigPhase;
import io.quarkus.runtime.annotations.ConfigRoot;
import io.quarkus.runtime.configuration.MemorySize;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** The OpenAI-compatible endpoints. */
@ConfigMapping(prefix = OpenAiConfig.PREFIX)
@ConfigRoot(phase = ConfigPhase.RUN_TIME)
public interface OpenAiConfig {

    String PREFIX = "quarkus.eagle.openai";

    /**
     * Keys of which a request has to bring one, as {@code Authorization: Bearer KEY}. Without any everybody is served. Each key
     * is
     * a tenant of its own, whom {@code quarkus.eagle.tenant-limit} and {@code quarkus.eagle.tenant-queue-limit} count.
     */
    Optional<List<String>> apiKeys();

    /** The largest body of a request; larger ones are refused with status 413. */
    @WithDefault("4M")
    MemorySize maxBodySize();

    /** The most messages of a chat. */
    @WithDefault("256")
    int maxMessages();

    /** The most answers that one request may ask for, over all of its prompts. Each takes a slot, or waits for one. */
    @WithDefault("16")
    int maxChoices();

    /** Most tokens of an answer when the request does not say; never more than the model's own {@code max-tokens}. */
    @WithDefault("1024")
    int maxTokens();

    /**
     * The highest priority that a request may have while it waits for a slot; it asks with the field {@code priority}, which is
     * {@code low}, {@code normal} or {@code high}, and normal without it.
     */
    @WithDefault("normal")
    Priority highestPriority();

    /**
     * The longest time that a request may take, waiting included; a request may ask for less with {@code deadline}, in seconds.
     */
    Optional<Duration> deadline();
}

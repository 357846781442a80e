package io.quarkiverse.eagle.runtime;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

import io.quarkiverse.eagle.Acceptance;
import io.quarkiverse.eagle.decode.HalfBatching;
import io.quarkiverse.eagle.triton.TritonOptions;
import io.quarkus.runtime.annotations.ConfigDocDefault;
import io.quarkus.runtime.annotations.ConfigDocMapKey;
import io.quarkus.runtime.annotations.ConfigGroup;
import io.smallrye.config.WithDefault;

/** One model. */
@ConfigGroup
public interface ModelConfig {

    /**
     * The folder of the engine bundle, as {@code eagle build} writes it.
     * <p>
     * In dev and test mode the default bundle is built on first use when this is not set; see
     * {@code quarkus.eagle.devservices.enabled}. Otherwise a model without a bundle fails the start.
     */
    Optional<Path> bundle();

    /**
     * The folder of a small language model's bundle with the same tokenizer, which drafts for the drafter
     * {@code speculative}. It runs in this process, wherever the model's own engines run.
     */
    Optional<Path> draftBundle();

    /** What runs the bundle's graphs. */
    @WithDefault("onnxruntime")
    EngineKind engine();

    /** How many generations run at once; more wait. Each slot costs memory for the keys and values of its tokens. */
    @ConfigDocDefault("the bundle's slots")
    OptionalInt slots();

    /** Threads of one step. The first model of a process decides the size of the pool that models of equal size share. */
    @ConfigDocDefault("the machine's cores, at most 16")
    OptionalInt threads();

    /**
     * Whether idle threads of the engine spin between steps. Fastest when the model has its cores to itself, harmful when the
     * process serves other work on them.
     */
    @WithDefault("false")
    boolean spinning();

    /**
     * The drafter of requests that name none. The text is the same with any, unless {@code acceptance} is {@code rejection};
     * only the speed differs.
     * <ul>
     * <li>{@code eagle2}: the bundle's draft head grows a tree of continuations.
     * <li>{@code eagle}: the same head, a tree of 25 nodes whose shape is always the same.
     * <li>{@code pld}: prompt lookup, what followed the last tokens earlier in the context. No model.
     * <li>{@code lookahead}: n-grams from Jacobi iteration in the target's own steps. No model.
     * <li>{@code medusa}: heads of the bundle that each guess a token further ahead from the target's last feature.
     * <li>{@code hydra}: such heads that also see the tokens drafted before their own.
     * <li>{@code speculative}: the small language model of {@code draft-bundle} drafts a chain.
     * <li>{@code mixed}: EAGLE-2 and prompt lookup at once, merged into one tree.
     * <li>{@code none}: no drafting, one token per step.
     * </ul>
     * Or the name of a {@code DrafterProvider} among the application's beans.
     */
    @ConfigDocDefault("eagle2 where the bundle has a draft head, else none")
    Optional<String> drafter();

    /**
     * How the target accepts what the drafter {@code speculative} drafted, in requests that do not say. {@code coupled}: draft
     * and target draw with the same uniform number, and the text of a seed is plain decoding's, token for token.
     * {@code rejection}: the rule of the papers on speculative sampling, min(1, p/q); the text is distributed as plain
     * decoding's and a request with a seed repeats its own text, but it is not plain decoding's. At temperature 0 both are the
     * same. {@code rejection} needs {@code drafter=speculative}; requests that name another drafter are decoded with that one
     * as ever.
     */
    @WithDefault("coupled")
    Acceptance acceptance();

    /**
     * A fixed size of the draft tree, for requests that bring none. Without it the size adapts to the machine, the load and
     * the text.
     */
    Optional<BudgetConfig> budget();

    /** Requests that may wait for a slot; further ones are refused at once. */
    @WithDefault("256")
    int queueLimit();

    /**
     * How long a request may wait for a slot before it is refused. Without it, as long as its own deadline allows.
     */
    Optional<Duration> queueTimeout();

    /**
     * Most tokens of a prompt; a request with more is refused before any work. Without it, as many as the bundle can read.
     */
    OptionalInt maxPromptTokens();

    /** Most tokens that a request may ask for; one that asks for more is refused before any work. */
    @ConfigDocDefault("no limit but the bundle's length")
    OptionalInt maxTokens();

    /** Most tokens of an answer when the request does not say; never more than {@code max-tokens}. */
    @WithDefault("256")
    int defaultMaxTokens();

    /**
     * Generations of one tenant ({@code GenerationRequest.forTenant}) that run at once. Further ones wait, and requests of
     * others pass them. Requests that name no tenant are not limited.
     */
    @ConfigDocDefault("no limit")
    OptionalInt tenantLimit();

    /** Requests of one tenant that may wait for a slot; further ones are refused at once, while others still find room. */
    @ConfigDocDefault("no limit but queue-limit")
    OptionalInt tenantQueueLimit();

    /**
     * How long a generation whose consumer does not ask for tokens keeps its slot when nobody waits for it. Then the slot is
     * free; when the consumer asks again, the generation is read again as far as needed and goes on where it stopped. When
     * somebody waits, the slot goes to him at once.
     */
    @WithDefault("30s")
    Duration parkingTimeout();

    /**
     * How long a consumer may take nothing of the tokens that wait for it before its generation ends, with the reason
     * {@code ABANDONED}. Without it a generation waits for its consumer for ever.
     */
    Optional<Duration> abandonmentTimeout();

    /**
     * How long running generations may take to come to their end when the application stops; then they end with the reason
     * {@code SHUTDOWN} and what they have. New requests and those that wait are refused meanwhile. In dev mode nothing waits.
     */
    @WithDefault("10s")
    Duration shutdownTimeout();

    /**
     * How long requests that came before a reload of the model may take to come to their end on the bundle that it replaced;
     * then those that run end with the reason {@code SHUTDOWN} and what they have, and those that wait are refused. Both
     * bundles are open meanwhile.
     */
    @WithDefault("5m")
    Duration reloadTimeout();

    /**
     * Whether a request that begins with the same tokens as an earlier one, as the next turn of a chat does, goes on from what
     * that one left in its slot, or from a copy of what it holds while it runs, instead of reading them again. The text is the
     * same either way. Requests of different tenants
     * ({@code GenerationRequest.forTenant}) never share.
     */
    @WithDefault("true")
    boolean prefixReuse();

    /**
     * Whether sequences take turns in two halves, with {@code engine=triton}: while the target verifies one half, the other is
     * drafted for.
     * <ul>
     * <li>{@code when-faster}: while that takes less time than one step of all and the drafting before it, as measured. It does
     * where steps are so large that twice the rows take twice the time, and target and draft do not slow each other down.
     * <li>{@code always}: whenever two sequences decode.
     * <li>{@code never}.
     * </ul>
     */
    @WithDefault("when-faster")
    HalfBatching halfBatching();

    /**
     * How long an engine that cannot be reached is tried again before its generations fail. Meanwhile they wait, and go on
     * where
     * they stopped.
     */
    @WithDefault("30s")
    Duration recovery();

    /** The Triton server, with {@code engine=triton}. */
    TritonConfig triton();

    /** All values, for comparing them. Some may be secret: not for the log. */
    @Override
    String toString();

    /** What runs an engine. */
    enum EngineKind {
        /** ONNX Runtime in this process, on the CPU. */
        ONNXRUNTIME,
        /**
         * A Triton server that hosts the bundle's graphs; of the bundle only manifest, tokenizer and chat template are read.
         */
        TRITON
    }

    /** EAGLE-2's three numbers; set all of them or none. */
    @ConfigGroup
    interface BudgetConfig {

        /** Drafted tokens that one step verifies, 1 to 127. The paper's mode is 60. */
        int nodes();

        /** Children per expanded token, and tokens expanded per level, 1 to 32. The paper's mode is 10. */
        int topK();

        /** Levels of the tree, 1 to 16. The paper's mode is 6. */
        int depth();

        /** All values, for comparing them. */
        @Override
        String toString();
    }

    /** Where and how engines at Triton are reached. */
    @ConfigGroup
    interface TritonConfig {

        /**
         * Servers as {@code host:port} of their gRPC service. Without {@code spread} in order of preference: the next one is
         * taken when one fails. In dev and test mode a server is started when this is not set.
         */
        @ConfigDocDefault(TritonConfig.STANDARD_ENDPOINT)
        Optional<List<String>> endpoints();

        /**
         * Whether all endpoints serve at once. Each request goes to one of them, chosen by what they read before and by what
         * they have to do; slots, queue and tenant limits are per endpoint. One of them must be there when the model opens; the
         * others are added when they answer.
         */
        @WithDefault("false")
        boolean spread();

        /** Where Triton listens when nothing else is said. */
        String STANDARD_ENDPOINT = "localhost:8001";

        /**
         * The TLS configuration ({@code quarkus.tls."name".…}) that connections are encrypted with: its trust store verifies
         * the
         * server, its key store is shown to servers that want a client certificate. Without it connections are plain text.
         */
        Optional<String> tlsConfigurationName();

        /**
         * Metadata of every call. A server that restricts a protocol with
         * {@code --grpc-restricted-protocol=inference:key=SECRET}
         * wants {@code triton-grpc-protocol-key=SECRET}.
         */
        @ConfigDocMapKey("header-name")
        Map<String, String> headers();

        /** Deadline of the calls that open a model. */
        @WithDefault("10s")
        Duration callTimeout();

        /** How long a step may take before its engine counts as lost. */
        @WithDefault("60s")
        Duration stepTimeout();

        /**
         * Silence after which a connection is probed. Triton takes probes more often than every five minutes for abuse unless
         * it
         * is started with a shorter {@code --grpc-http2-min-recv-ping-interval-without-data}.
         */
        @WithDefault("6m")
        Duration keepAlive();

        /** How long such a probe may stay unanswered before the connection is given up. */
        @WithDefault("20s")
        Duration keepAliveTimeout();

        /** Whether tensors go through shared memory, for a server on this machine that runs as the same user. */
        @WithDefault("false")
        boolean sharedMemory();

        /**
         * How draft trees are asked for: {@code tree} drafts all levels in one request, with the levels of an adaptive tree
         * decided beforehand; {@code levels} makes a request per level and stops where the next one would not pay.
         */
        @WithDefault("tree")
        TritonOptions.Drafting drafting();

        /** All values, for comparing them. Headers may be secret: not for the log. */
        @Override
        String toString();
    }
}

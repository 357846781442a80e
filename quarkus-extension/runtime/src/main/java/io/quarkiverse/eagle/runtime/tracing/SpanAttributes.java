package io.quarkiverse.eagle.runtime.tracing;

import static io.opentelemetry.api.common.AttributeKey.booleanKey;
import static io.opentelemetry.api.common.AttributeKey.doubleKey;
import static io.opentelemetry.api.common.AttributeKey.longKey;
import static io.opentelemetry.api.common.AttributeKey.stringArrayKey;
import static io.opentelemetry.api.common.AttributeKey.stringKey;

import java.util.List;

import io.opentelemetry.api.common.AttributeKey;

/** The attributes of a generation's span: OpenTelemetry's semantic conventions for generative AI, and the project's own. */
final class SpanAttributes {

    static final AttributeKey<String> OPERATION = stringKey("gen_ai.operation.name");
    static final AttributeKey<String> PROVIDER = stringKey("gen_ai.provider.name");
    /** The provider's name in the conventions up to 1.36, which many backends still read. */
    static final AttributeKey<String> SYSTEM = stringKey("gen_ai.system");
    static final AttributeKey<String> REQUEST_MODEL = stringKey("gen_ai.request.model");
    static final AttributeKey<Double> TEMPERATURE = doubleKey("gen_ai.request.temperature");
    static final AttributeKey<Double> TOP_P = doubleKey("gen_ai.request.top_p");
    static final AttributeKey<Double> TOP_K = doubleKey("gen_ai.request.top_k");
    static final AttributeKey<Long> MAX_TOKENS = longKey("gen_ai.request.max_tokens");
    static final AttributeKey<Long> SEED = longKey("gen_ai.request.seed");
    static final AttributeKey<Double> PRESENCE_PENALTY = doubleKey("gen_ai.request.presence_penalty");
    static final AttributeKey<Double> FREQUENCY_PENALTY = doubleKey("gen_ai.request.frequency_penalty");
    static final AttributeKey<List<String>> STOP = stringArrayKey("gen_ai.request.stop_sequences");
    static final AttributeKey<String> RESPONSE_ID = stringKey("gen_ai.response.id");
    static final AttributeKey<String> RESPONSE_MODEL = stringKey("gen_ai.response.model");
    static final AttributeKey<List<String>> FINISH_REASONS = stringArrayKey("gen_ai.response.finish_reasons");
    static final AttributeKey<Long> INPUT_TOKENS = longKey("gen_ai.usage.input_tokens");
    static final AttributeKey<Long> CACHED_TOKENS = longKey("gen_ai.usage.cache_read.input_tokens");
    static final AttributeKey<Long> OUTPUT_TOKENS = longKey("gen_ai.usage.output_tokens");
    static final AttributeKey<String> INPUT_MESSAGES = stringKey("gen_ai.input.messages");
    static final AttributeKey<String> OUTPUT_MESSAGES = stringKey("gen_ai.output.messages");
    static final AttributeKey<String> SERVER_ADDRESS = stringKey("server.address");
    static final AttributeKey<Long> SERVER_PORT = longKey("server.port");
    static final AttributeKey<String> ERROR_TYPE = stringKey("error.type");

    /** The name that the model is configured under. */
    static final AttributeKey<String> MODEL = stringKey("eagle.model");
    static final AttributeKey<String> DRAFTER = stringKey("eagle.drafter");
    static final AttributeKey<Double> TAU = doubleKey("eagle.tau");
    static final AttributeKey<Long> CYCLES = longKey("eagle.cycles");
    static final AttributeKey<Long> DRAFTED_TOKENS = longKey("eagle.drafted_tokens");
    static final AttributeKey<Double> FIRST_TOKEN = doubleKey("eagle.time_to_first_token");
    static final AttributeKey<Double> DRAFT_TIME = doubleKey("eagle.time.draft");
    static final AttributeKey<Double> VERIFY_TIME = doubleKey("eagle.time.verify");
    static final AttributeKey<Double> HOST_TIME = doubleKey("eagle.time.host");
    /** The seed of the draws, also when it was drawn for the request. */
    static final AttributeKey<Long> DRAWN_SEED = longKey("eagle.seed");
    static final AttributeKey<Boolean> CANCELLED = booleanKey("eagle.cancelled");

    /** An event of the span: one draft-verify cycle. */
    static final String CYCLE = "eagle.cycle";
    static final AttributeKey<Long> CYCLE_NODES = longKey("eagle.cycle.nodes");
    static final AttributeKey<Long> CYCLE_TOKENS = longKey("eagle.cycle.tokens");

    private SpanAttributes() {
    }
}

package io.quarkiverse.eagle.openai;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.UnaryOperator;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;

import io.quarkiverse.eagle.Acceptance;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.Priority;
import io.quarkiverse.eagle.ResponseFormat;
import io.quarkiverse.eagle.ToolUse;
import io.quarkiverse.eagle.decode.SpeculativeModel;

/** From a request's JSON to generations. Whatever is wrong is said with the name of the field that has to change. */
final class CompletionReader {

    private static final int MOST_STOPS = 4;

    /** Fields that would change the answer and that are not served: ignoring them would give another answer than asked for. */
    private static final List<String> UNSUPPORTED = List.of("functions", "logit_bias", "suffix", "echo", "audio");

    private final OpenAiConfig config;
    private final ModelDirectory models;
    private final PromptReader prompts;

    CompletionReader(OpenAiConfig config, ModelDirectory models) {
        this.config = config;
        this.models = models;
        this.prompts = new PromptReader(config.maxMessages());
    }

    /**
     * @param tenant whose request it is, null for nobody's
     * @throws RequestError the request cannot be served as it stands
     */
    CompletionCall read(JsonNode body, AnswerForm form, String tenant) {
        Fields fields = PromptReader.object(body);
        ModelDirectory.Entry model = models.find(fields.text("model"));
        refuseWhatIsNotServed(fields, form);
        List<GenerationRequest> asked = form == AnswerForm.CHAT ? List.of(prompts.messages(fields)) : prompts.prompts(fields);
        int copies = copies(fields, asked.size());
        int logprobs = logprobs(fields, form);
        GenerationOptions options = options(fields, logprobs, model.model().limits().tokens());
        Priority priority = priority(fields);
        ToolUse tools = form == AnswerForm.CHAT ? ToolReader.read(fields) : null;
        requireFormat(model.model(), options, tools);
        requireAcceptance(model.model(), options, tools);
        List<GenerationRequest> choices = new ArrayList<>();
        int promptTokens = 0;
        for (GenerationRequest prompt : asked) {
            int[] ids = prompts.tokens(tools == null ? prompt : prompt.withTools(tools), model.model());
            promptTokens += ids.length;
            for (int copy = 0; copy < copies; copy++) {
                GenerationOptions own = options.seed() == null ? options : options.withSeed(options.seed() + choices.size());
                choices.add(GenerationRequest.tokens(ids).with(own).forTenant(tenant).withPriority(priority)
                        .withTools(tools));
            }
        }
        boolean stream = fields.flag("stream");
        boolean usage = fields.inside("stream_options").flag("include_usage");
        return new CompletionCall(form, model, choices, promptTokens, stream, stream && usage, logprobs);
    }

    private int copies(Fields fields, int prompts) {
        int copies = fields.integer("n", 1);
        if (copies < 1 || (long) copies * prompts > config.maxChoices()) {
            throw RequestError.wrong("n", "n is " + copies + " for " + prompts + " prompt(s); it must be at least 1, and "
                    + config.maxChoices() + " answers are the most of one request");
        }
        int best = fields.integer("best_of", copies);
        if (best != copies) {
            throw RequestError.unsupported("best_of", "best_of is " + best + "; leave it out, n answers are decoded");
        }
        return copies;
    }

    /** Now rather than while the answer is awaited, and with the name of the field that has to change. */
    private static void requireFormat(SpeculativeModel model, GenerationOptions options, ToolUse tools) {
        try {
            model.requireFormat(GenerationRequest.tokens().with(options).withTools(tools));
        } catch (InvalidRequestException e) {
            throw RequestError.wrong(options.format() instanceof ResponseFormat.Text ? "tools" : "response_format",
                    e.getMessage());
        }
    }

    private static void requireAcceptance(SpeculativeModel model, GenerationOptions options, ToolUse tools) {
        try {
            model.requireAcceptance(GenerationRequest.tokens().with(options).withTools(tools));
        } catch (InvalidRequestException e) {
            throw RequestError.wrong("acceptance", e.getMessage());
        }
    }

    private static void refuseWhatIsNotServed(Fields fields, AnswerForm form) {
        if (form == AnswerForm.TEXT && fields.has("tools")) {
            throw RequestError.unsupported("tools", "tools are offered in chats; use /v1/chat/completions");
        }
        for (String field : UNSUPPORTED) {
            JsonNode value = fields.get(field);
            if (value != null && !(value.isContainerNode() && value.isEmpty()) && !value.equals(
                    BooleanNode.FALSE)) {
                throw RequestError.unsupported(field, field + " is not supported; leave it out");
            }
        }
    }

    private static int logprobs(Fields fields, AnswerForm form) {
        int wanted;
        String field;
        if (form == AnswerForm.CHAT) {
            field = "top_logprobs";
            boolean on = fields.flag("logprobs");
            wanted = fields.integer(field, 0);
            if (!on && fields.has(field)) {
                throw RequestError.wrong(field, "top_logprobs needs logprobs to be true; set it");
            }
            wanted = on ? wanted : -1;
        } else {
            field = "logprobs";
            wanted = fields.integer(field, -1);
        }
        if (wanted > 20 || wanted < 0 && fields.has(field)) {
            throw RequestError.wrong(field, field + " is " + wanted + "; it must be between 0 and 20");
        }
        return wanted;
    }

    /** @param most the model's own limit of tokens, 0 for none */
    private GenerationOptions options(Fields fields, int logprobs, int most) {
        String limit = fields.has("max_completion_tokens") ? "max_completion_tokens" : "max_tokens";
        Options options = new Options();
        options.set(limit, o -> o.withMaxTokens(
                fields.integer(limit, most == 0 ? config.maxTokens() : Math.min(most, config.maxTokens()))));
        if (most > 0 && options.made.maxTokens() > most) {
            throw RequestError.wrong(limit, limit + " is " + options.made.maxTokens() + "; the model gives at most " + most
                    + " tokens");
        }
        options.set("temperature", o -> o.withTemperature(fields.number("temperature", 1)));
        options.set("top_p", o -> o.withTopP(fields.number("top_p", 1)));
        options.set("top_k", o -> o.withTopK(fields.integer("top_k", 0)));
        options.set("min_p", o -> o.withMinP(fields.number("min_p", 0)));
        options.set("repetition_penalty", o -> o.withPenalties(fields.number("repetition_penalty", 1), 0, 0));
        options.set("presence_penalty", o -> o.withPenalties(o.repetitionPenalty(),
                within(fields, "presence_penalty"), 0));
        options.set("frequency_penalty", o -> o.withPenalties(o.repetitionPenalty(), o.presencePenalty(),
                within(fields, "frequency_penalty")));
        options.set("seed", o -> o.withSeed(fields.longInteger("seed")));
        options.set("stop", o -> o.withStop(stops(fields)));
        options.set("drafter", o -> o.withDrafter(fields.text("drafter")));
        options.set("acceptance", o -> o.withAcceptance(acceptance(fields)));
        options.set("response_format", o -> o.withFormat(FormatReader.read(fields)));
        options.set("deadline", o -> o.withDeadline(deadline(fields)));
        // The chosen token's own log-probability comes with at least one alternative.
        return options.made.withLogprobs(logprobs < 0 ? 0 : Math.max(1, logprobs));
    }

    /** What is asked for, as far as the configuration lets clients go ahead of others. */
    private Priority priority(Fields fields) {
        String asked = fields.text("priority");
        if (asked == null) {
            return lower(Priority.NORMAL, config.highestPriority());
        }
        for (Priority priority : Priority.values()) {
            if (asked.equals(priority.name().toLowerCase(Locale.ROOT))) {
                return lower(priority, config.highestPriority());
            }
        }
        throw RequestError.wrong("priority", "priority is \"" + asked + "\"; it must be low, normal or high");
    }

    private static Acceptance acceptance(Fields fields) {
        String asked = fields.text("acceptance");
        if (asked == null) {
            return null;
        }
        return switch (asked) {
            case "coupled" -> Acceptance.COUPLED;
            case "rejection" -> Acceptance.REJECTION;
            default -> throw RequestError.wrong("acceptance",
                    "acceptance is \"" + asked + "\"; it must be coupled or rejection");
        };
    }

    private static Priority lower(Priority one, Priority other) {
        return one.compareTo(other) < 0 ? one : other;
    }

    private static double within(Fields fields, String field) {
        double value = fields.number(field, 0);
        if (value < -2 || value > 2) {
            throw RequestError.wrong(field, field + " is " + value + "; it must be between -2 and 2");
        }
        return value;
    }

    private Duration deadline(Fields fields) {
        double seconds = fields.number("deadline", -1);
        if (!fields.has("deadline")) {
            return config.deadline().orElse(null);
        }
        if (!(seconds > 0 && seconds <= 86_400)) {
            throw RequestError.wrong("deadline", "deadline is " + seconds + " seconds; it must be above 0 and at most a day");
        }
        Duration asked = Duration.ofNanos(Math.max(1, (long) (seconds * 1e9)));
        return config.deadline().filter(most -> most.compareTo(asked) < 0).orElse(asked);
    }

    private static List<String> stops(Fields fields) {
        JsonNode stop = fields.get("stop");
        List<String> stops = new ArrayList<>();
        if (stop != null && stop.isTextual()) {
            stops.add(stop.textValue());
        } else if (stop != null && stop.isArray() && stop.size() <= MOST_STOPS) {
            stop.forEach(one -> stops.add(one.isTextual() ? one.textValue() : null));
        } else if (stop != null) {
            stops.add(null);
        }
        if (stops.contains(null)) {
            throw RequestError.wrong("stop", "stop must be a string or a list of at most " + MOST_STOPS + " strings");
        }
        return stops;
    }

    /** Options that are made one after the other, so that each one's range error carries its field's name. */
    private static final class Options {

        private GenerationOptions made = GenerationOptions.defaults();

        void set(String field, UnaryOperator<GenerationOptions> change) {
            try {
                made = change.apply(made);
            } catch (InvalidRequestException e) {
                throw RequestError.wrong(field, e.getMessage());
            }
        }
    }
}

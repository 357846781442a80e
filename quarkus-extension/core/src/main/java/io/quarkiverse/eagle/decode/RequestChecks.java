package io.quarkiverse.eagle.decode;

import java.security.SecureRandom;
import java.util.List;
import java.util.function.UnaryOperator;

import io.quarkiverse.eagle.Acceptance;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.InvalidRequestException;
import io.quarkiverse.eagle.ResponseFormat;
import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.draft.Drafters;
import io.quarkiverse.eagle.draft.SpeculativeDrafter;
import io.quarkiverse.eagle.grammar.TokenGrammars;
import io.quarkiverse.eagle.sampling.TokenSampler;
import io.quarkiverse.eagle.text.TokenBytes;
import io.quarkiverse.eagle.tools.ToolForm;

/**
 * Refuses requests that cannot be kept, wherever they would run, before anything is done for them, and completes the others
 * with
 * what they leave to the model. Thread-safe.
 */
final class RequestChecks {

    private static final SecureRandom SEEDS = new SecureRandom();

    private final BundleManifest manifest;
    private final TextParts text;
    private final ToolForm toolForm;
    private final TokenGrammars grammars;
    private final ModelOptions options;
    private final UnaryOperator<String> drafters;

    /** @param drafters the name of the drafter for a wanted one, the model's own for null; refuses what the model has not */
    RequestChecks(Bundle bundle, TextParts text, ModelOptions options, UnaryOperator<String> drafters) {
        this.manifest = bundle.manifest();
        this.text = text;
        this.toolForm = ToolForm.of(text.template().source());
        this.grammars = new TokenGrammars(() -> TokenBytes.load(bundle.tokenizer()),
                manifest.eosIds().stream().mapToInt(Integer::intValue).toArray(), manifest.model().vocabulary());
        this.options = options;
        this.drafters = drafters;
    }

    /**
     * What of a request was checked, and needs no replica.
     *
     * @param generation with everything that the request left to the model
     */
    record Checked(int[] prompt, GenerationOptions generation, String drafter, long seed, TokenSampler sampler) {
    }

    /** Refuses what cannot be done, wherever it were done, before anything is. */
    Checked check(GenerationRequest request) {
        int[] prompt = promptIds(request);
        GenerationOptions generation = limited(request.options());
        if (generation.budget() == null && options.budget() != null) {
            generation = generation.withBudget(options.budget());
        }
        String drafter = drafters.apply(generation.drafter());
        ResponseFormat format = format(request);
        generation = accepting(generation, drafter, format);
        long seed = generation.seed() == null ? SEEDS.nextLong() : generation.seed();
        return new Checked(prompt, generation, drafter, seed,
                new TokenSampler(generation, seed, manifest.model().vocabulary(), grammars.start(format)));
    }

    /** The options with the rule of acceptance in effect, and with what the rule asks for. */
    private GenerationOptions accepting(GenerationOptions wanted, String drafter, ResponseFormat format) {
        if (wanted.acceptance() == Acceptance.REJECTION) {
            requireRejection(drafter, format);
        }
        boolean free = format instanceof ResponseFormat.Text;
        Acceptance rule = !free || !drafter.equals(SpeculativeDrafter.NAME) ? Acceptance.COUPLED
                : wanted.acceptance() != null ? wanted.acceptance() : options.acceptance();
        GenerationOptions effective = wanted.withAcceptance(rule);
        boolean repeats = rule == Acceptance.REJECTION && wanted.seed() != null && !wanted.greedy();
        return repeats && wanted.budget() == null ? effective.withBudget(SpeculativeDrafter.REPEATABLE) : effective;
    }

    /** With the model's default number of tokens where none is said; refuses more than the model's limit. */
    private GenerationOptions limited(GenerationOptions generation) {
        RequestLimits limits = options.limits();
        if (generation.maxTokens() == 0) {
            return generation.withMaxTokens(limits.defaultTokens());
        }
        if (limits.tokens() > 0 && generation.maxTokens() > limits.tokens()) {
            throw new InvalidRequestException("max-tokens", "the request asks for up to " + generation.maxTokens()
                    + " tokens, but " + manifest.name() + " gives at most " + limits.tokens()
                    + " (max-tokens); ask for fewer");
        }
        return generation;
    }

    /** The token ids that a request's prompt becomes. */
    int[] promptIds(GenerationRequest request) {
        int[] ids;
        if (request.tokenIds() != null) {
            ids = request.tokenIds();
            for (int id : ids) {
                if (id < 0 || id >= manifest.model().vocabulary()) {
                    throw new InvalidRequestException("token id " + id + " is not in the model's vocabulary of "
                            + manifest.model().vocabulary());
                }
            }
        } else if (request.messages() != null) {
            if (request.messages().isEmpty()) {
                throw new InvalidRequestException("the chat has no messages; send at least one");
            }
            ids = text.tokenizer().encode(text.template().render(toolForm.messages(request.messages(), request.tools()), true,
                    request.tools() == null || toolForm == ToolForm.TOLD ? List.of() : request.tools().tools()), false);
        } else {
            ids = text.tokenizer().encode(request.text(), true);
        }
        if (ids.length == 0) {
            throw new InvalidRequestException("the prompt is empty; give at least one token");
        }
        int most = options.limits().promptTokens();
        if (most > 0 && ids.length > most) {
            throw new InvalidRequestException("max-prompt-tokens", "the prompt has " + ids.length + " tokens, but "
                    + manifest.name() + " takes at most " + most + " (max-prompt-tokens); shorten it");
        }
        if (ids.length >= manifest.maxLength()) {
            throw new InvalidRequestException("the prompt has " + ids.length + " tokens, but the model takes at most "
                    + (manifest.maxLength() - 1) + " and needs room for an answer; shorten it, or build the bundle with a"
                    + " larger --max-length");
        }
        return ids;
    }

    /** Refuses a format that cannot be kept, that of a required tool call included. */
    void requireFormat(GenerationRequest request) {
        grammars.start(format(request));
    }

    /** Refuses a rule of acceptance that goes neither with the drafter nor with the format. */
    void requireAcceptance(GenerationRequest request) {
        if (request.options().acceptance() == Acceptance.REJECTION) {
            String wanted = request.options().drafter();
            requireRejection(wanted != null ? wanted : drafters.apply(null), format(request));
        }
    }

    private static void requireRejection(String drafter, ResponseFormat format) {
        Drafters.requireDraws(drafter);
        if (!(format instanceof ResponseFormat.Text)) {
            throw new InvalidRequestException("acceptance \"rejection\" is for free text, but the answer is held to a"
                    + " format; choose acceptance \"coupled\"");
        }
    }

    private ResponseFormat format(GenerationRequest request) {
        ResponseFormat asked = request.options().format();
        if (request.tools() == null || !request.tools().required()) {
            return asked;
        }
        if (!(asked instanceof ResponseFormat.Text)) {
            throw new InvalidRequestException("a tool has to be called, and the answer is to have a format of its own; leave"
                    + " one of them out");
        }
        return toolForm.required(request.tools());
    }
}

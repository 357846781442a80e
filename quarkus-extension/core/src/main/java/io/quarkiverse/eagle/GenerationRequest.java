package io.quarkiverse.eagle;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * What to continue, and how. Exactly one of the three forms is set: chat messages (rendered through the model's template), raw
 * text, or token ids.
 */
public final class GenerationRequest {

    private final List<ChatMessage> messages;
    private final String text;
    private final int[] tokenIds;
    private final GenerationOptions options;
    private final String tenant;
    private final Priority priority;
    private final ToolUse tools;

    private GenerationRequest(List<ChatMessage> messages, String text, int[] tokenIds, GenerationOptions options,
            String tenant, Priority priority, ToolUse tools) {
        this.messages = messages;
        this.text = text;
        this.tokenIds = tokenIds;
        this.options = Objects.requireNonNull(options, "options");
        this.tenant = tenant;
        this.priority = Objects.requireNonNull(priority, "priority");
        this.tools = tools;
    }

    /** A single question of a user, through the model's chat template. */
    public static GenerationRequest chat(String userMessage) {
        return chat(List.of(ChatMessage.user(userMessage)));
    }

    /** A chat, through the model's chat template. */
    public static GenerationRequest chat(List<ChatMessage> messages) {
        return new GenerationRequest(List.copyOf(messages), null, null, GenerationOptions.defaults(), null, Priority.NORMAL,
                null);
    }

    /** Raw text, without the chat template. */
    public static GenerationRequest raw(String text) {
        return new GenerationRequest(null, Objects.requireNonNull(text, "text"), null, GenerationOptions.defaults(), null,
                Priority.NORMAL, null);
    }

    /** Token ids of the model's own vocabulary, taken as they are. */
    public static GenerationRequest tokens(int... ids) {
        return new GenerationRequest(null, null, ids.clone(), GenerationOptions.defaults(), null, Priority.NORMAL, null);
    }

    public GenerationRequest with(GenerationOptions options) {
        return new GenerationRequest(messages, text, tokenIds, options, tenant, priority, tools);
    }

    /**
     * The same for a tenant: what earlier requests left in the model's slots is reused between requests of one tenant only, so
     * that nobody learns from response times what others asked. Requests without a tenant share among themselves. Slots go
     * round the tenants that wait, and a model's limits per tenant count those with a name.
     *
     * @param tenant a name, null for none
     */
    public GenerationRequest forTenant(String tenant) {
        return new GenerationRequest(messages, text, tokenIds, options, tenant, priority, tools);
    }

    /** The same with another priority among those who wait for a slot; {@link Priority#NORMAL} when nothing is said. */
    public GenerationRequest withPriority(Priority priority) {
        return new GenerationRequest(messages, text, tokenIds, options, tenant, priority, tools);
    }

    /**
     * The same with tools that the model may ask for; a chat only. Where a call is required, the options' response format must
     * be text.
     *
     * @param tools null for none
     */
    public GenerationRequest withTools(ToolUse tools) {
        if (tools != null && text != null) {
            throw new InvalidRequestException("tools are offered in a chat; send messages instead of raw text");
        }
        return new GenerationRequest(messages, text, tokenIds, options, tenant, priority, tools);
    }

    /** The tools, or null. */
    public ToolUse tools() {
        return tools;
    }

    /** The chat, or null when the request is raw text or tokens. */
    public List<ChatMessage> messages() {
        return messages;
    }

    /** The raw text, or null. */
    public String text() {
        return text;
    }

    /** A copy of the token ids, or null. */
    public int[] tokenIds() {
        return tokenIds == null ? null : tokenIds.clone();
    }

    /** The tenant's name, or null. */
    public String tenant() {
        return tenant;
    }

    public Priority priority() {
        return priority;
    }

    public GenerationOptions options() {
        return options;
    }

    @Override
    public String toString() {
        String prompt = messages != null ? messages.toString() : text != null ? text : Arrays.toString(tokenIds);
        return "GenerationRequest[" + prompt + ", " + options + "]";
    }
}

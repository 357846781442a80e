package io.quarkiverse.eagle;

/**
 * How the target accepts what the drafter {@code speculative} drafted. Either way the text is distributed as plain decoding's;
 * at temperature 0 both are the same.
 */
public enum Acceptance {

    /**
     * Draft and target draw with the same uniform number, and a drafted token is accepted when the target draws it too. The
     * text of a seed is plain decoding's, token for token.
     */
    COUPLED,

    /**
     * The rule of the papers (arXiv 2211.17192, 2302.01318): the draft draws by itself, a token x is accepted with
     * probability min(1, p(x) / q(x)), and a rejected one is replaced by a draw from what p has more than q. More tokens are
     * accepted where the two distributions lie close together. The text of a seed is not that of plain decoding.
     * <p>
     * A request that names its seed repeats its text: its chains have a fixed length then, the budget's where it brings one.
     * The chains of a request without a seed adapt to measured times, so the seed that is drawn for it does not repeat it.
     * Answers that are held to a format are coupled: a model's default gives way, a request that asks for both is refused.
     */
    REJECTION
}

package io.quarkiverse.eagle.toy;

/**
 * A draft head of a {@link ToyLanguage} that agrees with the target's best token as often as it is told to, by depth, and says
 * how sure it is: some prefixes are easy, some are hard, and its confidences are the true chances. Where its first guess is not
 * the target's best token, it is among the further guesses as often as not, each time with half the chance of the one before.
 */
public final class AgreeingDraft extends ToyDraft {

    /** How far the chances of the easiest and the hardest prefixes are apart. */
    private static final double SPREAD = 0.6;
    private static final double LEAST = 0.02;
    /** How often the target's best token is among the further guesses where the first one is wrong. */
    private static final double FOUND = 0.5;

    private final ToyLanguage language;
    private final double[] agreement;

    /**
     * @param agreement mean chance that the first guess is the target's best token, by depth; the last one holds for all deeper
     *        levels
     */
    public AgreeingDraft(ToyLanguage language, int slots, int maxLength, int maxRows, int topK, double... agreement) {
        super(language, slots, maxLength, maxRows, topK, 0);
        this.language = language;
        this.agreement = agreement.clone();
    }

    @Override
    float[] outputs(Row row) {
        float[] logits = language.logits(row.prefix());
        int[] order = ToyLanguage.descending(logits);
        double mean = agreement[Math.min(row.depth(), agreement.length) - 1];
        double sure = Math.max(LEAST, Math.min(1 - LEAST, mean + SPREAD * (uniform(row.prefix(), 1) - 0.5)));
        int place = place(uniform(row.prefix(), 2), sure, order.length);
        int best = order[0];
        System.arraycopy(order, 1, order, 0, place);
        order[place] = best;
        double chance = sure;
        for (int i = 0; i < order.length; i++) {
            logits[order[i]] = (float) Math.log(chance);
            chance = i == 0 ? FOUND * (1 - sure) / 2 : chance / 2;
        }
        return logits;
    }

    /** Where among the guesses the target's best token stands. */
    private static int place(double draw, double sure, int count) {
        double left = draw - sure;
        double chance = FOUND * (1 - sure) / 2;
        int place = 0;
        while (left >= 0 && place < count - 1) {
            place++;
            left -= chance;
            chance /= 2;
        }
        return place;
    }

    private static double uniform(long prefix, int purpose) {
        return (ToyLanguage.mix(prefix ^ purpose * 0x9E3779B97F4A7C15L) >>> 11) * 0x1p-53;
    }
}

package io.quarkiverse.eagle.grammar;

import static io.quarkiverse.eagle.grammar.Form.bytes;
import static io.quarkiverse.eagle.grammar.Form.choice;
import static io.quarkiverse.eagle.grammar.Form.repeat;
import static io.quarkiverse.eagle.grammar.Form.sequence;
import static io.quarkiverse.eagle.grammar.Form.text;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;

import io.quarkiverse.eagle.InvalidRequestException;

/** Numbers within bounds, digit by digit. Bounded numbers are written without an exponent. */
final class NumberForms {

    private static final BigInteger LARGEST = BigInteger.TEN.pow(JsonForms.MOST_DIGITS).subtract(BigInteger.ONE);
    private static final Form DIGIT = bytes(ByteSet.range('0', '9'));

    private NumberForms() {
    }

    /**
     * An end of a range of numbers that are not negative.
     *
     * @param included whether the number itself belongs to the range
     */
    private record End(BigDecimal value, boolean included) {

        private static final End ZERO = new End(BigDecimal.ZERO, true);
        private static final End ABOVE_ZERO = new End(BigDecimal.ZERO, false);
        private static final End FAR = new End(new BigDecimal(LARGEST), true);

        BigInteger whole() {
            return value.toBigInteger();
        }

        /** Digits behind the point, without zeros at the end. */
        String decimals() {
            BigDecimal rest = value.subtract(new BigDecimal(whole())).stripTrailingZeros();
            return rest.signum() == 0 ? "" : rest.toPlainString().substring(2);
        }
    }

    /** Integers within bounds, of which each may be null. */
    static Form integer(BigDecimal least, BigDecimal most, BigDecimal above, BigDecimal below, String path) {
        if (least == null && most == null && above == null && below == null) {
            return JsonForms.INTEGER;
        }
        BigInteger low = LARGEST.negate();
        BigInteger high = LARGEST;
        if (least != null) {
            low = low.max(least.setScale(0, RoundingMode.CEILING).toBigInteger());
        }
        if (above != null) {
            low = low.max(above.setScale(0, RoundingMode.FLOOR).toBigInteger().add(BigInteger.ONE));
        }
        if (most != null) {
            high = high.min(most.setScale(0, RoundingMode.FLOOR).toBigInteger());
        }
        if (below != null) {
            high = high.min(below.setScale(0, RoundingMode.CEILING).toBigInteger().subtract(BigInteger.ONE));
        }
        List<Form> parts = new ArrayList<>();
        addNaturals(low.max(BigInteger.ZERO), high, sequence(), parts);
        List<Form> negative = new ArrayList<>();
        addNaturals(high.negate().max(BigInteger.ONE), low.negate(), sequence(), negative);
        return signed(parts, negative, path);
    }

    /** Numbers within bounds, of which each may be null. */
    static Form number(BigDecimal least, BigDecimal most, BigDecimal above, BigDecimal below, String path) {
        if (least == null && most == null && above == null && below == null) {
            return JsonForms.NUMBER;
        }
        End low = stricter(least, above, 1);
        End high = stricter(most, below, -1);
        List<Form> positive = new ArrayList<>();
        if (high == null || high.value.signum() >= 0) {
            addDecimals(low == null || low.value.signum() < 0 ? End.ZERO : low, nearer(high), positive);
        }
        List<Form> negative = new ArrayList<>();
        if (low == null || low.value.signum() < 0) {
            addDecimals(high == null || high.value.signum() >= 0 ? End.ABOVE_ZERO : negated(high),
                    nearer(low == null ? null : negated(low)), negative);
        }
        return signed(positive, negative, path);
    }

    private static End negated(End end) {
        return new End(end.value.negate(), end.included);
    }

    private static End nearer(End end) {
        return end == null || end.value.compareTo(End.FAR.value) > 0 ? End.FAR : end;
    }

    /** The bound that leaves less, of one that includes itself and one that does not. */
    private static End stricter(BigDecimal included, BigDecimal excluded, int sign) {
        if (included == null && excluded == null) {
            return null;
        }
        if (excluded == null || included != null && sign * included.compareTo(excluded) > 0) {
            return new End(included, true);
        }
        return new End(excluded, false);
    }

    private static Form signed(List<Form> positive, List<Form> negative, String path) {
        List<Form> all = new ArrayList<>(positive);
        if (!negative.isEmpty()) {
            all.add(sequence(text("-"), choice(negative)));
        }
        if (all.isEmpty()) {
            throw new InvalidRequestException(
                    "the schema at " + path + " has bounds between which there is no number of at most "
                            + JsonForms.MOST_DIGITS + " digits; widen them");
        }
        return choice(all);
    }

    /** Adds the whole numbers from one to another, each followed by a form. */
    private static void addNaturals(BigInteger from, BigInteger to, Form then, List<Form> into) {
        if (from.compareTo(to) > 0) {
            return;
        }
        String first = from.toString();
        String last = to.toString();
        for (int length = first.length(); length <= last.length(); length++) {
            String low = length == first.length() ? first : "1" + "0".repeat(length - 1);
            String high = length == last.length() ? last : "9".repeat(length);
            into.add(sequence(between(low, high), then));
        }
    }

    /** Digits of the same number, in a range. */
    private static Form between(String low, String high) {
        int rest = low.length() - 1;
        if (low.chars().allMatch(c -> c == '0') && high.chars().allMatch(c -> c == '9')) {
            return repeat(DIGIT, low.length(), low.length());
        }
        if (low.charAt(0) == high.charAt(0)) {
            return sequence(text(low.substring(0, 1)), between(low.substring(1), high.substring(1)));
        }
        List<Form> forms = new ArrayList<>();
        forms.add(sequence(text(low.substring(0, 1)), between(low.substring(1), "9".repeat(rest))));
        if (low.charAt(0) + 1 < high.charAt(0)) {
            forms.add(sequence(bytes(ByteSet.range(low.charAt(0) + 1, high.charAt(0) - 1)), repeat(DIGIT, rest, rest)));
        }
        forms.add(sequence(text(high.substring(0, 1)), between("0".repeat(rest), high.substring(1))));
        return choice(forms);
    }

    private static void addDecimals(End low, End high, List<Form> into) {
        if (low.value.compareTo(high.value) > 0) {
            return;
        }
        BigInteger first = low.whole();
        BigInteger last = high.whole();
        if (first.equals(last)) {
            addFraction(first, low, high, into);
            return;
        }
        addFraction(first, low, null, into);
        addNaturals(first.add(BigInteger.ONE), last.subtract(BigInteger.ONE), point(null, null), into);
        addFraction(last, null, high, into);
    }

    private static void addFraction(BigInteger whole, End low, End high, List<Form> into) {
        Form fraction = point(low, high);
        if (fraction != null) {
            into.add(sequence(text(whole.toString()), fraction));
        }
    }

    /** What stands behind a whole number: nothing, or a point and digits. Null where there is nothing between the ends. */
    private static Form point(End low, End high) {
        Digits all = new Digits(low == null ? null : low.decimals(), low != null && low.included,
                high == null ? null : high.decimals(), high != null && high.included, JsonForms.MOST_DECIMALS);
        List<Form> forms = new ArrayList<>();
        if (all.mayEnd()) {
            forms.add(sequence());
        }
        Form digits = all.some();
        if (digits != null) {
            forms.add(sequence(text("."), digits));
        }
        return forms.isEmpty() ? null : choice(forms);
    }

    /**
     * Digits behind the point that are still to be written.
     *
     * @param low what they may not be below, null for no limit
     * @param high what they may not be above, null for no limit
     * @param left how many may come at most
     */
    private record Digits(String low, boolean lowIncluded, String high, boolean highIncluded, int left) {

        boolean mayEnd() {
            return (low == null || low.isEmpty() && lowIncluded) && (high == null || !high.isEmpty() || highIncluded);
        }

        /** At least one digit; null where none fits. */
        Form some() {
            if (left == 0) {
                return null;
            }
            if (low == null && high == null) {
                return repeat(DIGIT, 1, left);
            }
            List<Form> forms = new ArrayList<>();
            for (char digit = '0'; digit <= '9'; digit++) {
                int fromLow = low == null ? 1 : digit - (low.isEmpty() ? '0' : low.charAt(0));
                int fromHigh = high == null ? -1 : digit - (high.isEmpty() ? '0' : high.charAt(0));
                if (fromLow >= 0 && fromHigh <= 0) {
                    Digits rest = new Digits(fromLow == 0 ? low.substring(Math.min(1, low.length())) : null, lowIncluded,
                            fromHigh == 0 ? high.substring(Math.min(1, high.length())) : null, highIncluded, left - 1);
                    Form more = rest.any();
                    if (more != null) {
                        forms.add(sequence(text(String.valueOf(digit)), more));
                    }
                }
            }
            return forms.isEmpty() ? null : choice(forms);
        }

        private Form any() {
            Form some = some();
            if (mayEnd()) {
                return some == null ? sequence() : choice(sequence(), some);
            }
            return some;
        }
    }
}

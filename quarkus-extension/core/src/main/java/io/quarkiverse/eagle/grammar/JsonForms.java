package io.quarkiverse.eagle.grammar;

import static io.quarkiverse.eagle.grammar.Form.bytes;
import static io.quarkiverse.eagle.grammar.Form.choice;
import static io.quarkiverse.eagle.grammar.Form.optional;
import static io.quarkiverse.eagle.grammar.Form.repeat;
import static io.quarkiverse.eagle.grammar.Form.sequence;
import static io.quarkiverse.eagle.grammar.Form.text;

/**
 * The parts of JSON (RFC 8259). White space is bounded, at most one space or line feed at a place, so that a model cannot go on
 * with it for ever; numbers are bounded so that they fit a {@code long} or a {@code double}, and free values nest so deep and
 * no deeper.
 */
final class JsonForms {

    /** Digits of an integer. */
    static final int MOST_DIGITS = 18;
    /** Digits behind the point. */
    static final int MOST_DECIMALS = 17;
    /** Levels of objects and arrays in a value that no schema describes. */
    static final int DEEPEST = 16;

    private static final ByteSet DIGIT = ByteSet.range('0', '9');
    private static final ByteSet NON_ZERO = ByteSet.range('1', '9');

    static final Form SPACE = optional(bytes(ByteSet.of(" \n")));
    static final Form CHARACTER = character();
    static final Form INTEGER = sequence(optional(text("-")), whole());
    static final Form NUMBER = number();
    static final Form BOOLEAN = choice(text("true"), text("false"));
    static final Form NULL = text("null");

    private static final Form COMMA = sequence(SPACE, text(","), SPACE);
    private static final Form COLON = sequence(text(":"), SPACE);

    private final Automaton.Builder rules;
    private final Form[] values = new Form[DEEPEST + 1];
    private final Form[] objects = new Form[DEEPEST + 1];

    JsonForms(Automaton.Builder rules) {
        this.rules = rules;
    }

    private static Form whole() {
        return choice(text("0"), sequence(bytes(NON_ZERO), repeat(bytes(DIGIT), 0, MOST_DIGITS - 1)));
    }

    /** The largest exponent has two digits: what is written is a finite {@code double}. */
    private static Form number() {
        Form decimals = sequence(text("."), repeat(bytes(DIGIT), 1, MOST_DECIMALS));
        Form exponent = sequence(bytes(ByteSet.of("eE")), optional(bytes(ByteSet.of("+-"))), repeat(bytes(DIGIT), 1, 2));
        return sequence(INTEGER, optional(decimals), optional(exponent));
    }

    private static Form character() {
        ByteSet plain = ByteSet.range(0x20, 0x7F).without(ByteSet.of("\"\\"));
        return choice(bytes(plain), escape(), beyondAscii());
    }

    /** Surrogates come in pairs. */
    private static Form escape() {
        ByteSet hex = DIGIT.or(ByteSet.of("abcdefABCDEF"));
        ByteSet d = ByteSet.of("dD");
        Form two = repeat(bytes(hex), 2, 2);
        Form plane = sequence(bytes(hex.without(d)), repeat(bytes(hex), 3, 3));
        Form below = sequence(bytes(d), bytes(ByteSet.range('0', '7')), two);
        Form pair = sequence(bytes(d), bytes(ByteSet.of("89abAB")), two, text("\\u"), bytes(d),
                bytes(ByteSet.of("cdefCDEF")), two);
        return sequence(text("\\"),
                choice(bytes(ByteSet.of("\"\\/bfnrt")), sequence(text("u"), choice(plane, below, pair))));
    }

    /** Well-formed UTF-8 of more than one byte (Unicode, table 3-7). */
    private static Form beyondAscii() {
        Form follow = bytes(ByteSet.range(0x80, 0xBF));
        return choice(
                sequence(bytes(ByteSet.range(0xC2, 0xDF)), follow),
                sequence(bytes(ByteSet.of(0xE0)), bytes(ByteSet.range(0xA0, 0xBF)), follow),
                sequence(bytes(ByteSet.range(0xE1, 0xEF).without(ByteSet.of(0xED))), follow, follow),
                sequence(bytes(ByteSet.of(0xED)), bytes(ByteSet.range(0x80, 0x9F)), follow),
                sequence(bytes(ByteSet.of(0xF0)), bytes(ByteSet.range(0x90, 0xBF)), follow, follow),
                sequence(bytes(ByteSet.range(0xF1, 0xF3)), follow, follow, follow),
                sequence(bytes(ByteSet.of(0xF4)), bytes(ByteSet.range(0x80, 0x8F)), follow, follow));
    }

    /** A string of so many characters. */
    Form string(int least, int most) {
        return rules.share(sequence(text("\""), repeat(rules.share(CHARACTER), least, most), text("\"")));
    }

    Form string() {
        return string(0, Form.ANY_NUMBER);
    }

    Form number(Form form) {
        return rules.share(form);
    }

    /** An array of so many items. */
    Form array(Form item, int least, int most) {
        Form next = rules.share(sequence(COMMA, item));
        Form some = most == 0 ? sequence()
                : sequence(SPACE, item,
                        repeat(next, Math.max(0, least - 1), most == Form.ANY_NUMBER ? most : most - 1));
        return sequence(text("["), least > 0 || most == 0 ? some : optional(some), SPACE, text("]"));
    }

    /** A name that is given, and its value. */
    Form member(String quotedName, Form value) {
        return rules.share(sequence(text(quotedName), COLON, value));
    }

    /**
     * An object of these members, in this order.
     *
     * @param required which of them must be there
     */
    Form object(Form[] members, boolean[] required) {
        Form some = null;
        Form more = sequence();
        boolean must = false;
        for (int i = members.length - 1; i >= 0; i--) {
            Form fromHere = sequence(members[i], more);
            // A rule of its own, for it is used twice: otherwise optional members would double the size one by one.
            some = rules.share(required[i] || some == null ? fromHere : choice(fromHere, some));
            must |= required[i];
            more = must ? sequence(COMMA, some) : optional(sequence(COMMA, some));
        }
        Form inside = some == null ? sequence() : sequence(SPACE, some);
        return sequence(text("{"), must ? inside : optional(inside), SPACE, text("}"));
    }

    /** An object of any names whose values have a form. */
    Form map(Form value) {
        Form member = rules.share(sequence(string(), COLON, value));
        Form more = sequence(COMMA, member);
        return sequence(text("{"), optional(sequence(SPACE, member, repeat(more, 0, Form.ANY_NUMBER))), SPACE, text("}"));
    }

    /** Any value. */
    Form any() {
        return any(DEEPEST);
    }

    /** Any object. */
    Form anyObject() {
        return object(DEEPEST);
    }

    private Form any(int levels) {
        if (values[levels] == null) {
            Form scalar = choice(string(), number(NUMBER), BOOLEAN, NULL);
            values[levels] = rules.share(levels == 0 ? scalar
                    : choice(scalar, object(levels), array(any(levels - 1), 0, Form.ANY_NUMBER)));
        }
        return values[levels];
    }

    private Form object(int levels) {
        if (objects[levels] == null) {
            objects[levels] = rules.share(map(any(levels - 1)));
        }
        return objects[levels];
    }
}

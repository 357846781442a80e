package io.quarkiverse.eagle.grammar;

import java.util.ArrayList;
import java.util.List;

import io.quarkiverse.eagle.InvalidRequestException;

/**
 * From a regular expression to the strings that it finds something in, as JSON writes them. Knows literals, sets of characters,
 * groups, alternatives, repetitions, and {@code ^} and {@code $} at the ends of an alternative of the whole. A negated set
 * leaves
 * control characters out.
 */
final class PatternReader {

    private static final CharacterSet DIGITS = CharacterSet.of('0', '9');
    private static final CharacterSet WORD = CharacterSet.of('a', 'z').or(CharacterSet.of('A', 'Z')).or(DIGITS)
            .or(CharacterSet.of("_"));
    private static final CharacterSet SPACE = CharacterSet.of(" \t\n\u000B\f\r");
    private static final CharacterSet DOT = CharacterSet.PRINTABLE.without(CharacterSet.of("\u0085\u2028\u2029"));
    /** So many repetitions that a pattern which needs more is a mistake. */
    private static final int MOST_REPETITIONS = 1000;
    private static final int DEEPEST = 100;

    private final String pattern;
    private final String path;
    private int at;
    private int depth;

    private PatternReader(String pattern, String path) {
        this.pattern = pattern;
        this.path = path;
    }

    /**
     * @param path where the pattern stands, for messages
     * @throws InvalidRequestException the pattern is wrong, or uses what is not supported
     */
    static Form read(String pattern, String path, Automaton.Builder rules) {
        PatternReader reader = new PatternReader(pattern, path);
        Form anything = Form.repeat(rules.share(JsonForms.CHARACTER), 0, Form.ANY_NUMBER);
        List<Form> alternatives = new ArrayList<>();
        do {
            boolean begins = reader.take('^');
            Form inside = reader.sequence();
            boolean ends = reader.take('$');
            alternatives.add(Form.sequence(begins ? Form.sequence() : anything, inside, ends ? Form.sequence() : anything));
        } while (reader.take('|'));
        if (reader.at < pattern.length()) {
            throw reader.wrong("'" + pattern.charAt(reader.at) + "' where it has no meaning");
        }
        return Form.sequence(Form.text("\""), Form.choice(alternatives), Form.text("\""));
    }

    private Form alternatives() {
        List<Form> alternatives = new ArrayList<>();
        do {
            alternatives.add(sequence());
        } while (take('|'));
        return Form.choice(alternatives);
    }

    private Form sequence() {
        List<Form> parts = new ArrayList<>();
        while (at < pattern.length() && "|)$".indexOf(pattern.charAt(at)) < 0) {
            parts.add(repeated(atom()));
        }
        return Form.sequence(parts.toArray(Form[]::new));
    }

    private Form repeated(Form atom) {
        Form form = atom;
        if (take('*')) {
            form = Form.repeat(atom, 0, Form.ANY_NUMBER);
        } else if (take('+')) {
            form = Form.repeat(atom, 1, Form.ANY_NUMBER);
        } else if (take('?')) {
            form = Form.optional(atom);
        } else if (take('{')) {
            int least = count();
            int most = take(',') ? peek() == '}' ? Form.ANY_NUMBER : count() : least;
            require('}');
            if (most < least) {
                throw wrong("a repetition of at least " + least + " and at most " + most);
            }
            form = Form.repeat(atom, least, most);
        } else {
            return form;
        }
        take('?'); // what is found first does not matter, only whether anything is
        return form;
    }

    private int count() {
        int from = at;
        while (at < pattern.length() && Character.isDigit(pattern.charAt(at))) {
            at++;
        }
        String digits = pattern.substring(from, at);
        if (digits.isEmpty() || digits.length() > 4 || Integer.parseInt(digits) > MOST_REPETITIONS) {
            throw wrong("a repetition of \"" + digits + "\"; it must be a number up to " + MOST_REPETITIONS);
        }
        return Integer.parseInt(digits);
    }

    private Form atom() {
        if (take('(')) {
            if (take('?') && !take(':')) {
                throw wrong("a group (?" + peek() + "…), which is not supported");
            }
            if (++depth > DEEPEST) {
                throw wrong("more than " + DEEPEST + " groups in each other");
            }
            Form inside = alternatives();
            depth--;
            require(')');
            return inside;
        }
        CharacterSet set = take('[') ? set() : take('.') ? DOT : one();
        Form form = set.inString();
        if (form == null) {
            throw wrong("a set without characters");
        }
        return form;
    }

    private CharacterSet set() {
        boolean negated = take('^');
        CharacterSet set = new CharacterSet(List.of());
        while (peek() != ']') {
            CharacterSet first = element();
            if (peek() == '-' && at + 1 < pattern.length() && pattern.charAt(at + 1) != ']') {
                at++;
                first = CharacterSet.of(single(first), single(element()));
            }
            set = set.or(first);
        }
        require(']');
        return negated ? CharacterSet.PRINTABLE.without(set) : set;
    }

    private int single(CharacterSet set) {
        if (set.ranges().size() != 1 || set.ranges().get(0).first() != set.ranges().get(0).last()) {
            throw wrong("a range that begins or ends with more than one character");
        }
        return set.ranges().get(0).first();
    }

    private CharacterSet element() {
        return peek() == '\\' ? one() : literal();
    }

    /** A character outside a set, or an escape anywhere. */
    private CharacterSet one() {
        if (!take('\\')) {
            if ("*+?{}])^$".indexOf(peek()) >= 0) {
                throw wrong("'" + peek() + "' where it has no meaning; write \\" + peek());
            }
            return literal();
        }
        char escape = peek();
        at++;
        return switch (escape) {
            case 'd' -> DIGITS;
            case 'D' -> CharacterSet.PRINTABLE.without(DIGITS);
            case 'w' -> WORD;
            case 'W' -> CharacterSet.PRINTABLE.without(WORD);
            case 's' -> SPACE;
            case 'S' -> CharacterSet.PRINTABLE.without(SPACE).without(CharacterSet.of("\u00A0\uFEFF\u2028\u2029"));
            case 't' -> CharacterSet.of("\t");
            case 'n' -> CharacterSet.of("\n");
            case 'r' -> CharacterSet.of("\r");
            case 'f' -> CharacterSet.of("\f");
            case 'u' -> hex(4);
            case 'x' -> hex(2);
            default -> {
                if (Character.isLetterOrDigit(escape)) {
                    throw wrong("\\" + escape + ", which is not supported");
                }
                yield CharacterSet.of(String.valueOf(escape));
            }
        };
    }

    private CharacterSet hex(int digits) {
        try {
            int character = Integer.parseInt(pattern.substring(at, at + digits), 16);
            at += digits;
            return CharacterSet.of(character, character);
        } catch (NumberFormatException | StringIndexOutOfBoundsException e) {
            throw wrong("an escape without " + digits + " hexadecimal digits");
        }
    }

    private CharacterSet literal() {
        int character = pattern.codePointAt(at);
        at += Character.charCount(character);
        return CharacterSet.of(character, character);
    }

    private char peek() {
        if (at == pattern.length()) {
            throw wrong("an end where something is missing");
        }
        return pattern.charAt(at);
    }

    private boolean take(char expected) {
        boolean there = at < pattern.length() && pattern.charAt(at) == expected;
        at += there ? 1 : 0;
        return there;
    }

    private void require(char expected) {
        if (!take(expected)) {
            throw wrong("no " + expected + " where one is missing");
        }
    }

    private InvalidRequestException wrong(String what) {
        return new InvalidRequestException("the schema at " + path + " has the pattern " + pattern + " with " + what);
    }
}

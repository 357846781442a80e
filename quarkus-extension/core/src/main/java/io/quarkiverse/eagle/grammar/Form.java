package io.quarkiverse.eagle.grammar;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A language over bytes, as an expression: the right-hand side of a rule. */
sealed interface Form {

    /** One byte of a set. */
    record OneByte(ByteSet set) implements Form {
    }

    /** One after the other; nothing at all where there are no parts. */
    record Sequence(List<Form> parts) implements Form {
    }

    /** One of these. */
    record Choice(List<Form> alternatives) implements Form {
    }

    /**
     * The same again and again.
     *
     * @param most {@link #ANY_NUMBER} for no limit
     */
    record Repeat(Form part, int least, int most) implements Form {
    }

    /** What a rule describes. */
    record Call(int rule) implements Form {
    }

    int ANY_NUMBER = Integer.MAX_VALUE;

    /** How often texts are parted by what comes next. */
    int MOST_COMMON = 100;

    static Form bytes(ByteSet set) {
        return new OneByte(set);
    }

    static Form text(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        Form[] parts = new Form[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            parts[i] = new OneByte(ByteSet.of(bytes[i] & 0xFF));
        }
        return sequence(parts);
    }

    /** One of these texts, which differ and are in ascending order; common beginnings are read once. */
    static Form oneOf(List<String> texts) {
        return oneOf(texts, 0);
    }

    private static Form oneOf(List<String> texts, int depth) {
        String first = texts.get(0);
        String last = texts.get(texts.size() - 1);
        if (texts.size() == 1) {
            return text(first);
        }
        if (depth == MOST_COMMON) {
            return choice(texts.stream().map(Form::text).toList());
        }
        int common = 0;
        while (common < first.length() && first.charAt(common) == last.charAt(common)) {
            common++;
        }
        int begin = common > 0 && Character.isHighSurrogate(first.charAt(common - 1)) ? common - 1 : common;
        List<Form> rests = new ArrayList<>();
        int from = 0;
        for (int to = 1; to <= texts.size(); to++) {
            if (to == texts.size() || next(texts.get(to), begin) != next(texts.get(from), begin)) {
                List<String> group = texts.subList(from, to).stream().map(text -> text.substring(begin)).toList();
                rests.add(oneOf(group, depth + 1));
                from = to;
            }
        }
        return sequence(text(first.substring(0, begin)), choice(rests));
    }

    private static int next(String text, int at) {
        return at < text.length() ? text.codePointAt(at) : -1;
    }

    static Form sequence(Form... parts) {
        return parts.length == 1 ? parts[0] : new Sequence(List.of(parts));
    }

    static Form choice(Form... alternatives) {
        return choice(List.of(alternatives));
    }

    static Form choice(List<Form> alternatives) {
        return alternatives.size() == 1 ? alternatives.get(0) : new Choice(List.copyOf(alternatives));
    }

    static Form optional(Form part) {
        return new Repeat(part, 0, 1);
    }

    static Form repeat(Form part, int least, int most) {
        return new Repeat(part, least, most);
    }
}

package io.quarkiverse.eagle.grammar;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/** Some of Unicode's characters, as ranges of code points. Immutable. */
record CharacterSet(List<Range> ranges) {

    private static final int LAST = 0x10FFFF;
    private static final String[] SHORT_ESCAPES = { "\bb", "\tt", "\nn", "\ff", "\rr", "\"\"", "\\\\" };

    /** What a negated set is taken from: all that can be written as it is, or by a short escape. */
    static final CharacterSet PRINTABLE = of(0x20, 0xD7FF).or(of(0xE000, LAST));

    /** From one code point to another, both included. */
    record Range(int first, int last) {
    }

    static CharacterSet of(int first, int last) {
        return new CharacterSet(List.of(new Range(first, last)));
    }

    static CharacterSet of(String characters) {
        return new CharacterSet(characters.codePoints().mapToObj(c -> new Range(c, c)).toList());
    }

    CharacterSet or(CharacterSet other) {
        List<Range> all = new ArrayList<>(ranges);
        all.addAll(other.ranges);
        return new CharacterSet(all);
    }

    CharacterSet without(CharacterSet other) {
        List<Range> rest = ranges;
        for (Range gone : other.ranges) {
            List<Range> left = new ArrayList<>();
            for (Range range : rest) {
                add(range.first, Math.min(range.last, gone.first - 1), left);
                add(Math.max(range.first, gone.last + 1), range.last, left);
            }
            rest = left;
        }
        return new CharacterSet(rest);
    }

    private static void add(int first, int last, List<Range> into) {
        if (first <= last) {
            into.add(new Range(first, last));
        }
    }

    /** One of the characters as it stands in a JSON string; null when there are none. */
    Form inString() {
        List<Form> forms = new ArrayList<>();
        CharacterSet plain = without(of(0, 0x1F)).without(of("\"\\")).without(of(0xD800, 0xDFFF));
        ByteSet ascii = ByteSet.of();
        for (Range range : plain.sorted()) {
            if (range.first < 0x80) {
                ascii = ascii.or(ByteSet.range(range.first, Math.min(range.last, 0x7F)));
            }
            for (int[] lengths : new int[][] { { 0x80, 0x7FF }, { 0x800, 0xFFFF }, { 0x10000, LAST } }) {
                int first = Math.max(range.first, lengths[0]);
                int last = Math.min(range.last, lengths[1]);
                if (first <= last) {
                    forms.add(sequences(utf8(first), utf8(last), 0));
                }
            }
        }
        forms.add(0, Form.bytes(ascii));
        for (int control = 0; control <= '\\'; control++) {
            if ((control < 0x20 || control == '"' || control == '\\') && contains(control)) {
                forms.add(Form.text(escaped(control)));
            }
        }
        if (!plain.ranges.stream().anyMatch(range -> range.first < 0x80)) {
            forms.remove(0);
        }
        return forms.isEmpty() ? null : Form.choice(forms);
    }

    private List<Range> sorted() {
        return ranges.stream().sorted(Comparator.comparingInt(Range::first)).toList();
    }

    private boolean contains(int character) {
        return ranges.stream().anyMatch(range -> range.first <= character && character <= range.last);
    }

    private static String escaped(int character) {
        for (String escape : SHORT_ESCAPES) {
            if (escape.charAt(0) == character) {
                return "\\" + escape.charAt(1);
            }
        }
        return String.format("\\u%04x", character);
    }

    private static int[] utf8(int character) {
        byte[] bytes = Character.toString(character).getBytes(StandardCharsets.UTF_8);
        int[] unsigned = new int[bytes.length];
        Arrays.setAll(unsigned, i -> bytes[i] & 0xFF);
        return unsigned;
    }

    /** All well-formed byte sequences from one to another of the same length, from a byte on. */
    private static Form sequences(int[] first, int[] last, int at) {
        if (at == first.length - 1) {
            return Form.bytes(ByteSet.range(first[at], last[at]));
        }
        if (first[at] == last[at]) {
            return Form.sequence(Form.bytes(ByteSet.of(first[at])), sequences(first, last, at + 1));
        }
        List<Form> forms = new ArrayList<>();
        int from = first[at];
        int to = last[at];
        if (!allAre(first, at + 1, 0x80)) {
            forms.add(Form.sequence(Form.bytes(ByteSet.of(from++)), sequences(first, filled(last, at, 0xBF), at + 1)));
        }
        Form high = null;
        if (!allAre(last, at + 1, 0xBF)) {
            high = Form.sequence(Form.bytes(ByteSet.of(to--)), sequences(filled(first, at, 0x80), last, at + 1));
        }
        if (from <= to) {
            forms.add(Form.sequence(Form.bytes(ByteSet.range(from, to)),
                    sequences(filled(first, at, 0x80), filled(last, at, 0xBF), at + 1)));
        }
        if (high != null) {
            forms.add(high);
        }
        return Form.choice(forms);
    }

    private static boolean allAre(int[] bytes, int from, int value) {
        return Arrays.stream(bytes, from, bytes.length).allMatch(b -> b == value);
    }

    private static int[] filled(int[] bytes, int after, int value) {
        int[] filled = bytes.clone();
        Arrays.fill(filled, after + 1, filled.length, value);
        return filled;
    }
}

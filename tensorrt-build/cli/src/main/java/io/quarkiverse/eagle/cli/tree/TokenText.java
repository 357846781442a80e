package io.quarkiverse.eagle.cli.tree;

import java.util.function.IntFunction;

/** The text of single tokens, with white space that can be seen. */
final class TokenText {

    private static final int LONGEST = 24;

    private final IntFunction<String> decode;

    TokenText(IntFunction<String> decode) {
        this.decode = decode;
    }

    /** The text as it is. */
    String raw(int token) {
        return decode.apply(token);
    }

    /** The text on one line, at most 24 characters. */
    String visible(int token) {
        StringBuilder text = new StringBuilder();
        raw(token).codePoints().forEach(point -> {
            switch (point) {
                case ' ' -> text.append('·');
                case '\n' -> text.append('⏎');
                case '\t' -> text.append('⇥');
                default -> {
                    if (Character.isISOControl(point)) {
                        text.append(String.format("\\u%04x", point));
                    } else {
                        text.appendCodePoint(point);
                    }
                }
            }
        });
        if (text.codePointCount(0, text.length()) <= LONGEST) {
            return text.toString();
        }
        return text.substring(0, text.offsetByCodePoints(0, LONGEST - 1)) + "…";
    }
}

package io.quarkiverse.eagle.text;

import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Rewrites Jinja2 source so that Jinjava renders it as Jinja2 would. Whitespace is settled here by Jinja2's own rules
 * ({@code trim_blocks}, {@code lstrip_blocks}, {@code -} and {@code +} at tag borders, one final newline dropped), because
 * Jinjava strips in other places; comments and {@code {% generation %}} markers disappear; hexadecimal escapes in strings
 * become characters; {@code [::-1]} becomes a filter; {@code not x in y} negates the whole; a loop with a condition becomes one
 * that finds what it keeps, and one over that. Tags that chat templates have no
 * use for are refused by name.
 */
final class TemplateSource {

    private static final Set<String> TAGS = Set.of("if", "elif", "else", "endif", "for", "endfor", "set", "endset", "macro",
            "endmacro", "call", "endcall", "break", "continue");
    private static final Set<String> IGNORED_TAGS = Set.of("generation", "endgeneration");

    /** Jinjava passes over a filter or a test that it does not know; so they are checked here. */
    static final Set<String> FILTERS = Set.of("abs", "capitalize", "count", "default", "d", "dictsort", "first", "float",
            "int", "items", "join", "last", "length", "list", "lower", "map", "reject", "rejectattr", "replace", "reverse",
            "round", "safe", "select", "selectattr", "sort", "string", "title", "tojson", "trim", "unique", "upper");
    static final Set<String> TESTS = Set.of("boolean", "defined", "divisibleby", "equalto", "even", "false", "in",
            "integer", "iterable", "lower", "mapping", "none", "None", "number", "odd", "sameas", "sequence", "string", "true",
            "undefined", "upper");

    /** Disabled in Jinjava too, should one ever get that far. */
    static final Set<String> FORBIDDEN_TAGS = Set.of("include", "import", "from", "extends", "block", "do", "raw", "cycle",
            "autoescape", "print", "unless", "ifchanged");

    private static final Pattern TAG_NAME = Pattern.compile("\\s*(\\w+)");
    private static final Pattern CODE_POINT = Pattern.compile("\\\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4}))");
    private static final String STRING = "'(?:\\\\.|[^'\\\\])*'|\"(?:\\\\.|[^\"\\\\])*\"";
    private static final Pattern STRING_OR_NEGATED_TEST = Pattern
            .compile("(?s)" + STRING + "|\\bnot\\s+([\\w.]+(?:\\[[^\\]]*])*)\\s+is\\s+(not\\s+)?");
    private static final Pattern STRING_OR_NEGATED_IN = Pattern
            .compile("(?s)\\bnot\\s+(" + STRING + "|[\\w.]+(?:\\[[^\\]]*])*)\\s+in\\b|" + STRING);
    private static final Pattern FILTER = Pattern.compile("\\|\\s*(\\w+)");
    private static final Pattern TEST = Pattern.compile("\\bis\\s+(?:not\\s+)?(\\w+)");
    private static final Pattern LOOP_CONDITION = Pattern.compile("\\bif\\b");
    private static final Pattern LOOP = Pattern.compile("(?s)for\\s+(.+?)\\s+in\\s+(.+)");

    private final String source;
    private final StringBuilder out = new StringBuilder();
    private int position;
    /** Loops with a condition so far. */
    private int conditions;
    /** True when what was read last ended a line, as far as {@code lstrip_blocks} is concerned. */
    private boolean lineStarts = true;

    private TemplateSource(String source) {
        this.source = source;
    }

    static String forJinjava(String template) {
        String source = template.replace("\r\n", "\n").replace('\r', '\n');
        if (source.endsWith("\n")) {
            source = source.substring(0, source.length() - 1);
        }
        return new TemplateSource(source).rewrite();
    }

    private String rewrite() {
        int open;
        while ((open = nextOpening()) >= 0) {
            tag(open);
        }
        out.append(source, position, source.length());
        return out.toString();
    }

    private int nextOpening() {
        for (int at = source.indexOf('{', position); at >= 0; at = source.indexOf('{', at + 1)) {
            if (at + 1 < source.length() && "{%#".indexOf(source.charAt(at + 1)) >= 0) {
                return at;
            }
        }
        return -1;
    }

    private void tag(int open) {
        char kind = source.charAt(open + 1);
        int from = open + 2;
        char left = from < source.length() ? source.charAt(from) : ' ';
        boolean marked = left == '-' || left == '+' && kind != '{';
        text(open, kind, marked ? left : ' ');
        from += marked ? 1 : 0;

        int close = kind == '#' ? source.indexOf("#}", from) : closing(from, kind == '{' ? '}' : '%');
        if (close < 0) {
            throw new ChatTemplateException("the chat template does not close " + excerpt(open));
        }
        char right = close > from ? source.charAt(close - 1) : ' ';
        boolean ends = right == '-' || right == '+' && kind != '{';
        emit(kind, source.substring(from, ends ? close - 1 : close), open);
        position = close + 2;
        skipAfter(kind, ends ? right : ' ');
    }

    /** Writes the text before a tag, less the whitespace that the tag takes away. */
    private void text(int end, char kind, char mark) {
        int keep = end;
        if (mark == '-') {
            while (keep > position && Character.isWhitespace(source.charAt(keep - 1))) {
                keep--;
            }
        } else if (kind != '{' && mark != '+') {
            int line = source.lastIndexOf('\n', end - 1) + 1;
            boolean whole = line > position || (line <= position && lineStarts);
            int first = Math.max(line, position);
            if (whole && source.substring(first, end).isBlank()) {
                keep = first;
            }
        }
        out.append(source, position, keep);
    }

    private void skipAfter(char kind, char mark) {
        int from = position;
        if (mark == '-') {
            while (position < source.length() && Character.isWhitespace(source.charAt(position))) {
                position++;
            }
        } else if (kind != '{' && mark != '+' && position < source.length() && source.charAt(position) == '\n') {
            position++;
        }
        lineStarts = position > from && source.charAt(position - 1) == '\n';
    }

    /** Where the tag's end begins, outside strings and braces. */
    private int closing(int from, char first) {
        int braces = 0;
        for (int i = from; i + 1 < source.length(); i++) {
            char c = source.charAt(i);
            if (c == '\'' || c == '"') {
                i = endOfString(source, i);
            } else if (braces == 0 && c == first && source.charAt(i + 1) == '}') {
                return i;
            } else if (c == '{') {
                braces++;
            } else if (c == '}') {
                braces--;
            }
        }
        return -1;
    }

    /** Index of the quote that closes the string which opens at {@code quote}, or the end. */
    private static int endOfString(String text, int quote) {
        for (int i = quote + 1; i < text.length(); i++) {
            if (text.charAt(i) == '\\') {
                i++;
            } else if (text.charAt(i) == text.charAt(quote)) {
                return i;
            }
        }
        return text.length();
    }

    private void emit(char kind, String code, int open) {
        if (kind == '#') {
            return;
        }
        checkKnown("filter", FILTER, FILTERS, code, open);
        checkKnown("test", TEST, TESTS, code, open);
        if (kind == '{') {
            out.append("{{ ").append(expression(code.strip())).append(" }}");
            return;
        }
        Matcher name = TAG_NAME.matcher(code);
        String tag = name.lookingAt() ? name.group(1) : "";
        if (IGNORED_TAGS.contains(tag)) {
            return;
        }
        if (!TAGS.contains(tag)) {
            throw new ChatTemplateException("the chat template uses the tag " + excerpt(open) + ", which is not supported");
        }
        if (tag.equals("for") && loopCondition(code)) {
            loop(code.strip(), open);
            return;
        }
        out.append("{% ").append(expression(code.strip())).append(" %}");
    }

    /** Jinja2 counts only what a loop's condition keeps, so that is gathered first. */
    private void loop(String code, int open) {
        // Quotes in strings, and an "if" in them, are out of the way while places stay the same.
        Matcher condition = LOOP_CONDITION.matcher(Pattern.compile(STRING).matcher(code).replaceAll(
                string -> "'" + "x".repeat(string.group().length() - 2) + "'"));
        Matcher loop = LOOP.matcher(condition.find() ? code.substring(0, condition.start()).strip() : code);
        if (!loop.matches()) {
            throw new ChatTemplateException("the chat template uses the tag " + excerpt(open) + ", which is not supported");
        }
        String kept = "kept_by_condition_" + ++conditions;
        String each = loop.group(1);
        out.append("{% set ").append(kept).append(" = namespace(all=[]) %}")
                .append("{% for ").append(each).append(" in ").append(expression(loop.group(2))).append(" %}")
                .append("{% if ").append(expression(code.substring(condition.end()).strip())).append(" %}")
                .append("{% set ").append(kept).append(".all = ").append(kept).append(".all + [")
                .append(each.contains(",") ? "[" + each + "]" : each).append("] %}{% endif %}{% endfor %}")
                .append("{% for ").append(each).append(" in ").append(kept).append(".all %}");
    }

    private void checkKnown(String what, Pattern pattern, Set<String> known, String code, int open) {
        Matcher used = pattern.matcher(withoutStrings(code));
        while (used.find()) {
            if (!known.contains(used.group(1))) {
                throw new ChatTemplateException("the chat template uses the " + what + " '" + used.group(1) + "' in "
                        + excerpt(open) + ", which is not supported");
            }
        }
    }

    private static String withoutStrings(String code) {
        return code.replaceAll(STRING, "''");
    }

    private static boolean loopCondition(String code) {
        String bare = withoutStrings(code);
        return LOOP_CONDITION.matcher(bare).find() && !bare.matches("(?s).*\\belse\\b.*");
    }

    private static String expression(String original) {
        String code = negatedTest(negatedIn(original));
        StringBuilder rewritten = new StringBuilder();
        int from = 0;
        for (int i = 0; i < code.length(); i++) {
            char c = code.charAt(i);
            if (c == '\'' || c == '"') {
                rewritten.append(code(code.substring(from, i)));
                int end = Math.min(endOfString(code, i) + 1, code.length());
                rewritten.append(string(code.substring(i, end)));
                from = end;
                i = end - 1;
            }
        }
        return rewritten.append(code(code.substring(from))).toString();
    }

    /** {@code not x in y} becomes {@code x not in y}: Jinjava would negate x alone. */
    private static String negatedIn(String code) {
        return STRING_OR_NEGATED_IN.matcher(code).replaceAll(match -> Matcher
                .quoteReplacement(match.group(1) == null ? match.group() : match.group(1) + " not in"));
    }

    /** {@code not x is y} becomes {@code x is not y}, for the same reason. */
    private static String negatedTest(String code) {
        return STRING_OR_NEGATED_TEST.matcher(code).replaceAll(match -> Matcher.quoteReplacement(
                match.group(1) == null ? match.group() : match.group(1) + (match.group(2) == null ? " is not " : " is ")));
    }

    private static String code(String outsideStrings) {
        return outsideStrings.replaceAll("\\[\\s*::\\s*-1\\s*]", "|reverse|list").replaceAll("}(?=})", "} ");
    }

    private static String string(String literal) {
        return CODE_POINT.matcher(literal).replaceAll(escape -> {
            String digits = escape.group(1) != null ? escape.group(1) : escape.group(2);
            return Matcher.quoteReplacement(String.valueOf((char) Integer.parseInt(digits, 16)));
        });
    }

    private String excerpt(int open) {
        String rest = source.substring(open).lines().findFirst().orElse("");
        int end = Math.min(rest.length(), 60);
        int close = rest.indexOf('}', 2);
        return "\"" + rest.substring(0, close > 0 ? Math.min(end, close + 1) : end) + "\"";
    }
}

package io.quarkiverse.eagle.text;

import java.time.ZonedDateTime;
import java.util.List;
import java.util.Map;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.interpret.Context.Library;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.exptest.IsIterableExpTest;
import com.hubspot.jinjava.lib.filter.AdvancedFilter;
import com.hubspot.jinjava.lib.filter.Filter;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import com.hubspot.jinjava.objects.date.StrftimeFormatter;

/** The one Jinjava, built on first use because that costs a few hundred milliseconds, and what templates can call in it. */
final class TemplateRuntime {

    static final List<String> FUNCTIONS = List.of("raise_exception", "strftime_now");

    private TemplateRuntime() {
    }

    static Jinjava jinjava() {
        return Holder.JINJAVA;
    }

    private static final class Holder {

        private static final Jinjava JINJAVA = create();
    }

    private static Jinjava create() {
        LegacyOverrides likeJinja2 = LegacyOverrides.newBuilder()
                .withEvaluateMapKeys(true)
                .withIterateOverMapKeys(true)
                .withUsePyishObjectMapper(true)
                .withUseNaturalOperatorPrecedence(true)
                .withParseWhitespaceControlStrictly(true)
                .withAllowAdjacentTextNodes(true)
                .withUseTrimmingForNotesAndExpressions(true)
                .withKeepNullableLoopValues(true)
                .withHandleBackslashInQuotesOnly(true)
                .build();
        // TemplateSource has applied trim_blocks, lstrip_blocks and the final newline already.
        Jinjava jinjava = new Jinjava(JinjavaConfig.newBuilder()
                .withLegacyOverrides(likeJinja2)
                .withNestedInterpretationEnabled(false)
                .withKeepTrailingNewline(true)
                .withElResolver(new TemplateValues())
                .withDisabled(Map.of(Library.TAG, TemplateSource.FORBIDDEN_TAGS))
                .build());
        jinjava.registerFunction(new ELFunctionDefinition("", "raise_exception", TemplateRuntime.class, "raise",
                Object.class));
        jinjava.registerFunction(new ELFunctionDefinition("", "strftime_now", TemplateRuntime.class, "now", String.class));
        jinjava.registerFilter(new ToJson());
        jinjava.registerFilter(new Items());
        jinjava.registerExpTest(new TextOrIterable());
        return jinjava;
    }

    /** Called by templates as {@code raise_exception(message)}. */
    static Object raise(Object message) {
        throw new Refusal(String.valueOf(message));
    }

    /** Called by templates as {@code strftime_now(format)}. */
    static String now(String format) {
        return StrftimeFormatter.format(ZonedDateTime.now(), format);
    }

    /** The template called {@code raise_exception}. */
    static final class Refusal extends RuntimeException {

        private static final long serialVersionUID = 1L;

        Refusal(String message) {
            super(message, null, false, false);
        }
    }

    /** Python's {@code json.dumps} without escaping beyond ASCII: a space after colon and comma, or a line for each entry. */
    private static final class ToJson implements AdvancedFilter {

        private static final ObjectMapper MAPPER = new ObjectMapper();
        private static final ObjectWriter WRITER = MAPPER.writer(new OneLine());

        @Override
        public String getName() {
            return "tojson";
        }

        @Override
        public Object filter(Object value, JinjavaInterpreter interpreter, Object[] arguments, Map<String, Object> named) {
            Object indent = arguments.length > 0 ? arguments[0] : named.get("indent");
            if (arguments.length > 1 || named.size() > (named.containsKey("indent") ? 1 : 0)
                    || indent != null && !(indent instanceof Number)) {
                throw new ChatTemplateException("tojson is supported with indent alone, a number");
            }
            try {
                return indent == null ? WRITER.writeValueAsString(value)
                        : MAPPER.writer(new Indented(((Number) indent).intValue())).writeValueAsString(value);
            } catch (JsonProcessingException e) {
                throw new ChatTemplateException("tojson cannot write a " + value.getClass().getSimpleName(), e);
            }
        }
    }

    /** Text is iterable too. */
    private static final class TextOrIterable extends IsIterableExpTest {

        @Override
        public boolean evaluate(Object value, JinjavaInterpreter interpreter, Object... arguments) {
            return value instanceof CharSequence || super.evaluate(value, interpreter, arguments);
        }
    }

    /** {@code dictionary | items}: pairs of key and value. */
    private static final class Items implements Filter {

        @Override
        public String getName() {
            return "items";
        }

        @Override
        public Object filter(Object value, JinjavaInterpreter interpreter, String... arguments) {
            return value == null ? List.of() : TemplateValues.items((Map<?, ?>) value);
        }
    }

    private static final class OneLine extends DefaultPrettyPrinter {

        private static final long serialVersionUID = 1L;

        OneLine() {
            super(Separators.createDefaultInstance().withObjectFieldValueSpacing(Separators.Spacing.AFTER)
                    .withObjectEntrySpacing(Separators.Spacing.AFTER).withArrayValueSpacing(Separators.Spacing.AFTER)
                    .withObjectEmptySeparator("").withArrayEmptySeparator(""));
            indentArraysWith(NopIndenter.instance);
            indentObjectsWith(NopIndenter.instance);
        }

        @Override
        public DefaultPrettyPrinter createInstance() {
            return new OneLine();
        }
    }

    private static final class Indented extends DefaultPrettyPrinter {

        private static final long serialVersionUID = 1L;

        private final int spaces;

        Indented(int spaces) {
            super(Separators.createDefaultInstance().withObjectFieldValueSpacing(Separators.Spacing.AFTER)
                    .withObjectEmptySeparator("").withArrayEmptySeparator(""));
            this.spaces = spaces;
            DefaultIndenter lines = new DefaultIndenter(" ".repeat(spaces), "\n");
            indentArraysWith(lines);
            indentObjectsWith(lines);
        }

        @Override
        public DefaultPrettyPrinter createInstance() {
            return new Indented(spaces);
        }
    }
}

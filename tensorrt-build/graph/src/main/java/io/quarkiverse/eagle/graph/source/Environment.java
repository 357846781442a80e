package io.quarkiverse.eagle.graph.source;

import java.util.Locale;
import java.util.function.UnaryOperator;

/**
 * Environment variables; an empty one counts as absent.
 *
 * @param variables by name, null when absent
 */
record Environment(UnaryOperator<String> variables) {

    static Environment ofProcess() {
        return new Environment(System::getenv);
    }

    String get(String name, String otherwise) {
        String value = variables.apply(name);
        return value == null || value.isBlank() ? otherwise : value.strip();
    }

    /** A variable that people write in either case. */
    String inEitherCase(String name) {
        return get(name.toLowerCase(Locale.ROOT), get(name.toUpperCase(Locale.ROOT), null));
    }
}

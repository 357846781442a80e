package io.quarkiverse.eagle.cli;

import java.util.Locale;

/**
 * Something that was examined.
 *
 * @param name what
 * @param detail what was found
 * @param advice what to do, empty when there is nothing to do
 */
record Check(String name, State state, String detail, String advice) {

    /** How bad it is. */
    enum State {
        OK,
        /** Works, but slower or less than it could. */
        WARNING,
        /** Does not work. */
        PROBLEM;

        String text() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    static Check ok(String name, String detail) {
        return new Check(name, State.OK, detail, "");
    }

    static Check warning(String name, String detail, String advice) {
        return new Check(name, State.WARNING, detail, advice);
    }

    static Check problem(String name, String detail, String advice) {
        return new Check(name, State.PROBLEM, detail, advice);
    }
}

package io.quarkiverse.eagle.cli;

/** How words stand out on a terminal. */
enum Style {
    OK("32"),
    WARNING("33"),
    PROBLEM("31"),
    STRONG("1"),
    FAINT("2");

    private final String code;

    Style(String code) {
        this.code = code;
    }

    String on(String text) {
        return "\u001b[" + code + "m" + text + "\u001b[0m";
    }
}

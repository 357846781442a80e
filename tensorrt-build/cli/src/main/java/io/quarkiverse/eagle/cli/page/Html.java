package io.quarkiverse.eagle.cli.page;

/** Text inside HTML and SVG. */
public final class Html {

    private Html() {
    }

    /** Text as it may stand between tags and in quoted attributes. */
    public static String text(String raw) {
        return raw.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
    }
}

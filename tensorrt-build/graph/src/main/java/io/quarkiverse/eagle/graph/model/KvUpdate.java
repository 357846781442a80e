package io.quarkiverse.eagle.graph.model;

/** How a step hands back the KV pool. */
public enum KvUpdate {
    /** Output and input are one buffer; only new rows are written. */
    IN_PLACE("in-place"),
    /** The output is a whole new pool, for hosts that cannot alias them. */
    FUNCTIONAL("functional");

    private final String text;

    KvUpdate(String text) {
        this.text = text;
    }

    /** The name on the command line and in manifests. */
    public String text() {
        return text;
    }
}

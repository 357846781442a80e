package io.quarkiverse.eagle.cli.tree;

import java.util.Locale;
import java.util.function.IntFunction;

import io.quarkiverse.eagle.decode.RecordedCycle;

/** A cycle's tree for a terminal: ● was accepted, ○ was rejected, ◆ is the target's own token. */
public final class TextTree {

    private static final String ACCEPTED = "\u001b[32m";
    private static final String REJECTED = "\u001b[2m";
    private static final String OWN = "\u001b[1m";
    private static final String PLAIN = "\u001b[0m";

    private final TokenText text;
    private final boolean colours;

    /** @param decode the text of a token */
    public TextTree(IntFunction<String> decode, boolean colours) {
        this.text = new TokenText(decode);
        this.colours = colours;
    }

    /** The drawing, with a line break behind its last line. */
    public String draw(int number, RecordedCycle cycle) {
        StringBuilder lines = new StringBuilder();
        lines.append(String.format(Locale.ROOT, "cycle %d: %d nodes of %d candidates, %d accepted, %d tokens%n", number,
                cycle.tokens().length, cycle.candidates(), cycle.accepted().length, cycle.emitted().length));
        lines.append("● ").append(text.visible(cycle.root())).append(System.lineSeparator());
        children(lines, cycle, -1, "");
        return lines.toString();
    }

    private void children(StringBuilder lines, RecordedCycle cycle, int parent, String indent) {
        int last = -1;
        for (int node = 0; node < cycle.parents().length; node++) {
            last = cycle.parents()[node] == parent ? node : last;
        }
        boolean own = cycle.hasOwnToken() && cycle.lastAccepted() == parent;
        for (int node = 0; node < cycle.parents().length; node++) {
            if (cycle.parents()[node] == parent) {
                boolean end = node == last && !own;
                boolean accepted = cycle.isAccepted(node);
                lines.append(indent).append(end ? "└─" : "├─").append(paint(accepted ? ACCEPTED : REJECTED,
                        String.format(Locale.ROOT, "%s %s  %.1f %%", accepted ? "●" : "○",
                                text.visible(cycle.tokens()[node]), cycle.percent(node))))
                        .append(System.lineSeparator());
                children(lines, cycle, node, indent + (end ? "  " : "│ "));
            }
        }
        if (own) {
            lines.append(indent).append("└─")
                    .append(paint(OWN, "◆ " + text.visible(cycle.emitted()[cycle.emitted().length - 1])))
                    .append(System.lineSeparator());
        }
    }

    private String paint(String colour, String words) {
        return colours ? colour + words + PLAIN : words;
    }
}

package io.quarkiverse.eagle.cli.tree;

import java.util.List;
import java.util.Locale;
import java.util.function.IntFunction;

import io.quarkiverse.eagle.cli.page.Html;
import io.quarkiverse.eagle.decode.RecordedCycle;

/**
 * A page of its own with the answer, its tokens tinted by cycle, and every cycle's tree as SVG: depth to the right, one line
 * per
 * leaf. The wider an edge, the surer the drafter was.
 */
public final class TreePage {

    private static final int COLUMN = 150;
    private static final int LINE = 24;
    private static final int NODE_WIDTH = 118;
    private static final int NODE_HEIGHT = 19;
    private static final int MARGIN = 8;
    private static final int LETTERS = 12;

    private static final String STYLE = """
            :root{--ink:#1d2430;--faint:#5b6472;--line:#c3c9d2;--yes:#1b7f4b;--own:#1f5fc4;--page:#fff;--a:#e2efff;--b:#e4f5e8}
            @media(prefers-color-scheme:dark){:root{--ink:#e8ebf0;--faint:#a3acba;--line:#4a5361;--yes:#52c98b;--own:#7fb0ff;\
            --page:#14181f;--a:#1d3350;--b:#1a3b29}}
            body{font:15px/1.55 system-ui,sans-serif;margin:2em auto;max-width:1200px;padding:0 1em;color:var(--ink);\
            background:var(--page)}
            .answer{white-space:pre-wrap}.answer span:nth-of-type(odd){background:var(--a)}
            .answer span:nth-of-type(even){background:var(--b)}
            figure{margin:1.5em 0;overflow-x:auto}figcaption{color:var(--faint)}
            svg text{font:12px ui-monospace,monospace;fill:var(--ink)}
            svg .value{font-size:9px;fill:var(--faint)}
            rect{fill:none;stroke:var(--line)}.yes rect{stroke:var(--yes);stroke-width:2}.own rect{stroke:var(--own);\
            stroke-dasharray:4 3}
            path{fill:none;stroke:var(--line)}path.yes{stroke:var(--yes)}path.own{stroke:var(--own);stroke-dasharray:4 3}
            """;

    private final String model;
    private final String prompt;
    private final String summary;
    private final TokenText text;
    private final StringBuilder page = new StringBuilder();
    private int lines;

    /**
     * @param summary a line about the answer
     * @param decode the text of a token
     */
    public TreePage(String model, String prompt, String summary, IntFunction<String> decode) {
        this.model = model;
        this.prompt = prompt;
        this.summary = summary;
        this.text = new TokenText(decode);
    }

    /** @param answer all tokens of the answer, the first of which no cycle brought */
    public String render(int[] answer, List<RecordedCycle> cycles) {
        page.append("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=")
                .append("device-width\"><title>Draft trees</title><style>").append(STYLE).append("</style></head><body><h1>")
                .append(Html.text(model)).append(", draft trees</h1><p>").append(Html.text(prompt))
                .append("</p><p class=\"answer\">");
        answer(answer, cycles);
        page.append("</p><p>").append(Html.text(summary)).append(
                ". Each tint above is one cycle. Below, framed in green: accepted; dashed: the target’s own token; grey:"
                        + " rejected. The percentages are the chances of acceptance that the drafter gave.</p>");
        int number = 1;
        for (RecordedCycle cycle : cycles) {
            draw(number++, cycle);
        }
        return page.append("</body></html>\n").toString();
    }

    private void answer(int[] answer, List<RecordedCycle> cycles) {
        int token = 0;
        int brought = 0;
        for (RecordedCycle cycle : cycles) {
            brought += cycle.emitted().length;
        }
        for (; token < answer.length - brought; token++) {
            page.append(Html.text(text.raw(answer[token])));
        }
        for (RecordedCycle cycle : cycles) {
            page.append("<span>");
            for (int emitted : cycle.emitted()) {
                page.append(Html.text(text.raw(emitted)));
            }
            page.append("</span>");
        }
    }

    private void draw(int number, RecordedCycle cycle) {
        StringBuilder edges = new StringBuilder();
        StringBuilder nodes = new StringBuilder();
        lines = 0;
        double[] places = new double[cycle.tokens().length];
        double root = place(cycle, -1, places, edges, nodes, 1);
        node(nodes, "yes", 0, root, cycle.root(), "");
        int deepest = 1;
        int[] depths = new int[places.length];
        for (int node = 0; node < places.length; node++) {
            depths[node] = cycle.parents()[node] < 0 ? 1 : depths[cycle.parents()[node]] + 1;
            deepest = Math.max(deepest, depths[node]);
        }
        deepest = Math.max(deepest, cycle.accepted().length + 1);
        page.append(String.format(Locale.ROOT, "<figure><figcaption>Cycle %d: %d nodes of %d candidates, %d accepted, %d"
                + " tokens</figcaption><svg role=\"img\" aria-label=\"draft tree of cycle %d\" width=\"%d\" height=\"%d\">",
                number, places.length, cycle.candidates(), cycle.accepted().length, cycle.emitted().length, number,
                2 * MARGIN + deepest * COLUMN + NODE_WIDTH, 2 * MARGIN + lines * LINE)).append(edges).append(nodes)
                .append("</svg></figure>");
    }

    /** Places the children of a node, and returns the height of the node itself: the middle of its children. */
    private double place(RecordedCycle cycle, int parent, double[] places, StringBuilder edges, StringBuilder nodes,
            int depth) {
        double first = -1;
        double last = -1;
        for (int node = 0; node < places.length; node++) {
            if (cycle.parents()[node] == parent) {
                places[node] = place(cycle, node, places, edges, nodes, depth + 1);
                node(nodes, cycle.isAccepted(node) ? "yes" : "no", depth, places[node], cycle.tokens()[node],
                        String.format(Locale.ROOT, "%.1f %%", cycle.percent(node)));
                first = first < 0 ? places[node] : first;
                last = places[node];
            }
        }
        boolean own = cycle.hasOwnToken() && cycle.lastAccepted() == parent;
        double ownPlace = 0;
        if (own) {
            ownPlace = MARGIN + LINE * (lines++ + 0.5);
            node(nodes, "own", depth, ownPlace, cycle.emitted()[cycle.emitted().length - 1], "");
            first = first < 0 ? ownPlace : first;
            last = ownPlace;
        }
        double here = first < 0 ? MARGIN + LINE * (lines++ + 0.5) : (first + last) / 2;
        for (int node = 0; node < places.length; node++) {
            if (cycle.parents()[node] == parent) {
                edge(edges, cycle.isAccepted(node) ? "yes" : "no", depth, here, places[node],
                        0.7 + 3 * Math.exp(cycle.values()[node]));
            }
        }
        if (own) {
            edge(edges, "own", depth, here, ownPlace, 1.5);
        }
        return here;
    }

    private void node(StringBuilder nodes, String kind, int depth, double y, int token, String value) {
        String label = text.visible(token);
        String shown = label.codePointCount(0, label.length()) <= LETTERS ? label
                : label.substring(0, label.offsetByCodePoints(0, LETTERS - 1)) + "…";
        int x = MARGIN + depth * COLUMN;
        nodes.append(String.format(Locale.ROOT, "<g class=\"%s\"><title>%s, token %d</title><rect x=\"%d\" y=\"%.1f\""
                + " width=\"%d\" height=\"%d\" rx=\"4\"/><text x=\"%d\" y=\"%.1f\">%s</text><text class=\"value\" x=\"%d\""
                + " y=\"%.1f\" text-anchor=\"end\">%s</text></g>", kind, Html.text(label), token, x, y - NODE_HEIGHT / 2.0,
                NODE_WIDTH, NODE_HEIGHT, x + 5, y + 4, Html.text(shown), x + NODE_WIDTH - 4, y + 3.5, value));
    }

    private static void edge(StringBuilder edges, String kind, int depth, double from, double to, double width) {
        int x = MARGIN + (depth - 1) * COLUMN + NODE_WIDTH;
        int end = MARGIN + depth * COLUMN;
        int middle = (x + end) / 2;
        edges.append(
                String.format(Locale.ROOT, "<path class=\"%s\" stroke-width=\"%.1f\" d=\"M%d %.1fC%d %.1f %d %.1f %d %.1f\"/>",
                        kind, width, x, from, middle, from, middle, to, end, to));
    }
}

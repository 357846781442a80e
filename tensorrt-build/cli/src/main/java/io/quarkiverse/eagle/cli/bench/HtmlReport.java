package io.quarkiverse.eagle.cli.bench;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

import io.quarkiverse.eagle.cli.page.Html;

/** The report as one self-contained page: what ran where, a table, and plots as SVG. */
public final class HtmlReport {

    private static final List<String> COLOURS = List.of("#8a8f98", "#2f6fde", "#d9822b", "#2a9d5c", "#b13fb8", "#c2413b",
            "#008b9a", "#7a5c1e", "#5b5bd6");
    private static final int WIDTH = 900;
    private static final int HEIGHT = 300;
    private static final int LEFT = 60;
    private static final int BOTTOM = 50;

    private final BenchReport report;
    private final StringBuilder page = new StringBuilder();

    private HtmlReport(BenchReport report) {
        this.report = report;
    }

    /** The whole page. */
    public static String render(BenchReport report) {
        HtmlReport html = new HtmlReport(report);
        html.head();
        html.bars("Speed against plain decoding", "times", BenchReport.Run::speedup);
        html.bars("Tokens per draft-verify cycle (τ)", "tokens", BenchReport.Run::tau);
        html.acceptance();
        if (report.costs() != null) {
            html.costCurve();
        }
        html.times();
        html.table();
        html.page.append("</body></html>\n");
        return html.page.toString();
    }

    private void head() {
        BenchReport.Machine machine = report.machine();
        page.append("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Six-task benchmark</title><style>")
                .append("body{font:15px/1.5 system-ui,sans-serif;max-width:940px;margin:2em auto;padding:0 1em;color:#222}")
                .append("table{border-collapse:collapse;width:100%}td,th{padding:.25em .6em;text-align:right;border-bottom:1px")
                .append(" solid #ddd}td:nth-child(-n+2),th:nth-child(-n+2){text-align:left}svg{width:100%;height:auto}")
                .append("text{font:12px system-ui,sans-serif;fill:#444}</style></head><body>");
        page.append(String.format(Locale.ROOT,
                "<h1>%s, six tasks</h1><p>%s, %d cores (%s), Java %s, %s. Temperature %s, at most %d tokens an answer."
                        + " Drafters and plain decoding ran in turns on every prompt%s. %s</p>",
                Html.text(report.model()), Html.text(machine.cpu()), machine.cores(), Html.text(machine.flags()),
                Html.text(machine.java()),
                Html.text(machine.os()), report.temperature(), report.maxTokens(),
                report.concurrency() == 1 ? "" : ", " + report.concurrency() + " at once",
                report.differences() == 0 ? Html.text(report.equality()) : "<b>" + Html.text(report.equality()) + "</b>"));
    }

    private List<String> drafters() {
        return report.totals().stream().map(BenchReport.Total::drafter).toList();
    }

    private void bars(String title, String unit, ToDoubleFunction<BenchReport.Run> figure) {
        Set<String> tasks = report.runs().stream().map(BenchReport.Run::task)
                .collect(Collectors.toCollection(LinkedHashSet::new));
        List<String> drafters = drafters();
        double most = report.runs().stream().mapToDouble(figure).max().orElse(1) * 1.1;
        begin(title, unit, most);
        double group = (WIDTH - LEFT) / (double) tasks.size();
        double bar = group * 0.8 / drafters.size();
        int t = 0;
        for (String task : tasks) {
            for (int d = 0; d < drafters.size(); d++) {
                String drafter = drafters.get(d);
                double value = report.runs().stream()
                        .filter(run -> run.task().equals(task) && run.drafter().equals(drafter)).mapToDouble(figure)
                        .findFirst().orElse(0);
                double x = LEFT + t * group + group * 0.1 + d * bar;
                double height = value / most * HEIGHT;
                svg("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"><title>%s, %s: %.2f</title></rect>",
                        x, HEIGHT - height, bar * 0.92, height, colour(d), Html.text(drafter), Html.text(task), value);
                svg("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" font-size=\"10\">%.2f</text>", x + bar / 2,
                        HEIGHT - height - 3, value);
            }
            svg("<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>", LEFT + (t + 0.5) * group, HEIGHT + 18,
                    Html.text(task));
            t++;
        }
        legend(drafters);
        page.append("</svg>");
    }

    private void begin(String title, String unit, double most) {
        page.append("<h2>").append(title).append("</h2>");
        svg("<svg viewBox=\"0 -14 %d %d\" role=\"img\">", WIDTH, HEIGHT + BOTTOM + 14);
        double step = Math.pow(10, Math.floor(Math.log10(most / 2)));
        while (most / step > 8) {
            step *= 2;
        }
        for (double y = 0; y <= most; y += step) {
            double place = HEIGHT - y / most * HEIGHT;
            svg("<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#e4e4e4\"/>", LEFT, WIDTH, place, place);
            svg("<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>", LEFT - 6, place + 4,
                    y == Math.rint(y) ? Long.toString((long) y) : String.format(Locale.ROOT, "%.1f", y));
        }
        svg("<text x=\"4\" y=\"-2\">%s</text>", unit);
    }

    private void legend(List<String> names) {
        int x = LEFT;
        for (int i = 0; i < names.size(); i++) {
            svg("<rect x=\"%d\" y=\"%d\" width=\"10\" height=\"10\" fill=\"%s\"/>", x, HEIGHT + 32, colour(i));
            svg("<text x=\"%d\" y=\"%d\">%s</text>", x + 14, HEIGHT + 41, Html.text(names.get(i)));
            x += 40 + 7 * names.get(i).length();
        }
    }

    private void costCurve() {
        BenchReport.Costs costs = report.costs();
        double most = costs.targetMilliseconds()[costs.targetMilliseconds().length - 1] * 1.1;
        int rows = costs.targetRows()[costs.targetRows().length - 1];
        begin("What a step costs, by rows", "milliseconds", most);
        curve(costs.targetRows(), costs.targetMilliseconds(), rows, most, 1);
        curve(costs.draftRows(), costs.draftMilliseconds(), rows, most, 2);
        for (int i = 0; i < costs.targetRows().length; i++) {
            svg("<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>", x(costs.targetRows()[i], rows), HEIGHT + 18,
                    costs.targetRows()[i]);
        }
        chosenBudgets(rows);
        legend(List.of("rows", "target", "draft"));
        page.append("</svg>");
    }

    private void acceptance() {
        int deepest = report.totals().stream().mapToInt(total -> total.acceptanceByDepth().length).max().orElse(0);
        if (deepest == 0) {
            return;
        }
        begin("Accepted down to a depth, of the trees that reached it", "share", 1.05);
        for (int d = 0; d < report.totals().size(); d++) {
            BenchReport.Total total = report.totals().get(d);
            StringBuilder points = new StringBuilder();
            for (int depth = 1; depth <= total.acceptanceByDepth().length; depth++) {
                double share = total.acceptanceByDepth()[depth - 1];
                double y = HEIGHT - share / 1.05 * HEIGHT;
                points.append(String.format(Locale.ROOT, "%.1f,%.1f ", x(depth, deepest), y));
                svg("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"><title>%s, depth %d: %.2f</title></circle>",
                        x(depth, deepest), y, colour(d), Html.text(total.drafter()), depth, share);
            }
            svg("<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>", points.toString().trim(),
                    colour(d));
        }
        for (int depth = 1; depth <= deepest; depth++) {
            svg("<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>", x(depth, deepest), HEIGHT + 18, depth);
        }
        legend(drafters());
        page.append("</svg>");
    }

    /** Where a budget was chosen stands in the cost curve: a tick at the rows that a drafter's mean cycle verified. */
    private void chosenBudgets(int rows) {
        for (int d = 0; d < report.totals().size(); d++) {
            String drafter = report.totals().get(d).drafter();
            double nodes = report.runs().stream().filter(run -> run.drafter().equals(drafter))
                    .mapToDouble(BenchReport.Run::nodes).average().orElse(0);
            if (nodes > 0) {
                double x = LEFT + 10 + (WIDTH - LEFT - 30) * (nodes + 1) / rows;
                svg("<line x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"%d\" stroke=\"%s\" stroke-dasharray=\"3 4\"/>", x, x, HEIGHT,
                        colour(d));
                svg("<text x=\"%.1f\" y=\"%d\">%s: %.1f nodes</text>", x + 3, 12 + 13 * d, Html.text(drafter), nodes);
            }
        }
    }

    private static double x(int count, int rows) {
        return LEFT + 10 + (WIDTH - LEFT - 30) * count / (double) rows;
    }

    private void curve(int[] counts, double[] milliseconds, int rows, double most, int colour) {
        StringBuilder points = new StringBuilder();
        for (int i = 0; i < counts.length; i++) {
            double y = HEIGHT - milliseconds[i] / most * HEIGHT;
            points.append(String.format(Locale.ROOT, "%.1f,%.1f ", x(counts[i], rows), y));
            svg("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"><title>%d rows: %.2f ms</title></circle>",
                    x(counts[i], rows), y, colour(colour), counts[i], milliseconds[i]);
        }
        svg("<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>", points.toString().trim(),
                colour(colour));
    }

    private static String colour(int i) {
        return COLOURS.get(i % COLOURS.size());
    }

    private void times() {
        page.append("<h2>Where the time of the cycles goes</h2><table><tr><th>drafter</th><th></th><th>nodes</th>")
                .append("<th>draft</th><th>verify</th><th>host</th></tr>");
        for (BenchReport.Total total : report.totals()) {
            double[] percent = total.times().percent();
            svg("<tr><td>%s</td><td></td><td>%.1f</td><td>%.1f %%</td><td>%.1f %%</td><td>%.1f %%</td></tr>",
                    Html.text(total.drafter()), total.nodes(), percent[0], percent[1], percent[2]);
        }
        page.append("</table>");
    }

    private void table() {
        page.append("<h2>Figures</h2><table><tr><th>drafter</th><th>task</th><th>prompts</th><th>tokens</th><th>cycles</th>")
                .append("<th>τ</th><th>nodes</th><th>seconds</th><th>tokens/s</th><th>speed</th></tr>");
        for (BenchReport.Run run : report.runs()) {
            svg("<tr><td>%s</td><td>%s</td><td>%d</td><td>%d</td><td>%d</td><td>%.2f</td><td>%.1f</td><td>%.1f</td><td>%.1f</td>"
                    + "<td>%.2f×</td></tr>", Html.text(run.drafter()), Html.text(run.task()), run.prompts(), run.tokens(),
                    run.cycles(),
                    run.tau(), run.nodes(), run.seconds(), run.tokensPerSecond(), run.speedup());
        }
        for (BenchReport.Total total : report.totals()) {
            svg("<tr><th>%s</th><th>mean of the tasks</th><td></td><td></td><td></td><th>%.2f</th><td></td><td></td><th>%.1f</th>"
                    + "<th>%.2f×</th></tr>", Html.text(total.drafter()), total.tau(), total.tokensPerSecond(), total.speedup());
        }
        page.append("</table>");
    }

    private void svg(String format, Object... arguments) {
        page.append(String.format(Locale.ROOT, format, arguments));
    }
}

package io.quarkiverse.eagle.benchmark;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;

import io.quarkiverse.eagle.benchmark.LoadSimulation.Point;

/** One figure by the number of streams, which is drawn in powers of two, a line for each way to decode. */
final class LoadPlot {

    private static final List<String> COLOURS = List.of("#8a8f98", "#d9822b", "#2f6fde");
    private static final int WIDTH = 900;
    private static final int HEIGHT = 260;
    private static final int LEFT = 60;
    private static final int BOTTOM = 50;
    private static final int LINES = 5;

    private final String title;
    private final Map<String, List<Point>> ways;
    private final ToDoubleFunction<Point> figure;
    private final double most;
    private final StringBuilder drawing = new StringBuilder();

    LoadPlot(String title, Map<String, List<Point>> ways, ToDoubleFunction<Point> figure) {
        this.title = title;
        this.ways = ways;
        this.figure = figure;
        this.most = 1.1 * ways.values().stream().flatMap(List::stream).mapToDouble(figure).max().orElse(1);
    }

    String svg() {
        draw("<svg viewBox=\"0 -20 %d %d\" role=\"img\"><text x=\"4\" y=\"-6\">%s</text>", WIDTH, HEIGHT + BOTTOM + 20, title);
        for (int line = 0; line <= LINES; line++) {
            double value = most * line / LINES;
            draw("<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#e4e4e4\"/>", LEFT, WIDTH, y(value), y(value));
            draw("<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>", LEFT - 6, y(value) + 4,
                    String.format(Locale.ROOT, most < 20 ? "%.1f" : "%.0f", value));
        }
        int way = 0;
        for (Map.Entry<String, List<Point>> each : ways.entrySet()) {
            String colour = COLOURS.get(way % COLOURS.size());
            StringBuilder line = new StringBuilder();
            for (Point point : each.getValue()) {
                double value = figure.applyAsDouble(point);
                line.append(String.format(Locale.ROOT, "%.1f,%.1f ", x(point.streams()), y(value)));
                draw("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"><title>%s, %d streams: %.2f</title></circle>",
                        x(point.streams()), y(value), colour, each.getKey(), point.streams(), value);
                if (way == 0) {
                    draw("<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>", x(point.streams()), HEIGHT + 18,
                            point.streams());
                }
            }
            draw("<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>", line.toString().trim(), colour);
            draw("<rect x=\"%d\" y=\"%d\" width=\"10\" height=\"10\" fill=\"%s\"/><text x=\"%d\" y=\"%d\">%s</text>",
                    LEFT + 180 * way, HEIGHT + 30, colour, LEFT + 180 * way + 14, HEIGHT + 39, each.getKey());
            way++;
        }
        return drawing.append("</svg>").toString();
    }

    private static double x(int streams) {
        return LEFT + 20 + (WIDTH - LEFT - 40) * Math.log(streams) / Math.log(256);
    }

    private double y(double value) {
        return HEIGHT - value / most * HEIGHT;
    }

    private void draw(String format, Object... arguments) {
        drawing.append(String.format(Locale.ROOT, format, arguments));
    }
}

package io.quarkiverse.eagle.cli;

import java.util.Locale;

import io.quarkiverse.eagle.graph.source.ProgressListener;

/** Long work as a line of a log now and then. */
final class ProgressLines implements ProgressListener {

    private static final long PAUSE_NANOS = 10_000_000_000L;
    private static final double MEBIBYTE = 1 << 20;

    private final Terminal terminal;
    private String task;
    private long total;
    private long done;
    private long start;
    private long nextLine;
    private boolean counts;

    ProgressLines(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public void begin(String task, long total) {
        begin(task, total, false);
    }

    @Override
    public void beginCount(String task, long total) {
        begin(task, total, true);
    }

    private void begin(String task, long total, boolean counts) {
        this.counts = counts;
        this.task = task;
        this.total = total;
        this.done = 0;
        this.start = System.nanoTime();
        this.nextLine = start + PAUSE_NANOS;
        say(total > 0 ? task + ": " + amount(total) : task);
    }

    @Override
    public void advance(long bytes) {
        done += bytes;
        long now = System.nanoTime();
        if (now >= nextLine) {
            nextLine = now + PAUSE_NANOS;
            say(total > 0 ? String.format(Locale.ROOT, "%s: %d %%", task, Math.min(99, 100 * done / total))
                    : task + ": " + amount(done));
        }
    }

    @Override
    public void end() {
        if (task != null) {
            say(String.format(Locale.ROOT, "%s: done in %.1f s", task, (System.nanoTime() - start) / 1e9));
            task = null;
        }
    }

    private String amount(long number) {
        return counts ? Long.toString(number) : String.format(Locale.ROOT, "%.0f MiB", number / MEBIBYTE);
    }

    private void say(String line) {
        terminal.err().println(line);
        terminal.err().flush();
    }
}

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

    ProgressLines(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public void begin(String task, long total) {
        this.task = task;
        this.total = total;
        this.done = 0;
        this.start = System.nanoTime();
        this.nextLine = start + PAUSE_NANOS;
        say(total > 0 ? String.format(Locale.ROOT, "%s: %.0f MiB", task, total / MEBIBYTE) : task);
    }

    @Override
    public void advance(long bytes) {
        done += bytes;
        long now = System.nanoTime();
        if (now >= nextLine) {
            nextLine = now + PAUSE_NANOS;
            say(total > 0 ? String.format(Locale.ROOT, "%s: %d %%", task, Math.min(99, 100 * done / total))
                    : String.format(Locale.ROOT, "%s: %.0f MiB", task, done / MEBIBYTE));
        }
    }

    @Override
    public void end() {
        if (task != null) {
            say(String.format(Locale.ROOT, "%s: done in %.1f s", task, (System.nanoTime() - start) / 1e9));
            task = null;
        }
    }

    private void say(String line) {
        terminal.err().println(line);
        terminal.err().flush();
    }
}

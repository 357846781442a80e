package io.quarkiverse.eagle.cli;

import io.quarkiverse.eagle.graph.source.ProgressListener;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;

/** Long work as a bar on a person's terminal; the bar goes when the work is done. */
final class ProgressBarListener implements ProgressListener {

    private static final int UPDATE_MILLIS = 200;
    private static final long MEBIBYTE = 1 << 20;

    private final Terminal terminal;
    private ProgressBar bar;

    ProgressBarListener(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public void begin(String task, long total) {
        show(task, total, new ProgressBarBuilder().setUnit(" MiB", MEBIBYTE));
    }

    @Override
    public void beginCount(String task, long total) {
        show(task, total, new ProgressBarBuilder());
    }

    private void show(String task, long total, ProgressBarBuilder builder) {
        end();
        bar = builder.setTaskName(task).setInitialMax(total)
                .setUpdateIntervalMillis(UPDATE_MILLIS).setConsumer(new ConsoleProgressBarConsumer(terminal.err()))
                .clearDisplayOnFinish().build();
    }

    @Override
    public void advance(long bytes) {
        if (bar != null) {
            bar.stepBy(bytes);
        }
    }

    @Override
    public void end() {
        if (bar != null) {
            bar.close();
            bar = null;
        }
    }
}

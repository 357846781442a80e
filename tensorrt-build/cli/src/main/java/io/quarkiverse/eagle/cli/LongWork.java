package io.quarkiverse.eagle.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import io.quarkiverse.eagle.graph.source.ProgressListener;

/**
 * Work that takes a while: its progress is shown on standard error, and when the process is told to end, the work fails at its
 * next sign of progress, so that it can remove what is incomplete.
 */
final class LongWork implements ProgressListener, AutoCloseable {

    private static final long PATIENCE_SECONDS = 5;

    private final ProgressListener shown;
    private final CountDownLatch over = new CountDownLatch(1);
    private final Thread onExit = new Thread(this::stop, "eagle-stop");
    private volatile boolean stopping;

    LongWork(Terminal terminal) {
        this.shown = terminal.errorIsTerminal() ? new ProgressBarListener(terminal) : new ProgressLines(terminal);
        Runtime.getRuntime().addShutdownHook(onExit);
    }

    private void stop() {
        stopping = true;
        try {
            over.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void begin(String task, long total) {
        goOn();
        shown.begin(task, total);
    }

    @Override
    public void beginCount(String task, long total) {
        goOn();
        shown.beginCount(task, total);
    }

    @Override
    public void advance(long bytes) {
        goOn();
        shown.advance(bytes);
    }

    private void goOn() {
        if (stopping) {
            throw new CommandException("interrupted");
        }
    }

    @Override
    public void end() {
        shown.end();
    }

    @Override
    public void close() {
        over.countDown();
        if (!stopping) {
            try {
                Runtime.getRuntime().removeShutdownHook(onExit);
            } catch (IllegalStateException e) {
                // The process ends already, and the hook with it.
            }
        }
    }
}

package io.quarkiverse.eagle.deployment;

import java.time.Duration;

import org.jboss.logging.Logger;

import io.quarkiverse.eagle.graph.source.ProgressListener;

/** Writes long work to the log: a line at its start, one for every tenth of it, and one at its end. */
final class LoggedProgress implements ProgressListener {

    private static final Logger LOG = Logger.getLogger(LoggedProgress.class);

    private String task;
    private long total;
    private long done;
    private long tenths;
    private long startedAt;

    @Override
    public void begin(String task, long total) {
        this.task = task;
        this.total = total;
        this.done = 0;
        this.tenths = 0;
        this.startedAt = System.nanoTime();
        if (total > 0) {
            LOG.infof("%s: %d MiB", task, total >> 20);
        } else {
            LOG.info(task);
        }
    }

    @Override
    public void advance(long bytes) {
        done += bytes;
        long tenth = total <= 0 ? 0 : Math.min(9, done * 10 / total);
        if (tenth > tenths) {
            tenths = tenth;
            LOG.infof("%s: %d %%", task, tenths * 10);
        }
    }

    @Override
    public void end() {
        LOG.infof("%s: done in %.1f s", task, Duration.ofNanos(System.nanoTime() - startedAt).toMillis() / 1e3);
    }
}

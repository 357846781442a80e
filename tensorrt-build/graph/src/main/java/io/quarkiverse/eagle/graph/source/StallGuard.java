package io.quarkiverse.eagle.graph.source;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Closes a stream from which nothing has come for a while, so that the thread that reads it hears of it. */
final class StallGuard implements Closeable {

    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "eagle-download-stall-guard");
        thread.setDaemon(true);
        return thread;
    });
    private volatile long lastSign = System.nanoTime();

    StallGuard(InputStream guarded, Duration patience) {
        long period = Math.max(1, patience.toMillis() / 4);
        clock.scheduleWithFixedDelay(() -> {
            if (System.nanoTime() - lastSign > patience.toNanos()) {
                try {
                    guarded.close();
                } catch (IOException e) {
                    clock.shutdown();
                }
            }
        }, period, period, TimeUnit.MILLISECONDS);
    }

    /** Something has come. */
    void sign() {
        lastSign = System.nanoTime();
    }

    @Override
    public void close() {
        clock.shutdownNow();
    }
}

package io.quarkiverse.eagle.graph.source;

import java.util.ArrayList;
import java.util.List;

/** Remembers each task as {@code name done/total}. */
final class RecordedProgress implements ProgressListener {

    final List<String> tasks = new ArrayList<>();
    private String task;
    private long total;
    private long done;

    @Override
    public void begin(String task, long totalOrMinusOne) {
        if (this.task != null) {
            throw new IllegalStateException(this.task + " has not ended");
        }
        this.task = task;
        this.total = totalOrMinusOne;
        this.done = 0;
    }

    @Override
    public void advance(long bytes) {
        done += bytes;
    }

    @Override
    public void end() {
        tasks.add(task + " " + done + "/" + total);
        task = null;
    }
}

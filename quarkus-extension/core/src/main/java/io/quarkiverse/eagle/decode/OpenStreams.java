package io.quarkiverse.eagle.decode;

import java.util.concurrent.TimeUnit;

/** Counts the subscribers that have neither got their end nor left, so that closing can wait for them. Thread-safe. */
final class OpenStreams {

    private int count;

    synchronized void opened() {
        count++;
    }

    synchronized void over() {
        count--;
        notifyAll();
    }

    /**
     * Waits until there are none.
     *
     * @param until when to wait no longer, in terms of {@link System#nanoTime}
     */
    synchronized void awaitNone(long until) {
        boolean interrupted = false;
        for (long left = until - System.nanoTime(); count > 0 && left > 0; left = until - System.nanoTime()) {
            try {
                TimeUnit.NANOSECONDS.timedWait(this, left);
            } catch (InterruptedException e) {
                interrupted = true; // there is a limit anyway
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}

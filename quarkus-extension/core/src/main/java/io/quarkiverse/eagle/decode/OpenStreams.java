package io.quarkiverse.eagle.decode;

import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.concurrent.TimeUnit;

/**
 * The streams whose subscribers have neither got their end nor left, so that closing can wait for them. Keeps none alive: a
 * subscription that nobody holds any more counts no longer. Thread-safe.
 */
final class OpenStreams {

    private final Set<TokenStream> streams = Collections.newSetFromMap(new WeakHashMap<>());

    /** To be called before the subscriber hears of its stream, or when the stream comes from elsewhere. */
    void opened(TokenStream stream) {
        synchronized (this) {
            streams.add(stream);
        }
        stream.whenOver(() -> over(stream));
        if (stream.isOver()) {
            over(stream);
        }
    }

    /** The stream is over, or belongs elsewhere now. */
    synchronized void over(TokenStream stream) {
        streams.remove(stream);
        notifyAll();
    }

    /**
     * Waits until there are none.
     *
     * @param until when to wait no longer, in terms of {@link System#nanoTime}
     */
    synchronized void awaitNone(long until) {
        boolean interrupted = false;
        for (long left = until - System.nanoTime(); !streams.isEmpty() && left > 0; left = until - System.nanoTime()) {
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

    /** Fails all; only where no decode loop will say anything to them any more. */
    void failAll(Throwable reason) {
        List<TokenStream> open;
        synchronized (this) {
            open = List.copyOf(streams);
        }
        open.forEach(stream -> stream.fail(reason));
    }
}

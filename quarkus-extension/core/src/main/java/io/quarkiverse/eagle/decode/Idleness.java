package io.quarkiverse.eagle.decode;

/**
 * How long a consumer has taken nothing, while as many tokens wait for it as keep its sequence from coming back to a slot.
 * Belongs to the decode loop's thread, which asks once a turn.
 */
final class Idleness {

    private final TokenStream stream;
    /** Tokens that the consumer had taken when it was last looked at, -1 before; and since when it has taken no more. */
    private long taken = -1;
    private long since;

    Idleness(TokenStream stream) {
        this.stream = stream;
    }

    /** @param now {@link System#nanoTime} or another clock of its kind, the same in all calls */
    long nanos(long now) {
        if (stream.hasRoom() || stream.taken() != taken) {
            taken = stream.taken();
            since = now;
        }
        return now - since;
    }
}

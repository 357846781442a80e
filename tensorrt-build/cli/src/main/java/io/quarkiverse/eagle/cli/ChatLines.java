package io.quarkiverse.eagle.cli;

/** Where the lines of an interactive chat come from. */
interface ChatLines extends AutoCloseable {

    /** The next line; null when the person is done. */
    String read(String prompt);

    /** What an interruption does from now on while no line is read; null for nothing. */
    void onInterrupt(Runnable action);

    @Override
    void close();
}

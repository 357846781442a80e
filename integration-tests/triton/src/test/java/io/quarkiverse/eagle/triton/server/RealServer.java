package io.quarkiverse.eagle.triton.server;

import java.net.URI;

/**
 * A real Triton server that tests start, kill and start again at the same address: a process here, or a container with GPUs.
 */
interface RealServer extends AutoCloseable {

    /** Starts it and waits until its models are ready; also after it was killed. */
    void start();

    /** Kills the server and its models, as a crash of the machine would. */
    void kill();

    /** Kills the processes of the models; the server stays and calls them ready. */
    void killModels();

    /** Where the gRPC service listens, as {@code host:port}. */
    String endpoint();

    /** Where the HTTP service listens. */
    URI http();

    /** All metrics as text. */
    String metrics();

    @Override
    void close();
}

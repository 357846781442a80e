package io.quarkiverse.eagle.triton.server;

import java.net.URI;

import io.quarkiverse.eagle.triton.local.LocalTritonServer;

/** A server as a process on this machine. */
record ProcessServer(LocalTritonServer server) implements RealServer {

    @Override
    public void start() {
        server.start();
    }

    @Override
    public void kill() {
        server.kill();
    }

    @Override
    public void killModels() {
        server.killModels();
    }

    @Override
    public String endpoint() {
        return server.endpoint();
    }

    @Override
    public URI http() {
        return server.http();
    }

    @Override
    public String metrics() {
        return server.metrics();
    }

    @Override
    public void close() {
        server.close();
    }
}

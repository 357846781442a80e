package io.quarkiverse.eagle.triton.client;

/**
 * Where a server listens for gRPC.
 *
 * @param host name or address
 * @param port 1 to 65535
 */
public record TritonEndpoint(String host, int port) {

    /** Triton's own default. */
    public static final int DEFAULT_PORT = 8001;

    public TritonEndpoint {
        if (host == null || host.isBlank()) {
            throw new IllegalArgumentException("an endpoint has no host; write it as host:port");
        }
        if (port < 1 || port > 65535) {
            throw new IllegalArgumentException("port " + port + " of " + host + " is not between 1 and 65535");
        }
    }

    /** Reads {@code host}, {@code host:port} or {@code [address]:port}. */
    public static TritonEndpoint parse(String text) {
        String trimmed = text.trim();
        int colon = trimmed.lastIndexOf(':');
        boolean hasPort = colon > trimmed.lastIndexOf(']') && colon == trimmed.indexOf(':', trimmed.lastIndexOf(']') + 1);
        String host = hasPort ? trimmed.substring(0, colon) : trimmed;
        if (host.startsWith("[") && host.endsWith("]")) {
            host = host.substring(1, host.length() - 1);
        }
        try {
            return new TritonEndpoint(host, hasPort ? Integer.parseInt(trimmed.substring(colon + 1)) : DEFAULT_PORT);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("\"" + text + "\" is no endpoint; write it as host:port", e);
        }
    }

    @Override
    public String toString() {
        return (host.indexOf(':') < 0 ? host : "[" + host + "]") + ":" + port;
    }
}

package io.quarkiverse.eagle.graph.source;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Locale;

/**
 * What to show to one server. Redirects lead elsewhere, and nobody else must see it.
 *
 * @param origin scheme, host and port of the server
 * @param authorization value of the header
 */
record Credential(String origin, String authorization) {

    static final Credential NONE = new Credential("", "");

    static Credential bearer(URI server, String token) {
        return token == null ? NONE : new Credential(origin(server), "Bearer " + token);
    }

    /** The user and password within an address, if it has them. */
    static Credential within(URI address) {
        if (address.getUserInfo() == null) {
            return NONE;
        }
        String encoded = Base64.getEncoder().encodeToString(address.getUserInfo().getBytes(StandardCharsets.UTF_8));
        return new Credential(origin(address), "Basic " + encoded);
    }

    boolean isFor(URI address) {
        return origin(address).equals(origin);
    }

    private static String origin(URI address) {
        int port = address.getPort() >= 0 ? address.getPort() : "https".equalsIgnoreCase(address.getScheme()) ? 443 : 80;
        return (address.getScheme() + "://" + address.getHost() + ":" + port).toLowerCase(Locale.ROOT);
    }

    @Override
    public String toString() {
        return "Credential[" + origin + "]";
    }
}

package io.quarkiverse.eagle.graph.source;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;

/** The proxies that {@code https_proxy}, {@code http_proxy}, {@code all_proxy} and {@code no_proxy} ask for. */
final class ProxySettings extends ProxySelector {

    private final URI forHttps;
    private final URI forHttp;
    private final List<String> direct;

    ProxySettings(Environment environment) {
        String forAll = environment.inEitherCase("all_proxy");
        this.forHttps = parse("https_proxy", environment.inEitherCase("https_proxy"), forAll);
        this.forHttp = parse("http_proxy", environment.inEitherCase("http_proxy"), forAll);
        String excluded = environment.inEitherCase("no_proxy");
        this.direct = excluded == null ? List.of() : List.of(excluded.toLowerCase(Locale.ROOT).split("[,\\s]+"));
    }

    private static URI parse(String variable, String value, String forAll) {
        String text = value == null ? forAll : value;
        if (text == null) {
            return null;
        }
        try {
            URI uri = URI.create(text.contains("://") ? text : "http://" + text);
            if (uri.getHost() != null && uri.getScheme().startsWith("http")) {
                return uri;
            }
        } catch (IllegalArgumentException e) {
            throw invalid(variable, e);
        }
        throw invalid(variable, null);
    }

    /** The value may hold a password and is not shown. */
    private static CheckpointException invalid(String variable, Exception cause) {
        return new CheckpointException("the environment variable " + variable
                + " is not the address of an HTTP proxy; expected the form http://host:port", cause);
    }

    /** The proxy for an address, if any. */
    Optional<URI> proxyFor(URI uri) {
        URI proxy = "https".equalsIgnoreCase(uri.getScheme()) ? forHttps : forHttp;
        return Optional.ofNullable(proxy).filter(any -> !isDirect(uri));
    }

    private boolean isDirect(URI uri) {
        String host = uri.getHost().toLowerCase(Locale.ROOT);
        for (String entry : direct) {
            String name = entry;
            int colon = entry.lastIndexOf(':');
            if (colon > 0 && entry.indexOf(':') == colon) {
                if (!entry.substring(colon + 1).equals(String.valueOf(uri.getPort()))) {
                    continue;
                }
                name = entry.substring(0, colon);
            }
            name = name.startsWith("*.") ? name.substring(2) : name.startsWith(".") ? name.substring(1) : name;
            if (name.equals("*") || !name.isEmpty() && (host.equals(name) || host.endsWith("." + name))) {
                return true;
            }
        }
        return false;
    }

    /**
     * What the proxy for an address wants to see in {@code Proxy-Authorization}, if it wants anything. An
     * {@link java.net.Authenticator} would do that too, but Java's HTTP client then drops what a server itself is to see.
     */
    Optional<String> authorization(URI uri) {
        return proxyFor(uri).map(Credential::within).filter(credential -> credential != Credential.NONE)
                .map(Credential::authorization);
    }

    private static int port(URI proxy) {
        return proxy.getPort() > 0 ? proxy.getPort() : proxy.getScheme().equals("https") ? 443 : 80;
    }

    @Override
    public List<Proxy> select(URI uri) {
        return List.of(proxyFor(uri)
                .map(proxy -> new Proxy(Proxy.Type.HTTP, InetSocketAddress.createUnresolved(proxy.getHost(), port(proxy))))
                .orElse(Proxy.NO_PROXY));
    }

    @Override
    public void connectFailed(URI uri, SocketAddress address, IOException failure) {
        // The request itself fails with the same reason.
    }
}

package io.quarkiverse.eagle.graph.source;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;

class ProxySettingsTest {

    private static ProxySettings proxies(Map<String, String> variables) {
        return new ProxySettings(new Environment(variables::get));
    }

    private static String proxyFor(ProxySettings proxies, String address) {
        Proxy proxy = proxies.select(URI.create(address)).get(0);
        return proxy.type() == Proxy.Type.DIRECT ? "direct"
                : ((InetSocketAddress) proxy.address()).getHostString() + ":"
                        + ((InetSocketAddress) proxy.address()).getPort();
    }

    @Test
    void takesTheProxyOfTheScheme() {
        ProxySettings proxies = proxies(Map.of("https_proxy", "http://user:word@secure.example:3128", "HTTP_PROXY",
                "plain.example:8080"));
        assertThat(proxyFor(proxies, "https://pypi.org/simple")).isEqualTo("secure.example:3128");
        assertThat(proxyFor(proxies, "http://pypi.org/simple")).isEqualTo("plain.example:8080");
        assertThat(proxyFor(proxies(Map.of()), "https://pypi.org")).isEqualTo("direct");
        assertThat(proxyFor(proxies(Map.of("ALL_PROXY", "http://all.example")), "https://pypi.org"))
                .isEqualTo("all.example:80");
    }

    @ParameterizedTest
    @CsvSource({
            "https://inner.example/x,       direct",
            "https://deep.inner.example/x,  direct",
            "https://notinner.example/x,    proxy:1",
            "https://dotted.example.net/x,  direct",
            "https://127.0.0.1/x,           direct",
            "https://ported.example:8443/x, direct",
            "https://ported.example/x,      proxy:1",
            "https://pypi.org/x,            proxy:1" })
    void leavesOutWhatNoProxyNames(String address, String expected) {
        ProxySettings proxies = proxies(Map.of("https_proxy", "http://proxy:1", "no_proxy",
                "Inner.example, .example.net,127.0.0.1,ported.example:8443"));
        assertThat(proxyFor(proxies, address)).isEqualTo(expected);
    }

    @Test
    void aStarLeavesOutEverything() {
        assertThat(proxyFor(proxies(Map.of("https_proxy", "http://proxy:1", "NO_PROXY", "*")), "https://pypi.org"))
                .isEqualTo("direct");
    }

    @Test
    void logsInAtTheProxyOfAPlainAddress() throws IOException {
        try (LoopbackServer proxy = new LoopbackServer()) {
            proxy.serve("/file", "text/plain", "through");
            String address = proxy.address("").toString().replace("//", "//me:word@");
            Http http = new Http(new Environment(Map.of("http_proxy", address)::get), Duration.ofMillis(1));
            URI file = URI.create("http://nowhere.invalid/file");
            try (Http.Answer answer = http.get(file, Credential.bearer(file, "secret"), Map.of())) {
                assertThat(answer.body()).hasBinaryContent("through".getBytes());
            }
            assertThat(proxy.requests.get(0).header("Proxy-Authorization")).isEqualTo("Basic bWU6d29yZA==");
            assertThat(proxy.requests.get(0).header("Authorization")).isEqualTo("Bearer secret");
        }
    }

    @Test
    void logsInAtTheTunnelOfASecureAddressAndKeepsTheTokenOutOfIt() throws Exception {
        try (ServerSocket proxy = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            CompletableFuture<String> seen = CompletableFuture.supplyAsync(() -> tunnel(proxy));
            Http http = new Http(new Environment(Map.of("https_proxy", "me:word@127.0.0.1:" + proxy.getLocalPort())::get),
                    Duration.ofMillis(1));
            URI file = URI.create("https://nowhere.invalid/file");
            assertThatThrownBy(() -> http.get(file, Credential.bearer(file, "secret"), Map.of()))
                    .isInstanceOf(IOException.class);
            assertThat(seen.get(10, TimeUnit.SECONDS))
                    .startsWith("CONNECT nowhere.invalid:443")
                    .containsIgnoringCase("Proxy-Authorization: Basic bWU6d29yZA==")
                    .doesNotContain("secret");
        }
    }

    /** Reads one request's head and refuses it. */
    private static String tunnel(ServerSocket proxy) {
        try (Socket socket = proxy.accept()) {
            BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream(), US_ASCII));
            StringBuilder head = new StringBuilder();
            for (String line = in.readLine(); line != null && !line.isEmpty(); line = in.readLine()) {
                head.append(line).append('\n');
            }
            socket.getOutputStream().write("HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n".getBytes(US_ASCII));
            return head.toString();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void anInvalidAddressNamesItsVariableAndKeepsItsPassword() {
        assertThatThrownBy(() -> proxies(Map.of("https_proxy", "http://user:secret word@")))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("https_proxy", "http://host:port")
                .hasMessageNotContaining("secret");
        assertThatThrownBy(() -> proxies(Map.of("http_proxy", "socks5://proxy:1080")))
                .hasMessageContaining("not the address of an HTTP proxy");
    }
}

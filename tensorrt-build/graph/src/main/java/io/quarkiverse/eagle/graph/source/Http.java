package io.quarkiverse.eagle.graph.source;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * Gets addresses: through the proxies of the environment, along redirects, showing a credential to its own server only, and
 * again after failures that may pass.
 */
final class Http {

    private static final int MOST_REDIRECTS = 10;
    private static final int ATTEMPTS = 5;
    private static final Duration CONNECT = Duration.ofSeconds(20);
    private static final Duration ANSWER = Duration.ofSeconds(60);
    private static final String LINKED_ETAG = "X-Linked-ETag";

    /**
     * An answer of status 2xx or 416, after redirects.
     *
     * @param address where it came from in the end
     * @param etag of the content: the one that a redirect announced, else the answer's own; without quotes, or null
     * @param body to be closed
     */
    record Answer(URI address, int status, String etag, HttpResponse<InputStream> response, InputStream body)
            implements
                AutoCloseable {

        Optional<String> header(String name) {
            return response.headers().firstValue(name);
        }

        long contentLength() {
            return response.headers().firstValueAsLong("Content-Length").orElse(-1);
        }

        @Override
        public void close() throws IOException {
            body.close();
        }
    }

    /** Something that may fail and be tried again. */
    interface Attempt<T> {

        T run() throws IOException;
    }

    static {
        // Java's client refuses to log in at a proxy for a secure address unless this, which it reads once, leaves out Basic.
        // Nothing is sent for it but to a proxy whose address in the environment has a user and a password.
        String schemes = "jdk.http.auth.tunneling.disabledSchemes";
        if (System.getProperty(schemes) == null) {
            System.setProperty(schemes, "");
        }
    }

    private final ProxySettings proxies;
    private final HttpClient client;
    private final Duration firstPause;

    /** @param firstPause before the second attempt; doubled before each later one */
    Http(Environment environment, Duration firstPause) {
        this.proxies = new ProxySettings(environment);
        this.firstPause = firstPause;
        this.client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .followRedirects(HttpClient.Redirect.NEVER)
                .connectTimeout(CONNECT)
                .proxy(proxies)
                .build();
    }

    /** Gets an address once. */
    Answer get(URI address, Credential credential, Map<String, String> headers) throws IOException {
        URI next = withoutUser(address);
        String linked = null;
        for (int hop = 0; hop <= MOST_REDIRECTS; hop++) {
            HttpResponse<InputStream> response = send(next, credential, headers);
            int status = response.statusCode();
            linked = linked == null ? response.headers().firstValue(LINKED_ETAG).orElse(null) : linked;
            if (status / 100 == 2 || status == 416) {
                String etag = linked != null ? linked : response.headers().firstValue("ETag").orElse(null);
                return new Answer(next, status, etag == null ? null : etag.replace("\"", ""), response, response.body());
            }
            response.body().close();
            Optional<String> location = response.headers().firstValue("Location");
            if (status / 100 != 3 || location.isEmpty()) {
                throw new HttpStatusException(next, status);
            }
            next = redirected(next, location.get());
        }
        throw new IOException(address.getHost() + " redirects without end");
    }

    /** Gets a small text, with as many attempts as it takes. */
    <T> T retry(Attempt<T> attempt) throws IOException {
        for (int failures = 1;; failures++) {
            try {
                return attempt.run();
            } catch (IOException e) {
                if (failures == ATTEMPTS || !mayPass(e)) {
                    throw e;
                }
                pause(failures);
            }
        }
    }

    static boolean mayPass(IOException e) {
        return e instanceof HttpStatusException status ? status.mayPass()
                : !(e instanceof InterruptedIOException)
                        || e instanceof SocketTimeoutException;
    }

    static int attempts() {
        return ATTEMPTS;
    }

    /** Waits before the next attempt, longer after each failure. */
    void pause(int failures) throws IOException {
        try {
            Thread.sleep(firstPause.toMillis() << failures - 1);
        } catch (InterruptedException e) {
            throw interrupted();
        }
    }

    private HttpResponse<InputStream> send(URI address, Credential credential, Map<String, String> headers)
            throws IOException {
        HttpRequest.Builder request = HttpRequest.newBuilder(address).timeout(ANSWER)
                .header("User-Agent", "quarkus-eagle");
        headers.forEach(request::header);
        if (credential.isFor(address)) {
            request.header("Authorization", credential.authorization());
        }
        proxies.authorization(address).ifPresent(value -> request.header("Proxy-Authorization", value));
        try {
            return client.send(request.build(), BodyHandlers.ofInputStream());
        } catch (InterruptedException e) {
            throw interrupted();
        }
    }

    private static URI redirected(URI from, String location) throws IOException {
        URI to = withoutUser(from.resolve(location));
        boolean secure = "https".equalsIgnoreCase(to.getScheme());
        if (!secure && !("http".equalsIgnoreCase(to.getScheme()) && "http".equalsIgnoreCase(from.getScheme()))) {
            throw new IOException(from.getHost() + " redirects to an address that is not secure: " + to);
        }
        return to;
    }

    /** Credentials go into a header, never into a request's address. */
    static URI withoutUser(URI address) {
        if (address.getRawUserInfo() == null) {
            return address;
        }
        return URI.create(address.toString().replaceFirst("//[^/@]*@", "//"));
    }

    private static InterruptedIOException interrupted() {
        Thread.currentThread().interrupt();
        return new InterruptedIOException("interrupted");
    }
}

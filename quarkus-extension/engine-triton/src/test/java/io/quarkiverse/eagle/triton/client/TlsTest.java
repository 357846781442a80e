package io.quarkiverse.eagle.triton.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;

import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import io.grpc.netty.GrpcSslContexts;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContext;
import io.smallrye.certs.CertificateGenerator;
import io.smallrye.certs.CertificateRequest;
import io.smallrye.certs.Format;
import io.smallrye.certs.PemCertificateFiles;

class TlsTest {

    private static final Duration LONG = Duration.ofMinutes(1);

    @TempDir
    static Path folder;

    private static PemCertificateFiles good;
    private static PemCertificateFiles other;

    @BeforeAll
    static void generate() throws Exception {
        CertificateGenerator generator = new CertificateGenerator(folder, true);
        good = (PemCertificateFiles) generator.generate(new CertificateRequest().withName("good").withCN("localhost")
                .withFormat(Format.PEM).withClientCertificate()).get(0);
        other = (PemCertificateFiles) generator.generate(new CertificateRequest().withName("other").withCN("elsewhere")
                .withFormat(Format.PEM).withClientCertificate()).get(0);
    }

    private static SslContext server(PemCertificateFiles files, ClientAuth clients) throws SSLException {
        return GrpcSslContexts.forServer(files.certFile().toFile(), files.keyFile().toFile())
                .trustManager(files.serverTrustFile().toFile()).clientAuth(clients).build();
    }

    /** Whether a client with these settings reaches a server, by call and by stream. */
    private static boolean reaches(SslContext serverTls, TritonTls tls) {
        try (FakeServer server = new FakeServer(0, serverTls);
                TritonClient client = new TritonClient(TritonClientOptions.of(server.endpoint()).withTls(tls))) {
            client.connection().stream().infer(new InferRequest("model"), LONG).join();
            return client.connection().serverLive().await().atMost(LONG);
        }
    }

    private static TrustManager[] trusting(Path certificate) throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null);
        try (InputStream in = Files.newInputStream(certificate)) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        return factory.getTrustManagers();
    }

    @Test
    void aServerIsVerifiedAgainstTrustedCertificates() throws Exception {
        assertThat(reaches(server(good, ClientAuth.NONE), TritonTls.trusting(good.trustFile()))).isTrue();
    }

    @Test
    void aServerOfAnotherAuthorityIsRefused() {
        assertThatThrownBy(() -> reaches(server(good, ClientAuth.NONE), TritonTls.trusting(other.trustFile())))
                .hasRootCauseInstanceOf(GeneralSecurityException.class).hasMessageContaining("path");
    }

    @Test
    void aServerThatThePlatformDoesNotKnowIsRefused() {
        assertThatThrownBy(() -> reaches(server(good, ClientAuth.NONE), TritonTls.platform()))
                .hasRootCauseInstanceOf(GeneralSecurityException.class);
    }

    @Test
    void aServerOfAnotherNameIsRefusedUnlessThatNameIsExpected() throws Exception {
        TritonTls tls = TritonTls.trusting(good.trustFile());
        assertThatThrownBy(() -> reaches(server(good, ClientAuth.NONE), tls.withAuthority("triton.example")))
                .hasStackTraceContaining("triton.example");
        assertThat(reaches(server(good, ClientAuth.NONE), tls.withAuthority("localhost"))).isTrue();
    }

    @Test
    void aClientShowsItsCertificateToServersThatWantOne() throws Exception {
        TritonTls anonymous = TritonTls.trusting(good.trustFile());
        TritonTls known = anonymous.withCertificate(good.clientCertFile(), good.clientKeyFile());
        TritonTls stranger = anonymous.withCertificate(other.clientCertFile(), other.clientKeyFile());
        assertThat(reaches(server(good, ClientAuth.REQUIRE), known)).isTrue();
        assertThatThrownBy(() -> reaches(server(good, ClientAuth.REQUIRE), anonymous)).hasMessageContaining("UNAVAILABLE");
        assertThatThrownBy(() -> reaches(server(good, ClientAuth.REQUIRE), stranger)).hasMessageContaining("UNAVAILABLE");
    }

    @Test
    void aReadyContextOrTrustManagerIsTakenAsItIs() throws Exception {
        TrustManager[] trust = trusting(good.trustFile());
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust, null);
        assertThat(reaches(server(good, ClientAuth.NONE), TritonTls.of(context))).isTrue();
        assertThat(reaches(server(good, ClientAuth.NONE), TritonTls.trusting(trust[0]))).isTrue();
        context = SSLContext.getInstance("TLS");
        context.init(null, trusting(other.trustFile()), null);
        TritonTls wrong = TritonTls.of(context);
        assertThatThrownBy(() -> reaches(server(good, ClientAuth.NONE), wrong))
                .hasRootCauseInstanceOf(GeneralSecurityException.class);
    }

    @Test
    void aMissingFileIsNamed() {
        assertThatThrownBy(() -> new TritonClient(
                TritonClientOptions.of("localhost").withTls(TritonTls.trusting(folder.resolve("absent.pem")))))
                .isInstanceOf(TritonException.class).hasMessageContaining("absent.pem");
    }

    @Test
    void contradictionsAreRefused() {
        assertThatThrownBy(() -> TritonTls.platform().withCertificate(folder, null)).hasMessageContaining("private key");
        assertThatThrownBy(() -> new TritonTls(folder, null, null, null, SSLContext.getDefault(), null))
                .hasMessageContaining("either");
    }
}

package io.quarkiverse.eagle.deployment;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;

import jakarta.inject.Inject;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import io.quarkiverse.eagle.EagleModel;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationRequest;
import io.quarkiverse.eagle.triton.local.LocalTritonServer;
import io.quarkus.test.QuarkusUnitTest;
import io.smallrye.certs.CertificateGenerator;
import io.smallrye.certs.CertificateRequest;
import io.smallrye.certs.Format;
import io.smallrye.certs.PemCertificateFiles;

/** A server that encrypts and wants the application's certificate; both sides' certificates come from the TLS registry. */
class EagleTritonTlsTest {

    private static final String ENDPOINT = "eagle.test.endpoint";
    private static final String TRUST = "eagle.test.trust";
    private static final String CERTIFICATE = "eagle.test.certificate";
    private static final String KEY = "eagle.test.key";

    private static LocalTritonServer server;

    @RegisterExtension
    static final QuarkusUnitTest APPLICATION = new QuarkusUnitTest()
            .withEmptyApplication()
            .setBeforeAllCustomizer(EagleTritonTlsTest::startServer)
            .setAfterAllCustomizer(EagleTritonTlsTest::stopServer)
            .overrideConfigKey("quarkus.eagle.engine", "triton")
            .overrideConfigKey("quarkus.eagle.slots", "1")
            .overrideConfigKey("quarkus.eagle.triton.endpoints", "${" + ENDPOINT + "}")
            .overrideConfigKey("quarkus.eagle.triton.tls-configuration-name", "triton")
            .overrideConfigKey("quarkus.tls.triton.trust-store.pem.certs", "${" + TRUST + "}")
            .overrideConfigKey("quarkus.tls.triton.key-store.pem.client.cert", "${" + CERTIFICATE + "}")
            .overrideConfigKey("quarkus.tls.triton.key-store.pem.client.key", "${" + KEY + "}");

    @Inject
    EagleModel model;

    private static void startServer() {
        TritonServers.prepareOrSkip("tls", 1, repository -> {
            PemCertificateFiles files = (PemCertificateFiles) new CertificateGenerator(repository.getParent(), true)
                    .generate(new CertificateRequest().withName("triton").withCN("127.0.0.1")
                            .withSubjectAlternativeName("IP:127.0.0.1").withFormat(Format.PEM).withClientCertificate())
                    .get(0);
            server = TritonServers.of(repository, "--grpc-use-ssl=true", "--grpc-use-ssl-mutual=true",
                    "--grpc-server-cert=" + files.certFile(), "--grpc-server-key=" + files.keyFile(),
                    "--grpc-root-cert=" + files.serverTrustFile());
            server.start();
            System.setProperty(ENDPOINT, server.endpoint());
            System.setProperty(TRUST, files.trustFile().toString());
            System.setProperty(CERTIFICATE, files.clientCertFile().toString());
            System.setProperty(KEY, files.clientKeyFile().toString());
        });
    }

    private static void stopServer() {
        if (server != null) {
            server.close();
        }
        List.of(ENDPOINT, TRUST, CERTIFICATE, KEY).forEach(System::clearProperty);
    }

    @Test
    void theModelAnswersOverAnEncryptedConnection() {
        assertThat(model.generate(GenerationRequest.chat("What is the capital of France?")
                .with(GenerationOptions.defaults().withMaxTokens(24))).await().atMost(Duration.ofSeconds(60)).text())
                .contains("Paris");
    }
}

package io.quarkiverse.eagle.triton.client;

import java.nio.file.Path;
import java.util.List;

import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManager;

import io.grpc.netty.GrpcSslContexts;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolConfig.Protocol;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectedListenerFailureBehavior;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectorFailureBehavior;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.IdentityCipherSuiteFilter;
import io.netty.handler.ssl.JdkSslContext;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;

/**
 * How connections are encrypted. Start from one of the methods; all of them verify the server.
 *
 * @param trusted PEM file of the certificates that servers are verified against; null takes {@code trustManager}, or the
 *        platform's certificates
 * @param chain PEM file of the client's own certificate, for servers that want one; null for none
 * @param key PEM file (PKCS#8) of the client's private key; null for none
 * @param trustManager verifies servers instead of {@code trusted}; null for none
 * @param context a ready context that decides everything; null for none
 * @param authority name that the server's certificate must have instead of the endpoint's host; null for the host
 */
public record TritonTls(Path trusted, Path chain, Path key, TrustManager trustManager, SSLContext context, String authority) {

    public TritonTls {
        if ((chain == null) != (key == null)) {
            throw new IllegalArgumentException("a client certificate needs a certificate chain and a private key; only the "
                    + (chain == null ? "key" : "chain") + " was given");
        }
        if (context != null && (trusted != null || chain != null || trustManager != null)) {
            throw new IllegalArgumentException("a ready SSLContext decides about certificates; give either it or the files");
        }
        if (trusted != null && trustManager != null) {
            throw new IllegalArgumentException("give either a file of trusted certificates or a trust manager, not both");
        }
    }

    /** Verifies servers against the platform's certificates. */
    public static TritonTls platform() {
        return new TritonTls(null, null, null, null, null, null);
    }

    /** Verifies servers against the certificates of a PEM file. */
    public static TritonTls trusting(Path certificates) {
        return new TritonTls(certificates, null, null, null, null, null);
    }

    public static TritonTls trusting(TrustManager trustManager) {
        return new TritonTls(null, null, null, trustManager, null, null);
    }

    public static TritonTls of(SSLContext context) {
        return new TritonTls(null, null, null, null, context, null);
    }

    /** The same with a client certificate (mTLS), PEM files. */
    public TritonTls withCertificate(Path chain, Path key) {
        return new TritonTls(trusted, chain, key, trustManager, context, authority);
    }

    /** The same for servers whose certificate has this name. */
    public TritonTls withAuthority(String name) {
        return new TritonTls(trusted, chain, key, trustManager, context, name);
    }

    /** @throws TritonException when a file cannot be read or used */
    SslContext sslContext() {
        if (context != null) {
            return new JdkSslContext(context, true, null, IdentityCipherSuiteFilter.INSTANCE,
                    new ApplicationProtocolConfig(Protocol.ALPN, SelectorFailureBehavior.NO_ADVERTISE,
                            SelectedListenerFailureBehavior.ACCEPT, List.of("h2")),
                    ClientAuth.NONE, null, false);
        }
        try {
            SslContextBuilder builder = GrpcSslContexts.forClient();
            if (trusted != null) {
                builder.trustManager(trusted.toFile());
            } else if (trustManager != null) {
                builder.trustManager(trustManager);
            }
            if (chain != null) {
                builder.keyManager(chain.toFile(), key.toFile());
            }
            return builder.build();
        } catch (SSLException | IllegalArgumentException e) {
            Throwable reason = e.getCause() == null ? e : e.getCause();
            throw new TritonException(io.grpc.Status.Code.INVALID_ARGUMENT, "TLS to Triton cannot be set up with certificates "
                    + trusted + ", client certificate " + chain + " and key " + key + ": " + reason.getMessage(), false, e);
        }
    }
}

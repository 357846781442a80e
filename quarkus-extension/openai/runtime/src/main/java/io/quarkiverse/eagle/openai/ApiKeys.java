package io.quarkiverse.eagle.openai;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;

/** The keys that open the server. Comparing takes the same time whatever is sent, so that time tells nothing about them. */
final class ApiKeys {

    private static final String SCHEME = "Bearer ";

    private final List<byte[]> digests;

    /** @param keys none lets everybody in */
    ApiKeys(List<String> keys) {
        this.digests = keys.stream().map(ApiKeys::digest).toList();
    }

    /** @param authorization the header, null where there is none */
    boolean admit(String authorization) {
        if (digests.isEmpty()) {
            return true;
        }
        boolean bearer = authorization != null && authorization.regionMatches(true, 0, SCHEME, 0, SCHEME.length());
        byte[] sent = digest(bearer ? authorization.substring(SCHEME.length()).strip() : "");
        boolean known = false;
        for (byte[] key : digests) {
            known |= MessageDigest.isEqual(key, sent);
        }
        return bearer & known;
    }

    /** Of equal length for all keys, so that a comparison does not tell a key's length either. */
    private static byte[] digest(String key) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}

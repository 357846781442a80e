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

    /**
     * Lets a request in, and tells whose it is.
     *
     * @param authorization the header, null where there is none
     * @return a name for the key, which tells nothing of it; null where everybody is let in
     * @throws RequestError the key is missing or wrong
     */
    String tenant(String authorization) {
        if (digests.isEmpty()) {
            return null;
        }
        boolean bearer = authorization != null && authorization.regionMatches(true, 0, SCHEME, 0, SCHEME.length());
        byte[] sent = digest(bearer ? authorization.substring(SCHEME.length()).strip() : "");
        int known = -1;
        for (int i = 0; i < digests.size(); i++) {
            known = MessageDigest.isEqual(digests.get(i), sent) ? i : known;
        }
        if (!bearer || known < 0) {
            throw RequestError.unauthorised();
        }
        return "API key " + (known + 1);
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

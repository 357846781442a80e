package io.quarkiverse.eagle.graph.source;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.jboss.logging.Logger;

import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;

/**
 * Downloads a file into its place. What has come so far lies beside it under {@code .part} and is continued after a break, of
 * the connection or of the process; the file appears under its name only when it is whole and its SHA-256 is right.
 */
final class Downloader {

    private static final Logger LOG = Logger.getLogger(Downloader.class);
    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
    private static final Pattern CONTENT_RANGE = Pattern.compile("bytes (?:(\\d+)-\\d+|\\*)/(\\d+|\\*)");
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int BUFFER_BYTES = 1 << 16;

    /**
     * What to download.
     *
     * @param sha256 of the content in lower-case hexadecimal; null to take it from the server's ETag, where that is one
     */
    record Download(URI address, Credential credential, Path target, String sha256) {

        Path part() {
            return target.resolveSibling(target.getFileName() + ".part");
        }
    }

    private final Http http;
    private final ProgressListener progress;
    private final Duration patience;

    Downloader(Http http, ProgressListener progress) {
        this(http, progress, PATIENCE);
    }

    /** @param patience how long nothing may come before the connection counts as broken */
    Downloader(Http http, ProgressListener progress, Duration patience) {
        this.http = http;
        this.progress = progress;
        this.patience = patience;
    }

    /** Downloads unless the file is there. */
    Path fetch(Download download) throws IOException {
        if (Files.exists(download.target())) {
            return download.target();
        }
        try (FileGuard guard = FileGuard.enter(download.target())) {
            if (!Files.exists(download.target())) {
                new Run(download).complete();
            }
        }
        return download.target();
    }

    /** One download, through all its attempts. */
    private final class Run {

        private final Download download;
        private final Path part;
        private String sha256;
        /** What the server called the content that the part was begun with; null for a part of an earlier process. */
        private String etag;
        private boolean beganInThisRun;
        private boolean hashFailed;

        Run(Download download) {
            this.download = download;
            this.part = download.part();
            this.sha256 = download.sha256();
        }

        void complete() throws IOException {
            int failures = 0;
            while (true) {
                long before = have();
                try {
                    transfer();
                    if (hashIsRight()) {
                        Files.move(part, download.target(), StandardCopyOption.ATOMIC_MOVE);
                        return;
                    }
                } catch (IOException e) {
                    failures = have() > before ? 1 : failures + 1;
                    if (failures == Http.attempts() || !Http.mayPass(e)) {
                        throw e;
                    }
                    LOG.debugf("Download of %s broke: %s", download.target().getFileName(), e.getMessage());
                    http.pause(failures);
                }
            }
        }

        private long have() throws IOException {
            return Files.exists(part) ? Files.size(part) : 0;
        }

        /** Gets all that is missing, or fails on the way with the rest in the part. */
        private void transfer() throws IOException {
            long have = have();
            Map<String, String> headers = new HashMap<>();
            headers.put("Accept-Encoding", "identity");
            if (have > 0) {
                headers.put("Range", "bytes=" + have + "-");
            }
            try (Http.Answer answer = http.get(download.address(), download.credential(), headers)) {
                boolean same = have == 0 || etag == null || etag.equals(answer.etag());
                etag = answer.etag();
                if (sha256 == null && etag != null && SHA256.matcher(etag).matches()) {
                    sha256 = etag;
                }
                if (answer.status() == 200) {
                    receive(answer, 0, answer.contentLength());
                    return;
                }
                Matcher range = CONTENT_RANGE.matcher(answer.header("Content-Range").orElse(""));
                boolean verifiable = sha256 != null || same && beganInThisRun;
                if (range.matches() && verifiable && same) {
                    long total = range.group(2).equals("*") ? -1 : Long.parseLong(range.group(2));
                    if (answer.status() == 416 && total == have) {
                        return;
                    }
                    if (answer.status() == 206 && String.valueOf(have).equals(range.group(1))) {
                        receive(answer, have, total);
                        return;
                    }
                }
            }
            startOver();
        }

        private void startOver() throws IOException {
            boolean hadPart = have() > 0;
            Files.deleteIfExists(part);
            etag = null;
            sha256 = download.sha256();
            if (!hadPart) {
                throw new IOException(download.address().getHost() + " answered with a range that was not asked for");
            }
            transfer();
        }

        private void receive(Http.Answer answer, long from, long total) throws IOException {
            beganInThisRun |= from == 0;
            requireSpace(total - from);
            progress.begin("download " + download.target().getFileName(), total);
            try (FileChannel out = FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                    StallGuard guard = new StallGuard(answer.body(), patience)) {
                out.truncate(from);
                out.position(from);
                progress.advance(from);
                copy(answer.body(), out, guard);
            } finally {
                progress.end();
            }
            if (total >= 0 && have() != total) {
                throw new IOException(download.address().getHost() + " closed the connection after " + have() + " of "
                        + total + " bytes");
            }
        }

        private void copy(InputStream in, FileChannel out, StallGuard guard) throws IOException {
            byte[] buffer = new byte[BUFFER_BYTES];
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                ByteBuffer bytes = ByteBuffer.wrap(buffer, 0, read);
                while (bytes.hasRemaining()) {
                    out.write(bytes);
                }
                guard.sign();
                progress.advance(read);
            }
        }

        private void requireSpace(long bytes) throws IOException {
            long free = Files.getFileStore(part.toAbsolutePath().getParent()).getUsableSpace();
            if (bytes > free) {
                throw new CheckpointException("downloading " + download.target() + " needs " + bytes
                        + " more bytes, but only " + free + " are free there");
            }
        }

        /** A wrong one may come from a part that another version left behind: so it is worth one more download. */
        private boolean hashIsRight() throws IOException {
            if (sha256 == null) {
                return true;
            }
            String found = sha256(part);
            if (found.equals(sha256)) {
                return true;
            }
            Files.delete(part);
            etag = null;
            if (hashFailed) {
                throw new CheckpointException("the download of " + Http.withoutUser(download.address())
                        + " is not what was announced: its SHA-256 is " + found + "; expected " + sha256);
            }
            hashFailed = true;
            return false;
        }
    }

    private String sha256(Path file) throws IOException {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
        progress.begin("check " + file.getFileName().toString().replaceFirst("\\.part$", ""), Files.size(file));
        try (InputStream in = Files.newInputStream(file)) {
            byte[] buffer = new byte[BUFFER_BYTES];
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                digest.update(buffer, 0, read);
                progress.advance(read);
            }
        } finally {
            progress.end();
        }
        return HexFormat.of().formatHex(digest.digest());
    }
}

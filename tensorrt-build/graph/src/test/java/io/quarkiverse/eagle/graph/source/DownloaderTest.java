package io.quarkiverse.eagle.graph.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import io.quarkiverse.eagle.graph.checkpoint.CheckpointException;
import io.quarkiverse.eagle.graph.source.Downloader.Download;

class DownloaderTest {

    private static final int SIZE = 300_000;

    @TempDir
    Path folder;

    private final LoopbackServer server = new LoopbackServer();
    private final RecordedProgress progress = new RecordedProgress();
    private final byte[] content = new byte[SIZE];

    DownloaderTest() {
        new Random(1).nextBytes(content);
        server.serve("/file", content, Map.of());
    }

    @AfterEach
    void stop() {
        server.close();
    }

    static Http http() {
        return new Http(new Environment(name -> null), Duration.ofMillis(1));
    }

    private Path target() {
        return folder.resolve("deep/down/model.bin");
    }

    private Path fetch(String sha256) throws IOException {
        return new Downloader(http(), progress)
                .fetch(new Download(server.address("/file"), Credential.NONE, target(), sha256));
    }

    private void leavePart(byte[] bytes) throws IOException {
        Files.createDirectories(target().getParent());
        Files.write(target().resolveSibling("model.bin.part"), bytes);
    }

    @Test
    void bringsAFileAndTellsOfIt() throws IOException {
        assertThat(fetch(LoopbackServer.sha256(content))).hasBinaryContent(content);
        assertThat(progress.tasks).containsExactly("download model.bin 300000/300000", "check model.bin 300000/300000");
        assertThat(target().resolveSibling("model.bin.part")).doesNotExist();
        fetch(null);
        assertThat(server.requests).hasSize(1);
    }

    @Test
    void continuesWhereTheConnectionBroke() throws IOException {
        server.nextBreaksAfter(100_000);
        assertThat(fetch(LoopbackServer.sha256(content))).hasBinaryContent(content);
        assertThat(server.requests).hasSize(2);
        assertThat(server.requests.get(0).header("Range")).isNull();
        assertThat(server.requests.get(1).header("Range")).matches("bytes=[1-9]\\d*-");
        assertThat(progress.tasks.get(1)).isEqualTo("download model.bin 300000/300000");
    }

    @Test
    void continuesWithoutAHashOnlyWhatItBeganItself() throws IOException {
        server.nextBreaksAfter(100_000);
        assertThat(fetch(null)).hasBinaryContent(content);
        assertThat(server.requests.get(1).header("Range")).isNotNull();

        Files.delete(target());
        leavePart(new byte[1000]);
        assertThat(fetch(null)).hasBinaryContent(content);
    }

    @Test
    void continuesWhatAnEarlierProcessLeft() throws IOException {
        leavePart(Arrays.copyOf(content, 200_000));
        assertThat(fetch(LoopbackServer.sha256(content))).hasBinaryContent(content);
        assertThat(server.requests).hasSize(1);
        assertThat(server.requests.get(0).header("Range")).isEqualTo("bytes=200000-");
    }

    @Test
    void finishesAPartThatLackedOnlyItsName() throws IOException {
        leavePart(content);
        assertThat(fetch(LoopbackServer.sha256(content))).hasBinaryContent(content);
    }

    @Test
    void startsOverWhenThePartWasOfAnotherVersion() throws IOException {
        leavePart(new byte[200_000]);
        assertThat(fetch(LoopbackServer.sha256(content))).hasBinaryContent(content);
        leavePart(new byte[SIZE + 5]);
        Files.delete(target());
        assertThat(fetch(LoopbackServer.sha256(content))).hasBinaryContent(content);
    }

    @Test
    void doesNotMixTwoVersionsThatTheServerTellsApart() throws IOException {
        byte[] newer = new byte[SIZE];
        server.serve("/file", content, Map.of("ETag", "\"1\""));
        server.nextBreaksAfter(100_000);
        server.next(exchange -> {
            server.serve("/file", newer, Map.of("ETag", "\"2\""));
            exchange.sendResponseHeaders(503, -1);
        });
        assertThat(fetch(null)).hasBinaryContent(newer);
    }

    @Test
    void refusesContentOfAnotherHash() {
        assertThatThrownBy(() -> fetch("ab".repeat(32)))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("/file", LoopbackServer.sha256(content), "expected " + "ab".repeat(32));
        assertThat(target()).doesNotExist();
        assertThat(target().resolveSibling("model.bin.part")).doesNotExist();
    }

    @Test
    void takesTheHashFromTheEtagOfARedirect() {
        server.redirect("/file", server.address("/blob"), Map.of("X-Linked-ETag", "\"" + "cd".repeat(32) + "\""));
        server.serve("/blob", content, Map.of("ETag", "\"other\""));
        assertThatThrownBy(() -> fetch(null)).hasMessageContaining("expected " + "cd".repeat(32));
    }

    @Test
    void triesAgainWhenTheServerIsBusyAndNotWhenTheFileIsMissing() throws IOException {
        server.nextStatus(503);
        server.nextStatus(429);
        assertThat(fetch(null)).hasBinaryContent(content);
        assertThat(server.requests).hasSize(3);

        Files.delete(target());
        server.nextStatus(404);
        assertThatThrownBy(() -> fetch(null)).isInstanceOf(HttpStatusException.class).hasMessageContaining("404");
        assertThat(server.requests).hasSize(4);
    }

    @Test
    void givesUpAfterFiveFailures() {
        for (int i = 0; i < 10; i++) {
            server.nextStatus(500);
        }
        assertThatThrownBy(() -> fetch(null)).isInstanceOf(HttpStatusException.class).hasMessageContaining("500");
        assertThat(server.requests).hasSize(5);
    }

    @Test
    void takesASilentConnectionForABrokenOne() throws IOException {
        CountDownLatch forever = new CountDownLatch(1);
        server.next(exchange -> {
            exchange.sendResponseHeaders(200, SIZE);
            exchange.getResponseBody().write(content, 0, 50_000);
            exchange.getResponseBody().flush();
            try {
                forever.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        Path file = new Downloader(http(), progress, Duration.ofMillis(200))
                .fetch(new Download(server.address("/file"), Credential.NONE, target(), null));
        forever.countDown();
        assertThat(file).hasBinaryContent(content);
        assertThat(server.requests).hasSize(2);
    }

    @Test
    void showsACredentialToItsOwnServerOnly() throws IOException {
        server.redirect("/start", server.otherAddress("/elsewhere"), Map.of());
        server.serve("/elsewhere", content, Map.of());
        Credential token = Credential.bearer(server.address("/"), "secret");
        new Downloader(http(), progress).fetch(new Download(server.address("/start"), token, target(), null));

        assertThat(server.requests.get(0).header("Authorization")).isEqualTo("Bearer secret");
        assertThat(server.requests.get(1).path()).isEqualTo("/elsewhere");
        assertThat(server.requests.get(1).header("Authorization")).isNull();
        assertThat(token).hasToString("Credential[" + server.address("").toString() + "]");
    }

    @Test
    void stopsAtEndlessRedirects() {
        server.redirect("/file", server.address("/file"), Map.of());
        assertThatThrownBy(() -> fetch(null)).isInstanceOf(IOException.class).hasMessageContaining("redirects without end");
    }

    @Test
    void manyWhoWantTheSameFileDownloadItOnce() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            List<Callable<Path>> wishes = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                wishes.add(() -> new Downloader(http(), ProgressListener.NONE)
                        .fetch(new Download(server.address("/file"), Credential.NONE, target(), null)));
            }
            for (Future<Path> wish : threads.invokeAll(wishes)) {
                assertThat(wish.get()).hasBinaryContent(content);
            }
            assertThat(server.requests).hasSize(1);
        } finally {
            threads.shutdownNow();
        }
    }
}

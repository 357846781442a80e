package io.quarkiverse.eagle.triton.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import com.google.protobuf.ByteString;

import io.grpc.Status;
import io.grpc.Status.Code;
import io.quarkiverse.eagle.triton.client.FakeServer.Answers;
import io.quarkiverse.eagle.triton.client.proto.ModelInferRequest;
import io.quarkiverse.eagle.triton.client.proto.ModelInferResponse;

class InferStreamTest {

    private static final Duration LONG = Duration.ofMinutes(1);
    private static final Duration SHORT = Duration.ofMillis(50);

    private final FakeServer server = new FakeServer();
    private final BlockingQueue<Held> held = new LinkedBlockingQueue<>();
    private TritonClient client = new TritonClient(TritonClientOptions.of(server.endpoint()));
    private InferStream stream = client.connection().stream();

    /** A request that the server has and did not answer yet. */
    private record Held(ModelInferRequest request, Answers answers) {
        private void echo() {
            FakeServer.echo(request, answers);
        }
    }

    @AfterEach
    void close() {
        client.close();
        server.close();
    }

    private void reopen(TritonClientOptions options) {
        client.close();
        client = new TritonClient(options);
        stream = client.connection().stream();
    }

    private void hold() {
        server.model((request, answers) -> held.add(new Held(request, answers)));
    }

    private Held next() throws InterruptedException {
        Held request = held.poll(20, TimeUnit.SECONDS);
        assertThat(request).as("a request reaches the server").isNotNull();
        return request;
    }

    private static ByteBuffer longs(long... values) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(values.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        buffer.asLongBuffer().put(values);
        return buffer;
    }

    private static InferRequest numbered(long value) {
        return new InferRequest("model").input("number", DataType.INT64, longs(value), 1);
    }

    private static long number(InferResponse answer) {
        return answer.output("number").data().getLong(0);
    }

    private static long number(ModelInferRequest request) {
        return request.getRawInputContents(0).asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    private static TritonException failure(CompletableFuture<?> stage) {
        Throwable failure = null;
        try {
            stage.orTimeout(20, TimeUnit.SECONDS).join();
        } catch (CompletionException e) {
            failure = e.getCause();
        }
        assertThat(failure).isInstanceOf(TritonException.class);
        return (TritonException) failure;
    }

    @Test
    void tensorsAndParametersArriveAsTheyWere() {
        ByteBuffer floats = ByteBuffer.allocateDirect(24).order(ByteOrder.LITTLE_ENDIAN);
        floats.asFloatBuffer().put(new float[] { 1.5f, -2, Float.MIN_VALUE, Float.MAX_VALUE, 0, Float.NaN });
        InferRequest request = new InferRequest("model", "3").parameter("s", "text").parameter("i", -7L).parameter("b", true)
                .parameter("d", 0.25).input("floats", DataType.FP32, floats, 2, 3)
                .input("mask", DataType.BOOL, ByteBuffer.wrap(new byte[] { 1, 0, 1 }, 1, 2), 2)
                .input("empty", DataType.INT64, ByteBuffer.allocate(0), 0);

        InferResponse answer = stream.infer(request, LONG).join();

        assertThat(answer.outputs()).extracting(OutputTensor::name).containsExactly("floats", "mask", "empty");
        OutputTensor output = answer.output("floats");
        output.require(DataType.FP32, 2, 3);
        assertThat(output.data()).isEqualTo(floats);
        assertThat(answer.output("mask").data()).isEqualTo(ByteBuffer.wrap(new byte[] { 0, 1 }));
        assertThat(answer.output("empty").data().remaining()).isZero();
        assertThat(answer.output("other")).isNull();
        assertThat(List.of("s", "i", "b", "d")).map(answer::parameter).containsExactly("text", "-7", "true", "0.25");
        ModelInferRequest seen = server.requests().get(0);
        assertThat(seen.getModelName()).isEqualTo("model");
        assertThat(seen.getModelVersion()).isEqualTo("3");
    }

    @Test
    void requestsArriveInTheOrderOfTheCalls() {
        List<CompletableFuture<InferResponse>> answers = new ArrayList<>();
        for (long i = 0; i < 50; i++) {
            answers.add(stream.infer(numbered(i), LONG));
        }
        for (int i = 0; i < 50; i++) {
            assertThat(number(answers.get(i).join())).isEqualTo(i);
            assertThat(number(server.requests().get(i))).isEqualTo(i);
        }
    }

    @Test
    void everyAnswerFindsItsRequestInWhateverOrderTheyCome() throws InterruptedException {
        hold();
        CompletableFuture<InferResponse> first = stream.infer(numbered(1), LONG);
        CompletableFuture<InferResponse> second = stream.infer(numbered(2), LONG);
        Held held1 = next();
        Held held2 = next();
        held2.echo();
        assertThat(number(second.join())).isEqualTo(2);
        assertThat(first).isNotDone();
        held1.echo();
        assertThat(number(first.join())).isEqualTo(1);
    }

    @Test
    void anErrorFailsItsRequestAndNoOther() throws InterruptedException {
        hold();
        CompletableFuture<InferResponse> bad = stream.infer(numbered(1), LONG);
        CompletableFuture<InferResponse> good = stream.infer(numbered(2), LONG);
        Held first = next();
        first.answers().sendError(first.request().getId(), "the shape is wrong");
        next().echo();
        TritonException failure = failure(bad);
        assertThat(failure).hasMessageContaining("the shape is wrong").hasMessageContaining(server.endpoint());
        assertThat(failure.isRetryable()).isFalse();
        assertThat(number(good.join())).isEqualTo(2);
    }

    @Test
    void anErrorWithoutIdBelongsToTheOnlyRequestInFlight() throws InterruptedException {
        hold();
        CompletableFuture<InferResponse> bad = stream.infer(numbered(1), LONG);
        next().answers().sendError("", "Stub process 'x' is not healthy.");
        assertThat(failure(bad).isRetryable()).isTrue();
        assertThat(failure(bad).status()).isEqualTo(Code.UNAVAILABLE);
        assertThat(stream.isOpen()).isTrue();
    }

    @Test
    void anErrorThatMayBelongToSeveralRequestsFailsThemAll() throws InterruptedException {
        hold();
        CompletableFuture<InferResponse> first = stream.infer(numbered(1), LONG);
        CompletableFuture<InferResponse> second = stream.infer(numbered(2), LONG);
        next();
        next().answers().sendError("", "who knows");
        assertThat(failure(first)).hasMessageContaining("who knows");
        assertThat(failure(second)).hasMessageContaining("who knows");
        assertThat(stream.isOpen()).isFalse();
    }

    @Test
    void anOverdueRequestFailsAndItsLateAnswerIsDropped() throws InterruptedException {
        hold();
        CompletableFuture<InferResponse> late = stream.infer(numbered(1), SHORT);
        TritonException failure = failure(late);
        assertThat(failure.status()).isEqualTo(Code.DEADLINE_EXCEEDED);
        assertThat(failure.isRetryable()).isTrue();
        CompletableFuture<InferResponse> second = stream.infer(numbered(2), LONG);
        next().echo();
        next().echo();
        assertThat(number(second.join())).isEqualTo(2);
        assertThat(stream.isOpen()).isTrue();
    }

    @Test
    void aCancelledRequestsAnswerIsDropped() throws InterruptedException {
        hold();
        CompletableFuture<InferResponse> unwanted = stream.infer(numbered(1), LONG);
        Held first = next();
        assertThat(unwanted.cancel(true)).isTrue();
        CompletableFuture<InferResponse> second = stream.infer(numbered(2), LONG);
        first.echo();
        next().echo();
        assertThat(number(second.join())).isEqualTo(2);
        assertThatThrownBy(unwanted::join).isInstanceOf(CancellationException.class);
    }

    @Test
    void aRequestWhoseBuffersWereGivenBackIsNeverSent() throws IOException {
        try (SlowDoor door = new SlowDoor(server.port())) {
            reopen(TritonClientOptions.of("localhost:" + door.port()));
            ByteBuffer buffer = longs(1);
            InferRequest request = new InferRequest("model").input("number", DataType.INT64, buffer, 1);
            CompletableFuture<InferResponse> overdue = stream.infer(request, SHORT);
            CompletableFuture<InferResponse> cancelled = stream.infer(request, LONG);
            assertThat(failure(overdue).status()).isEqualTo(Code.DEADLINE_EXCEEDED);
            cancelled.cancel(false);
            buffer.putLong(0, 666);
            door.open();
            assertThat(number(stream.infer(numbered(2), LONG).join())).isEqualTo(2);
        }
        assertThat(server.requests()).extracting(InferStreamTest::number).containsExactly(2L);
    }

    @Test
    void requestsBeyondTheLimitAreRefusedUntilOneIsAnswered() throws InterruptedException {
        reopen(TritonClientOptions.of(server.endpoint()).withMaxInFlight(2));
        hold();
        CompletableFuture<InferResponse> first = stream.infer(numbered(1), SHORT);
        stream.infer(numbered(2), LONG);
        TritonException refused = failure(stream.infer(numbered(3), LONG));
        assertThat(refused.status()).isEqualTo(Code.RESOURCE_EXHAUSTED);
        assertThat(refused.isRetryable()).isTrue();
        failure(first); // overdue, but the server still has it
        Held held1 = next();
        assertThat(failure(stream.infer(numbered(4), LONG)).status()).isEqualTo(Code.RESOURCE_EXHAUSTED);
        held1.echo();
        next().echo();
        await().untilAsserted(() -> assertThat(stream.infer(numbered(5), LONG)).isNotCompletedExceptionally());
        assertThat(number(next().request())).isEqualTo(5);
    }

    @Test
    void aBrokenStreamFailsEverythingInFlightAndAnotherOneWorks() throws InterruptedException {
        hold();
        CompletableFuture<InferResponse> first = stream.infer(numbered(1), LONG);
        CompletableFuture<InferResponse> second = stream.infer(numbered(2), LONG);
        next();
        next().answers().end(Status.INTERNAL.withDescription("the process died"));
        assertThat(failure(first)).hasMessageContaining("the process died");
        assertThat(failure(first).isRetryable()).isTrue();
        assertThat(failure(second).isRetryable()).isTrue();
        assertThat(stream.isOpen()).isFalse();
        assertThat(failure(stream.infer(numbered(3), LONG))).hasMessageContaining("the process died");

        server.model(FakeServer::echo);
        assertThat(number(client.connection().stream().infer(numbered(4), LONG).join())).isEqualTo(4);
    }

    @Test
    void aServerThatEndsTheStreamKindlyLosesNothingSilently() throws InterruptedException {
        hold();
        CompletableFuture<InferResponse> first = stream.infer(numbered(1), LONG);
        next().answers().end(Status.OK);
        assertThat(failure(first)).hasMessageContaining("ended the stream");
        assertThat(failure(first).isRetryable()).isTrue();
    }

    @Test
    void aServerThatDiesFailsWhatIsInFlight() throws InterruptedException {
        hold();
        CompletableFuture<InferResponse> first = stream.infer(numbered(1), LONG);
        next();
        server.close();
        assertThat(failure(first).isRetryable()).isTrue();
    }

    @Test
    void aServerThatCannotBeReachedFailsTheRequestSoon() {
        reopen(TritonClientOptions.of("localhost:" + FakeServer.freePort()));
        TritonException failure = failure(stream.infer(numbered(1), LONG));
        assertThat(failure.status()).isEqualTo(Code.UNAVAILABLE);
        assertThat(failure.isRetryable()).isTrue();
        assertThat(failure).hasMessageContaining("refused");
    }

    @Test
    void closingAStreamFailsWhatIsInFlightAndTellsTheServer() throws InterruptedException {
        hold();
        CompletableFuture<InferResponse> first = stream.infer(numbered(1), LONG);
        next();
        stream.close();
        stream.close();
        assertThat(failure(first).status()).isEqualTo(Code.CANCELLED);
        assertThat(failure(stream.infer(numbered(2), LONG)).status()).isEqualTo(Code.CANCELLED);
        await().until(() -> server.cancelled() == 1);
    }

    @Test
    void anAnswerToARequestThatWasNotSentBreaksTheStream() {
        server.model((request, answers) -> answers.send(FakeServer.echoOf(request).setId("4711")));
        TritonException failure = failure(stream.infer(numbered(1), LONG));
        assertThat(failure).hasMessageContaining("4711");
        assertThat(failure.isRetryable()).isFalse();
        assertThat(stream.isOpen()).isFalse();
    }

    @Test
    void aSecondAnswerToTheSameRequestBreaksTheStream() {
        server.model((request, answers) -> {
            FakeServer.echo(request, answers);
            FakeServer.echo(request, answers);
        });
        assertThat(number(stream.infer(numbered(1), LONG).join())).isEqualTo(1);
        await().until(() -> !stream.isOpen());
    }

    @Test
    void anAnswerOfAnotherModelIsAnError() {
        server.model((request, answers) -> answers.send(FakeServer.echoOf(request).setModelName("stranger")));
        assertThat(failure(stream.infer(numbered(1), LONG))).hasMessageContaining("stranger");
    }

    @Test
    void anAnswerWhoseContentsDoNotAddUpIsAnError() {
        server.model((request, answers) -> {
            ModelInferResponse.Builder answer = FakeServer.echoOf(request);
            answers.send(answer.addRawOutputContents(ByteString.copyFromUtf8("more")));
        });
        assertThat(failure(stream.infer(numbered(1), LONG))).hasMessageContaining("2 raw contents for 1 outputs");
    }

    @Test
    void tensorsOfAnotherTypeShapeOrSizeAreRefused() {
        server.model((request, answers) -> {
            ModelInferResponse.Builder answer = FakeServer.answer(request);
            FakeServer.output(answer, "short", "INT64", ByteString.copyFrom(new byte[15]), 2);
            answers.send(answer);
        });
        OutputTensor output = stream.infer(numbered(1), LONG).join().output("short");
        assertThatThrownBy(() -> output.require(DataType.FP64, 2)).hasMessageContaining("INT64[2]")
                .hasMessageContaining("FP64[2]");
        assertThatThrownBy(() -> output.require(DataType.INT64, 3)).hasMessageContaining("INT64[3]");
        assertThatThrownBy(() -> output.require(DataType.INT64, 2, 1)).hasMessageContaining("INT64[2, 1]");
        assertThatThrownBy(() -> output.require(DataType.INT64, 2)).hasMessageContaining("15 bytes")
                .hasMessageContaining("16");
    }

    @Test
    void aRequestLongerThanAMessageMayBeIsNotSent() {
        reopen(TritonClientOptions.of(server.endpoint()).withMaxMessageBytes(1000));
        InferRequest request = new InferRequest("model").input("bytes", DataType.UINT8, ByteBuffer.allocateDirect(1000), 1000);
        TritonException failure = failure(stream.infer(request, LONG));
        assertThat(failure).hasMessageContaining("1000");
        assertThat(failure.isRetryable()).isFalse();
        assertThat(number(stream.infer(numbered(1), LONG).join())).isEqualTo(1);
        assertThat(server.requests()).hasSize(1);
    }

    @Test
    void anAnswerLongerThanAMessageMayBeIsAnErrorThatSaysSo() {
        reopen(TritonClientOptions.of(server.endpoint()).withMaxMessageBytes(1000));
        server.model((request, answers) -> {
            ModelInferResponse.Builder answer = FakeServer.answer(request);
            FakeServer.output(answer, "long", "UINT8", ByteString.copyFrom(new byte[2000]), 2000);
            answers.send(answer);
        });
        TritonException failure = failure(stream.infer(numbered(1), LONG));
        assertThat(failure.status()).isEqualTo(Code.RESOURCE_EXHAUSTED);
        assertThat(failure).hasMessageContaining("1000");
        assertThat(failure.isRetryable()).isFalse();
    }

    @Test
    void aRequestManyTimesTheFlowControlWindowGoesThrough() {
        ByteBuffer large = ByteBuffer.allocateDirect(20 << 20);
        large.putInt(0, 42).putInt(large.capacity() - 4, 43);
        InferRequest request = new InferRequest("model").input("large", DataType.UINT8, large, large.capacity());
        CompletableFuture<InferResponse> first = stream.infer(request, LONG);
        CompletableFuture<InferResponse> second = stream.infer(numbered(7), LONG);
        assertThat(first.join().output("large").data()).isEqualTo(large);
        assertThat(number(second.join())).isEqualTo(7);
    }

    @Test
    void aRequestMayBeFilledAgain() {
        InferRequest request = new InferRequest("model");
        ByteBuffer buffer = longs(0);
        for (long i = 0; i < 5; i++) {
            buffer.putLong(0, i);
            request.clear().parameter("i", i).input("number", DataType.INT64, buffer, 1);
            InferResponse answer = stream.infer(request, LONG).join();
            assertThat(number(answer)).isEqualTo(i);
            assertThat(answer.parameter("i")).isEqualTo(String.valueOf(i));
        }
    }

    @Test
    void anInputWhoseSizeIsNotThatOfItsShapeIsRefused() {
        assertThatThrownBy(() -> new InferRequest("model").input("x", DataType.INT64, longs(1, 2), 3))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("16 bytes").hasMessageContaining("24");
    }
}

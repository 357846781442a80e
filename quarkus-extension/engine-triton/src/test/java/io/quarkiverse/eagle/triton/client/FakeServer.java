package io.quarkiverse.eagle.triton.client;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

import com.google.protobuf.ByteString;

import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.netty.handler.ssl.SslContext;
import io.quarkiverse.eagle.triton.client.proto.GRPCInferenceServiceGrpc.GRPCInferenceServiceImplBase;
import io.quarkiverse.eagle.triton.client.proto.ModelInferRequest;
import io.quarkiverse.eagle.triton.client.proto.ModelInferResponse;
import io.quarkiverse.eagle.triton.client.proto.ModelInferResponse.InferOutputTensor;
import io.quarkiverse.eagle.triton.client.proto.ModelReadyRequest;
import io.quarkiverse.eagle.triton.client.proto.ModelReadyResponse;
import io.quarkiverse.eagle.triton.client.proto.ModelStreamInferResponse;
import io.quarkiverse.eagle.triton.client.proto.ServerLiveRequest;
import io.quarkiverse.eagle.triton.client.proto.ServerLiveResponse;

/** A server of the real protocol over a real socket whose models are whatever a test says. */
public class FakeServer extends GRPCInferenceServiceImplBase implements AutoCloseable {

    /** One stream of a client, as the server sees it. */
    public static final class Answers {

        private final StreamObserver<ModelStreamInferResponse> stream;

        private Answers(StreamObserver<ModelStreamInferResponse> stream) {
            this.stream = stream;
        }

        /** Sends an answer; answers of several threads do not mix. */
        public synchronized void send(ModelInferResponse.Builder response) {
            stream.onNext(ModelStreamInferResponse.newBuilder().setInferResponse(response).build());
        }

        public synchronized void sendError(String id, String message) {
            stream.onNext(ModelStreamInferResponse.newBuilder().setErrorMessage(message)
                    .setInferResponse(ModelInferResponse.newBuilder().setId(id)).build());
        }

        /** Ends the stream. */
        public synchronized void end(Status status) {
            if (status.isOk()) {
                stream.onCompleted();
            } else {
                stream.onError(status.asRuntimeException());
            }
        }
    }

    private final Server server;
    private final List<ModelInferRequest> requests = new CopyOnWriteArrayList<>();
    private final List<Metadata> headers = new CopyOnWriteArrayList<>();
    private final AtomicInteger cancelled = new AtomicInteger();
    private volatile BiConsumer<ModelInferRequest, Answers> model = FakeServer::echo;
    private volatile Status refusal;

    public FakeServer() {
        this(0, null);
    }

    /**
     * @param port 0 for a free one
     * @param tls null for plain text
     */
    public FakeServer(int port, SslContext tls) {
        NettyServerBuilder builder = NettyServerBuilder.forAddress(new InetSocketAddress("localhost", port))
                .maxInboundMessageSize(Integer.MAX_VALUE).addService(this).intercept(new Guard());
        if (tls != null) {
            builder.sslContext(tls);
        }
        try {
            this.server = builder.build().start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A port that nobody listens at. */
    public static int freePort() {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private final class Guard implements ServerInterceptor {
        @Override
        public <Q, A> ServerCall.Listener<Q> interceptCall(ServerCall<Q, A> call, Metadata metadata,
                ServerCallHandler<Q, A> next) {
            headers.add(metadata);
            if (refusal != null) {
                call.close(refusal, new Metadata());
                return new ServerCall.Listener<>() {
                };
            }
            return next.startCall(call, metadata);
        }
    }

    /** What models do with requests from now on; the request is answered through the second argument, once. */
    public void model(BiConsumer<ModelInferRequest, Answers> value) {
        model = value;
    }

    /** Refuses every new call; null takes them again. */
    public void refuse(Status status) {
        refusal = status;
    }

    /** All inference requests so far. */
    public List<ModelInferRequest> requests() {
        return requests;
    }

    /** The metadata of all calls so far. */
    public List<Metadata> headers() {
        return headers;
    }

    /** How many inference calls the client cancelled. */
    public int cancelled() {
        return cancelled.get();
    }

    public int port() {
        return server.getPort();
    }

    public String endpoint() {
        return "localhost:" + port();
    }

    /** An answer without outputs. */
    public static ModelInferResponse.Builder answer(ModelInferRequest request) {
        return ModelInferResponse.newBuilder().setModelName(request.getModelName()).setModelVersion("1")
                .setId(request.getId());
    }

    /** Adds an output with its content. */
    public static void output(ModelInferResponse.Builder answer, String name, String type, ByteString content, long... shape) {
        InferOutputTensor.Builder tensor = InferOutputTensor.newBuilder().setName(name).setDatatype(type);
        for (long dimension : shape) {
            tensor.addShape(dimension);
        }
        answer.addOutputs(tensor).addRawOutputContents(content);
    }

    /** Every input comes back as an output. */
    public static void echo(ModelInferRequest request, Answers answers) {
        answers.send(echoOf(request));
    }

    public static ModelInferResponse.Builder echoOf(ModelInferRequest request) {
        ModelInferResponse.Builder answer = answer(request);
        for (int i = 0; i < request.getInputsCount(); i++) {
            var input = request.getInputs(i);
            output(answer, input.getName(), input.getDatatype(), request.getRawInputContents(i),
                    input.getShapeList().stream().mapToLong(Long::longValue).toArray());
        }
        return answer.putAllParameters(request.getParametersMap());
    }

    @Override
    public void serverLive(ServerLiveRequest request, StreamObserver<ServerLiveResponse> answer) {
        reply(answer, ServerLiveResponse.newBuilder().setLive(true).build());
    }

    @Override
    public void modelReady(ModelReadyRequest request, StreamObserver<ModelReadyResponse> answer) {
        reply(answer, ModelReadyResponse.newBuilder().setReady(true).build());
    }

    /** Answers a call of its own. */
    public static <T> void reply(StreamObserver<T> observer, T answer) {
        observer.onNext(answer);
        observer.onCompleted();
    }

    @Override
    public StreamObserver<ModelInferRequest> modelStreamInfer(StreamObserver<ModelStreamInferResponse> observer) {
        ((ServerCallStreamObserver<ModelStreamInferResponse>) observer).setOnCancelHandler(cancelled::incrementAndGet);
        Answers answers = new Answers(observer);
        return new Requests(request -> model.accept(request, answers), () -> answers.end(Status.OK));
    }

    @Override
    public void modelInfer(ModelInferRequest request, StreamObserver<ModelInferResponse> observer) {
        ((ServerCallStreamObserver<ModelInferResponse>) observer).setOnCancelHandler(cancelled::incrementAndGet);
        requests.add(request);
        model.accept(request, new Answers(new StreamObserver<>() {

            @Override
            public void onNext(ModelStreamInferResponse answer) {
                if (!answer.getErrorMessage().isEmpty()) {
                    observer.onError(Status.INTERNAL.withDescription(answer.getErrorMessage()).asRuntimeException());
                } else {
                    reply(observer, answer.getInferResponse());
                }
            }

            @Override
            public void onError(Throwable failure) {
                observer.onError(failure);
            }

            @Override
            public void onCompleted() {
                observer.onCompleted();
            }
        }));
    }

    private final class Requests implements StreamObserver<ModelInferRequest> {

        private final Consumer<ModelInferRequest> action;
        private final Runnable end;

        private Requests(Consumer<ModelInferRequest> action, Runnable end) {
            this.action = action;
            this.end = end;
        }

        @Override
        public void onNext(ModelInferRequest request) {
            requests.add(request);
            action.accept(request);
        }

        @Override
        public void onError(Throwable failure) {
            // The client went away.
        }

        @Override
        public void onCompleted() {
            end.run();
        }
    }

    /** Goes away at once, as a killed server does. */
    @Override
    public void close() {
        server.shutdownNow();
        boolean interrupted = false;
        while (!server.isTerminated()) {
            try {
                server.awaitTermination(1, TimeUnit.MINUTES);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}

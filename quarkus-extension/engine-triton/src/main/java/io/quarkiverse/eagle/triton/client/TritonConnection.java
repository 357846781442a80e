package io.quarkiverse.eagle.triton.client;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

import com.google.protobuf.ByteString;

import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.Status.Code;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import io.quarkiverse.eagle.triton.client.proto.GRPCInferenceServiceGrpc;
import io.quarkiverse.eagle.triton.client.proto.ModelInferRequest;
import io.quarkiverse.eagle.triton.client.proto.ModelInferResponse;
import io.quarkiverse.eagle.triton.client.proto.ModelMetadataRequest;
import io.quarkiverse.eagle.triton.client.proto.ModelMetadataResponse;
import io.quarkiverse.eagle.triton.client.proto.ModelReadyRequest;
import io.quarkiverse.eagle.triton.client.proto.ModelReadyResponse;
import io.quarkiverse.eagle.triton.client.proto.ModelRepositoryParameter;
import io.quarkiverse.eagle.triton.client.proto.ModelStatistics;
import io.quarkiverse.eagle.triton.client.proto.ModelStatisticsRequest;
import io.quarkiverse.eagle.triton.client.proto.RepositoryIndexRequest;
import io.quarkiverse.eagle.triton.client.proto.RepositoryModelLoadRequest;
import io.quarkiverse.eagle.triton.client.proto.RepositoryModelUnloadRequest;
import io.quarkiverse.eagle.triton.client.proto.ServerLiveRequest;
import io.quarkiverse.eagle.triton.client.proto.ServerLiveResponse;
import io.quarkiverse.eagle.triton.client.proto.ServerMetadataRequest;
import io.quarkiverse.eagle.triton.client.proto.ServerReadyRequest;
import io.quarkiverse.eagle.triton.client.proto.ServerReadyResponse;
import io.quarkiverse.eagle.triton.client.proto.StatisticDuration;
import io.quarkiverse.eagle.triton.client.proto.SystemSharedMemoryRegisterRequest;
import io.quarkiverse.eagle.triton.client.proto.SystemSharedMemoryUnregisterRequest;
import io.smallrye.mutiny.Uni;

/**
 * The way to one server. Every operation is a call of its own, made anew by every subscription, cancelled with it, with the
 * client's timeout, and tried once; it fails with a {@link TritonException}. The connection itself is made when it is needed.
 */
public final class TritonConnection {

    private final TritonEndpoint endpoint;
    private final TritonClientOptions options;
    private final ManagedChannel channel;

    TritonConnection(TritonEndpoint endpoint, TritonClientOptions options) {
        this.endpoint = endpoint;
        this.options = options;
        NettyChannelBuilder builder = NettyChannelBuilder.forAddress(endpoint.host(), endpoint.port())
                .maxInboundMessageSize(options.maxMessageBytes())
                .keepAliveTime(options.keepAlive().toNanos(), TimeUnit.NANOSECONDS)
                .keepAliveTimeout(options.keepAliveTimeout().toNanos(), TimeUnit.NANOSECONDS)
                .intercept(MetadataUtils.newAttachHeadersInterceptor(metadata(options.headers())))
                // A retry would keep requests, whose buffers belong to the caller again by then.
                .disableRetry();
        if (options.executor() != null) {
            builder.executor(options.executor());
        }
        if (options.tls() == null) {
            builder.usePlaintext();
        } else {
            builder.sslContext(options.tls().sslContext());
            if (options.tls().authority() != null) {
                builder.overrideAuthority(options.tls().authority());
            }
        }
        this.channel = builder.build();
    }

    private static Metadata metadata(Map<String, String> headers) {
        Metadata metadata = new Metadata();
        headers.forEach((name, value) -> metadata.put(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER), value));
        return metadata;
    }

    public TritonEndpoint endpoint() {
        return endpoint;
    }

    /** Whether the server runs. */
    public Uni<Boolean> serverLive() {
        return call(GRPCInferenceServiceGrpc.getServerLiveMethod(), ServerLiveRequest.getDefaultInstance(),
                ServerLiveResponse::getLive);
    }

    /** Whether the server takes inference requests; says nothing of a single model's health. */
    public Uni<Boolean> serverReady() {
        return call(GRPCInferenceServiceGrpc.getServerReadyMethod(), ServerReadyRequest.getDefaultInstance(),
                ServerReadyResponse::getReady);
    }

    /** Whether a model is loaded. A python model whose process died stays so: only an inference tells. */
    public Uni<Boolean> modelReady(String model) {
        return call(GRPCInferenceServiceGrpc.getModelReadyMethod(), ModelReadyRequest.newBuilder().setName(model).build(),
                ModelReadyResponse::getReady);
    }

    public Uni<ServerInfo> serverInfo() {
        return call(GRPCInferenceServiceGrpc.getServerMetadataMethod(), ServerMetadataRequest.getDefaultInstance(),
                answer -> new ServerInfo(answer.getName(), answer.getVersion(), List.copyOf(answer.getExtensionsList())));
    }

    public Uni<ModelInfo> modelInfo(String model) {
        return call(GRPCInferenceServiceGrpc.getModelMetadataMethod(),
                ModelMetadataRequest.newBuilder().setName(model).build(),
                answer -> new ModelInfo(answer.getName(), List.copyOf(answer.getVersionsList()), answer.getPlatform(),
                        tensors(answer.getInputsList()), tensors(answer.getOutputsList())));
    }

    private static List<ModelInfo.Tensor> tensors(List<ModelMetadataResponse.TensorMetadata> tensors) {
        return tensors.stream().map(tensor -> new ModelInfo.Tensor(tensor.getName(), tensor.getDatatype(),
                List.copyOf(tensor.getShapeList()))).toList();
    }

    /** @param model empty for all models */
    public Uni<List<ModelUse>> statistics(String model) {
        return call(GRPCInferenceServiceGrpc.getModelStatisticsMethod(),
                ModelStatisticsRequest.newBuilder().setName(model).build(),
                answer -> answer.getModelStatsList().stream().map(TritonConnection::use).toList());
    }

    private static ModelUse use(ModelStatistics model) {
        var phases = model.getInferenceStats();
        return new ModelUse(model.getName(), model.getVersion(), model.getLastInference(), model.getInferenceCount(),
                model.getExecutionCount(), phase(phases.getSuccess()), phase(phases.getFail()), phase(phases.getQueue()),
                phase(phases.getComputeInput()), phase(phases.getComputeInfer()), phase(phases.getComputeOutput()));
    }

    private static ModelUse.Phase phase(StatisticDuration duration) {
        return new ModelUse.Phase(duration.getCount(), duration.getNs());
    }

    /** The models of the repositories. */
    public Uni<List<ModelState>> repositoryIndex() {
        return call(GRPCInferenceServiceGrpc.getRepositoryIndexMethod(), RepositoryIndexRequest.getDefaultInstance(),
                answer -> answer.getModelsList().stream().map(model -> new ModelState(model.getName(), model.getVersion(),
                        model.getState(), model.getReason())).toList());
    }

    /**
     * Loads a model, or loads it again. The server must run with explicit model control.
     *
     * @param config the model's configuration as JSON; null takes the one of the repository
     * @param files content by path inside the model's folder, with {@code config} only; empty takes those of the repository.
     *        Whoever may send files may run code in the server: production servers restrict this protocol
     * @param timeout loading may take longer than other calls
     */
    public Uni<Void> load(String model, String config, Map<String, byte[]> files, Duration timeout) {
        RepositoryModelLoadRequest.Builder request = RepositoryModelLoadRequest.newBuilder().setModelName(model);
        if (config != null) {
            request.putParameters("config", ModelRepositoryParameter.newBuilder().setStringParam(config).build());
        }
        files.forEach((path, content) -> request.putParameters("file:" + path,
                ModelRepositoryParameter.newBuilder().setBytesParam(ByteString.copyFrom(content)).build()));
        return call(GRPCInferenceServiceGrpc.getRepositoryModelLoadMethod(), request.build(), answer -> null, timeout);
    }

    /** Loads a model as its repository has it. */
    public Uni<Void> load(String model, Duration timeout) {
        return load(model, null, Map.of(), timeout);
    }

    /** Unloads a model; the server finishes its running requests first. */
    public Uni<Void> unload(String model) {
        return call(GRPCInferenceServiceGrpc.getRepositoryModelUnloadMethod(),
                RepositoryModelUnloadRequest.newBuilder().setModelName(model).build(), answer -> null);
    }

    /** Lets the server map a region; needed again after it restarted. */
    public Uni<Void> register(SharedMemoryRegion region) {
        return call(GRPCInferenceServiceGrpc.getSystemSharedMemoryRegisterMethod(),
                SystemSharedMemoryRegisterRequest.newBuilder().setName(region.name()).setKey(region.key())
                        .setByteSize(region.size()).build(),
                answer -> null);
    }

    public Uni<Void> unregister(SharedMemoryRegion region) {
        return call(GRPCInferenceServiceGrpc.getSystemSharedMemoryUnregisterMethod(),
                SystemSharedMemoryUnregisterRequest.newBuilder().setName(region.name()).build(), answer -> null);
    }

    /** Opens a stream of inference requests. Works before the server is reached; requests fail when it cannot be. */
    public InferStream stream() {
        return new InferStream(endpoint, channel, options);
    }

    /**
     * Sends an inference request as a call of its own: for a request now and then, or a server that offers no streams.
     *
     * @param request its buffers must not change until the stage completes
     * @return completes when the call is closed, also when it is cancelled; exceptionally with a {@link TritonException}
     */
    public CompletableFuture<InferResponse> infer(InferRequest request, Duration timeout) {
        ClientCall<ModelInferRequest, ModelInferResponse> call = channel.newCall(
                GRPCInferenceServiceGrpc.getModelInferMethod(),
                CallOptions.DEFAULT.withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS));
        ModelInferRequest message = request.message("1");
        SingleAnswer answer = new SingleAnswer(call, message);
        call.start(answer.listener, new Metadata());
        call.request(2); // a second one would be an error that gRPC reports
        call.sendMessage(message);
        call.halfClose();
        return answer;
    }

    /** Completes when gRPC has let go of the request, never before. */
    private final class SingleAnswer extends CompletableFuture<InferResponse> {

        private final ClientCall<?, ?> call;
        private final ModelInferRequest request;
        private final ClientCall.Listener<ModelInferResponse> listener = new ClientCall.Listener<>() {

            private ModelInferResponse message;

            @Override
            public void onMessage(ModelInferResponse answer) {
                message = answer;
            }

            @Override
            public void onClose(Status status, Metadata trailers) {
                close(status, message);
            }
        };
        private volatile boolean cancelled;

        private SingleAnswer(ClientCall<?, ?> call, ModelInferRequest request) {
            this.call = call;
            this.request = request;
        }

        @Override
        public boolean cancel(boolean mayInterruptIfRunning) {
            cancelled = true;
            call.cancel("the caller gave up", null);
            return !isDone();
        }

        private void close(Status status, ModelInferResponse message) {
            if (cancelled) {
                completeExceptionally(new CancellationException("the call was cancelled"));
            } else if (!status.isOk()) {
                completeExceptionally(TritonException.ofCall(endpoint, status));
            } else if (message == null || !message.getId().equals("1")) {
                completeExceptionally(new TritonException(Code.INTERNAL,
                        endpoint + " answered another request than the one that was sent", false, null));
            } else {
                try {
                    complete(new InferResponse(request, message));
                } catch (TritonException e) {
                    completeExceptionally(e);
                }
            }
        }
    }

    private <Q, A, T> Uni<T> call(MethodDescriptor<Q, A> method, Q request, Function<A, T> value) {
        return call(method, request, value, options.callTimeout());
    }

    private <Q, A, T> Uni<T> call(MethodDescriptor<Q, A> method, Q request, Function<A, T> value, Duration timeout) {
        return Uni.createFrom().emitter(emitter -> {
            ClientCall<Q, A> call = channel.newCall(method,
                    CallOptions.DEFAULT.withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS));
            emitter.onTermination(() -> call.cancel("the subscriber went away", null));
            ClientCalls.asyncUnaryCall(call, request, new StreamObserver<A>() {

                private A answer;

                @Override
                public void onNext(A message) {
                    answer = message;
                }

                @Override
                public void onError(Throwable failure) {
                    emitter.fail(TritonException.ofCall(endpoint, Status.fromThrowable(failure)));
                }

                @Override
                public void onCompleted() {
                    emitter.complete(value.apply(answer));
                }
            });
        });
    }

    /** Tries to connect now, whatever gRPC thinks of earlier failures: the client has waits of its own. */
    void wakeUp() {
        channel.resetConnectBackoff();
    }

    /** Ends all calls and streams. */
    void close() {
        channel.shutdownNow();
        boolean interrupted = false;
        try {
            channel.awaitTermination(options.callTimeout().toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public String toString() {
        return endpoint.toString();
    }
}

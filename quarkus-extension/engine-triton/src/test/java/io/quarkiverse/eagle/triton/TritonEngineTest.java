package io.quarkiverse.eagle.triton;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import com.google.protobuf.ByteString;

import io.quarkiverse.eagle.bundle.BundleManifest;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.engine.EnginesAwayException;
import io.quarkiverse.eagle.engine.PoolLostException;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.Steps;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;
import io.quarkiverse.eagle.triton.FakeHost.Fault;
import io.quarkiverse.eagle.triton.client.Backoff;
import io.quarkiverse.eagle.triton.client.TritonClientOptions;
import io.quarkiverse.eagle.triton.client.TritonEndpoint;
import io.quarkiverse.eagle.triton.client.proto.ModelInferRequest;
import io.quarkiverse.eagle.triton.client.proto.ModelInferResponse;

/** One engine step by step: leases, losses, and what a caller is told. */
@Timeout(60)
class TritonEngineTest {

    private static final ToyLanguage LANGUAGE = ToyLanguage.endless();
    private static final Backoff QUICK = new Backoff(Duration.ofMillis(2), Duration.ofMillis(20), 3, 0.5);

    private ToyModel toy;
    private BundleManifest bundle;
    private FakeHost host;
    private EnginePair engines;

    @BeforeEach
    void serve() {
        toy = ToyModel.of(LANGUAGE).withoutLogits().slots(2).poolSlots(4).behind((manifest, pair) -> {
            bundle = manifest;
            host = new FakeHost(manifest, pair);
            return pair;
        }).open();
        host.target().engine().forget();
        host.draft().engine().forget();
    }

    @AfterEach
    void close() {
        if (engines != null) {
            engines.close();
        }
        host.close();
        toy.close();
    }

    private TritonOptions options() {
        return TritonOptions.of(TritonClientOptions.of(host.server().endpoint()).withBackoff(QUICK));
    }

    private Engine open(TritonOptions options) {
        engines = TritonEngines.open(bundle, options);
        return engines.target();
    }

    private Engine open() {
        return open(options());
    }

    private static StepRequest request(Engine engine) {
        return new StepRequest(engine.shape(), 2, 2 * engine.shape().maxRows(), 2 * engine.shape().maxRows());
    }

    /** Reads the tokens of a prompt in slot 1. */
    private static StepRequest reading(Engine engine, int... tokens) {
        StepRequest request = request(engine);
        request.begin(1, 1, tokens.length, 0, tokens.length, tokens.length);
        for (int t = 0; t < tokens.length; t++) {
            request.row(0, t, tokens[t], t);
            for (int seen = 0; seen < t; seen++) {
                request.see(0, t, seen);
            }
        }
        return request;
    }

    private static StepResult result(Engine engine) {
        return new StepResult(engine.shape(), 2 * engine.shape().maxRows(), 2 * engine.shape().maxRows());
    }

    private static StepResult read(Engine engine, int... tokens) {
        return Steps.await(engine.step(reading(engine, tokens), result(engine)));
    }

    private static void assertReads(Engine engine, int... tokens) {
        StepResult result = read(engine, tokens);
        int best = ToyLanguage.descending(LANGUAGE.logits(ToyLanguage.prefix(tokens)))[0];
        assertThat(result.topId(0, tokens.length - 1, 0)).isEqualTo(best);
    }

    private List<ModelInferRequest> requests(String operation) {
        return host.server().requests().stream().filter(request -> FakeHost.operation(request).equals(operation)
                && request.getModelName().equals("toy_target")).toList();
    }

    private static String client(ModelInferRequest request) {
        return request.getParametersOrThrow("client").getStringParam();
    }

    @Test
    void slotsAreCountedFromTheLeasesFirst() {
        host.target().hold("somebody", 1);
        Engine engine = open();
        assertReads(engine, 3, 1, 4);
        assertThat(requests("step").get(0).getParametersOrThrow("first_slot").getInt64Param()).isEqualTo(2);
        assertThat(engine.shape().slots()).isEqualTo(2);
    }

    @Test
    void asManySlotsAreLeasedAsTheOptionsSay() {
        Engine engine = open(options().withSlots(3));
        assertThat(engine.shape().slots()).isEqualTo(3);
        assertThat(host.target().holders().values()).containsExactly(3);
    }

    @Test
    void stepsThatAreGivenAtOnceRunOneAfterTheOther() {
        Engine engine = open();
        List<CompletableFuture<StepResult>> answers = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            answers.add(engine.step(reading(engine, i % 10, 1), result(engine)).toCompletableFuture());
        }
        for (int i = 0; i < 20; i++) {
            int best = ToyLanguage.descending(LANGUAGE.logits(ToyLanguage.prefix(i % 10, 1)))[0];
            assertThat(answers.get(i).join().topId(0, 1, 0)).isEqualTo(best);
        }
    }

    @Test
    void fullLogitsComeRowByRow() {
        Engine engine = open();
        StepResult result = read(engine, 5, 6, 7);
        assertThat(result.hasLogits(0, 2)).isFalse();
        assertThat(Steps.await(engine.fetchLogits(result, 0, 2))).isSameAs(result);
        assertThat(Steps.await(engine.fetchLogits(result, 0, 0))).isSameAs(result);
        assertThat(result.hasLogits(0, 1)).isFalse();
        for (int row : new int[] { 0, 2 }) {
            float[] logits = LANGUAGE.logits(row == 0 ? ToyLanguage.prefix(5) : ToyLanguage.prefix(5, 6, 7));
            float[] fetched = new float[logits.length];
            result.logits().get(result.logitsOffset(0, row), fetched);
            assertThat(fetched).isEqualTo(logits);
        }
        Steps.await(engine.fetchLogits(result, 0, 2));
        assertThat(requests("logits")).as("what is there is not fetched again").hasSize(2);
    }

    @Test
    void logitsOfAnotherStepThanTheLastAreRefused() {
        Engine engine = open();
        StepResult early = read(engine, 5, 6);
        read(engine, 7, 8);
        assertThatThrownBy(() -> Steps.await(engine.fetchLogits(early, 0, 0))).isExactlyInstanceOf(EngineException.class)
                .hasMessageContaining("last step");
        StepResult drafted = result(engines.draft());
        drafted.begin(1, 2, 2);
        assertThatThrownBy(() -> Steps.await(engines.draft().fetchLogits(drafted, 0, 0)))
                .hasMessageContaining("draft");
    }

    @Test
    void aNewPoolIsALossAndTheStepAfterRunsInANewLease() {
        Engine engine = open();
        read(engine, 1, 2);
        host.target().restart();
        assertThatThrownBy(() -> read(engine, 1, 2)).isInstanceOfSatisfying(PoolLostException.class,
                loss -> assertThat(loss.reached()).isFalse()).hasMessageContaining("EAGLE_EPOCH_CHANGED");
        assertReads(engine, 1, 2);
        assertThat(host.target().holders()).hasSize(1);
    }

    @Test
    void aStepInWhichTheServerDiedMayHaveRun() {
        Engine engine = open();
        host.faults((model, request) -> FakeHost.operation(request).equals("step") ? Fault.broken() : null);
        assertThatThrownBy(() -> read(engine, 1, 2)).isInstanceOfSatisfying(PoolLostException.class,
                loss -> assertThat(loss.reached()).isTrue());
        host.faults((model, request) -> null);
        assertReads(engine, 1, 2);
    }

    @Test
    void aConnectionThatBrokeBetweenStepsIsALossBeforeAnythingRuns() {
        Engine engine = open();
        read(engine, 1, 2);
        int port = host.server().port();
        host.kill();
        host.start(port);
        assertThatThrownBy(() -> read(engine, 1, 2)).isInstanceOf(PoolLostException.class);
        await().untilAsserted(() -> assertReads(engine, 1, 2));
    }

    @Test
    void everyStepTriesAServerThatIsAwayOnceAndNeverRan() {
        AtomicInteger attempts = new AtomicInteger();
        Engine engine = open(options().withListener(new TritonListener() {
            @Override
            public void unreachable(String model, TritonEndpoint endpoint, String reason) {
                attempts.incrementAndGet();
            }
        }));
        host.kill();
        assertThatThrownBy(() -> read(engine, 1, 2)).isInstanceOf(PoolLostException.class);
        for (int i = 1; i <= 3; i++) {
            assertThatThrownBy(() -> read(engine, 1, 2)).isInstanceOfSatisfying(PoolLostException.class,
                    loss -> assertThat(loss.reached()).isFalse()).hasMessageContaining("cannot be reached");
            assertThat(attempts.get()).isEqualTo(i);
        }
    }

    @Test
    void aStepThatIsNotAnsweredInTimeIsALoss() {
        Engine engine = open(options().withStepTimeout(Duration.ofMillis(100)));
        host.faults((model, request) -> FakeHost.operation(request).equals("step") ? Fault.silence() : null);
        assertThatThrownBy(() -> read(engine, 1, 2)).isInstanceOf(PoolLostException.class)
                .hasMessageContaining("did not answer");
        host.faults((model, request) -> null);
        assertReads(engine, 1, 2);
    }

    /** A late step of a lost session must never write into the rows of the new one, on the same pool or not. */
    @Test
    void aLostSessionsLeaseIsGivenBackBeforeANewOneIsTakenUnderAnotherName() {
        Engine engine = open();
        host.faults((model, request) -> FakeHost.operation(request).equals("step") ? Fault.broken() : null);
        assertThatThrownBy(() -> read(engine, 1, 2)).isInstanceOf(PoolLostException.class);
        host.faults((model, request) -> null);
        read(engine, 1, 2);
        List<String> operations = host.target().operations();
        int release = operations.lastIndexOf("release");
        assertThat(release).isPositive().isLessThan(operations.lastIndexOf("lease"));
        assertThat(client(requests("release").get(0))).isEqualTo(client(requests("lease").get(0)));
        assertThat(client(requests("lease").get(1))).isNotEqualTo(client(requests("lease").get(0)));
        assertThat(host.target().holders()).containsOnlyKeys(client(requests("lease").get(1)));
    }

    @Test
    void anIdleLeaseIsRenewed() {
        host.leaseSeconds(1);
        Engine engine = open();
        read(engine, 1, 2);
        await().until(() -> requests("lease").size() >= 4);
        assertThat(requests("lease")).extracting(TritonEngineTest::client).containsOnly(client(requests("step").get(0)));
        assertReads(engine, 1, 2);
    }

    @Test
    void aLeaseThatWasLostWhileIdleFailsTheNextStepEvenIfTheSameSlotsAreGivenAgain() {
        host.leaseSeconds(1);
        AtomicReference<PoolLostException> lost = new AtomicReference<>();
        Engine engine = open(options().withListener(new TritonListener() {
            @Override
            public void lost(String model, TritonEndpoint endpoint, PoolLostException reason) {
                if (model.equals("toy_target")) {
                    lost.set(reason);
                }
            }
        }));
        read(engine, 1, 2);
        host.target().restart(); // whoever asks now gets slot 0 again, in another epoch
        await().until(() -> lost.get() != null);
        assertThat(host.target().holders()).as("a renewal takes no slots of a new pool").isEmpty();
        assertThatThrownBy(() -> read(engine, 1, 2)).isSameAs(lost.get());
        assertReads(engine, 1, 2);
    }

    /** The answer to a renewal comes so late that the lease may have expired and been given anew in between. */
    @Test
    void aRenewalThatCameTooLateDoesNotCount() {
        host.leaseSeconds(1);
        Engine engine = open();
        read(engine, 1, 2);
        AtomicInteger held = new AtomicInteger();
        host.faults((model, request) -> {
            if (model == host.target() && FakeHost.operation(request).equals("lease") && held.getAndIncrement() == 0) {
                pause(Duration.ofMillis(1500));
            }
            return null;
        });
        await().until(() -> held.get() > 0);
        // This step waits behind the renewal, and the host knows nothing wrong with it.
        assertThatThrownBy(() -> read(engine, 1, 2)).isInstanceOf(PoolLostException.class);
        host.faults((model, request) -> null);
        await().untilAsserted(() -> assertReads(engine, 1, 2));
    }

    private static void pause(Duration time) {
        java.util.concurrent.locks.LockSupport.parkNanos(time.toNanos());
    }

    @Test
    void aRefusedStepIsNoLoss() {
        Engine engine = open();
        read(engine, 1, 2);
        host.faults((model, request) -> FakeHost.operation(request).equals("step")
                ? Fault.error("EAGLE_INVALID a position is too large")
                : null);
        assertThatThrownBy(() -> read(engine, 1, 2)).isExactlyInstanceOf(EngineException.class)
                .hasMessageContaining("a position is too large");
        host.faults((model, request) -> null);
        assertReads(engine, 1, 2);
        assertThat(requests("lease")).hasSize(1);
    }

    @Test
    void anAnswerThatDoesNotFitTheStepIsNeverTakenForData() {
        Engine engine = open();
        StepResult result = result(engine);
        Steps.await(engine.step(reading(engine, 1, 2), result));
        int before = result.topId(0, 0, 0);
        List<java.util.function.UnaryOperator<ModelInferResponse.Builder>> damages = List.of(
                answer -> answer.setOutputs(0, answer.getOutputs(0).toBuilder().setShape(0, 2)),
                answer -> answer.setOutputs(0, answer.getOutputs(0).toBuilder().setDatatype("INT64")),
                answer -> answer.setOutputs(0, answer.getOutputs(0).toBuilder().setName("other")),
                answer -> answer.setRawOutputContents(0, ByteString.EMPTY),
                answer -> answer.clearRawOutputContents(),
                answer -> answer.setModelName("toy_draft"),
                answer -> answer.setId("1000000"));
        for (var damage : damages) {
            host.answers(answer -> answer.getOutputs(0).getName().equals("info") ? answer : damage.apply(answer));
            assertThatThrownBy(() -> Steps.await(engine.step(reading(engine, 3, 4, 5), result)))
                    .isExactlyInstanceOf(EngineException.class);
            assertThat(result.rows()).isEqualTo(2);
            assertThat(result.topId(0, 0, 0)).isEqualTo(before);
        }
        host.answers(answer -> answer);
        assertReads(engine, 1, 2);
    }

    @Test
    void closingGivesTheSlotsBack() {
        Engine engine = open();
        assertThat(host.target().holders()).hasSize(1);
        assertThat(host.draft().holders()).hasSize(1);
        engines.close();
        engines.close();
        assertThat(host.target().holders()).isEmpty();
        assertThat(host.draft().holders()).isEmpty();
        assertThatThrownBy(() -> read(engine, 1, 2)).hasMessageContaining("closed");
    }

    @Test
    void closingWaitsForARunningStep() {
        Engine engine = open();
        AtomicInteger stepped = new AtomicInteger();
        host.target().engine().beforeEveryStep(step -> stepped.incrementAndGet());
        CompletableFuture<StepResult> answer = engine.step(reading(engine, 1, 2), result(engine)).toCompletableFuture();
        engines.close();
        assertThat(answer).isCompleted();
        assertThat(stepped.get()).isEqualTo(1);
    }

    @Test
    void closingWithoutAServerDoesNotFail() {
        open();
        host.kill();
        engines.close();
    }

    @Test
    void theListenerHearsOfStepsLossesAndReturns() {
        List<String> heard = Collections.synchronizedList(new ArrayList<>());
        Engine engine = open(options().withListener(new TritonListener() {
            @Override
            public void stepped(String model, int rows, long nanoseconds) {
                heard.add(model + " stepped " + rows + (nanoseconds > 0 ? "" : " in no time"));
            }

            @Override
            public void lost(String model, TritonEndpoint endpoint, PoolLostException reason) {
                heard.add(model + " lost");
            }

            @Override
            public void connected(String model, TritonEndpoint endpoint, boolean again) {
                heard.add(model + " connected" + (again ? " again" : ""));
            }
        }));
        read(engine, 1, 2, 3);
        host.target().restart();
        assertThatThrownBy(() -> read(engine, 1, 2)).isInstanceOf(PoolLostException.class);
        read(engine, 1, 2);
        assertThat(heard).containsExactly("toy_target connected", "toy_draft connected", "toy_target stepped 3",
                "toy_target lost", "toy_target connected again", "toy_target stepped 2");
    }

    @Test
    void aServerThatIsAwayFailsOpeningAfterItsAttempts() {
        host.kill();
        assertThatThrownBy(this::open).isInstanceOf(EnginesAwayException.class).hasMessageContaining("after 3 attempts")
                .hasMessageContaining("toy_target");
    }

    @Test
    void aModelThatIsNotReadyFailsOpeningAndSaysWhich() {
        host.ready(false);
        assertThatThrownBy(this::open).hasMessageContaining("no ready model toy_target");
    }

    @Test
    void aModelThatBecomesReadyMeanwhileIsOpened() {
        host.ready(false);
        open(options().withListener(new TritonListener() {
            @Override
            public void unreachable(String model, TritonEndpoint endpoint, String reason) {
                host.ready(true);
            }
        }));
        assertReads(engines.target(), 1, 2);
    }

    @Test
    void aHostOfAnotherBundleIsRefusedWithEveryDifference() {
        BundleManifest ours = new BundleManifest(bundle.formatVersion(), bundle.name(), bundle.checkpoint(), bundle.head(),
                bundle.target(), "fp16", bundle.update(), 999, bundle.slots(), bundle.bosId(), bundle.eosIds(), bundle.model(),
                bundle.targetGraph(), bundle.draftGraph(), null, List.of(), bundle.files(), "another");
        assertThatThrownBy(() -> TritonEngines.open(ours, options())).isInstanceOf(EngineException.class)
                .hasMessageContainingAll("toy_target", "toy_draft", "precision is fp32, but the bundle's is fp16",
                        "max length is " + bundle.maxLength() + ", but the bundle's is 999", "bundle checksum is ", "another");
        assertThat(host.target().holders()).as("nothing stays leased").isEmpty();
        assertThat(host.draft().holders()).isEmpty();
    }

    @Test
    void moreSlotsThanThePoolHasAreADifference() {
        assertThatThrownBy(() -> open(options().withSlots(5))).hasMessageContaining("4 slots, but 5 are wanted");
    }

    @Test
    void aFullPoolSaysWhatToDo() {
        host.draft().hold("somebody", 3);
        assertThatThrownBy(this::open).isExactlyInstanceOf(HostAccess.NoSlotsException.class)
                .hasMessageContainingAll("toy_draft", "2 sequences", "1 of 4 slots were free", "fewer slots");
        assertThat(host.target().holders()).as("nothing stays leased").isEmpty();
    }

    @Test
    void aPoolThatSomebodyElseFilledMeanwhileIsTriedAgain() {
        Engine engine = open();
        host.target().restart();
        host.target().hold("somebody", 4);
        assertThatThrownBy(() -> read(engine, 1, 2)).isInstanceOf(PoolLostException.class);
        assertThatThrownBy(() -> read(engine, 1, 2)).isInstanceOf(PoolLostException.class).hasMessageContaining("no room");
        host.target().expireLeases();
        assertReads(engine, 1, 2);
    }

    @Test
    void modelNamesKeepOnlyWhatARepositoryAllows() {
        assertThat(HostAccess.modelName("SmolLM2-135M Instruct/q4.1", true)).isEqualTo("SmolLM2-135M_Instruct_q4_1_target");
        assertThat(HostAccess.modelName("a_b", false)).isEqualTo("a_b_draft");
    }
}

package io.quarkiverse.eagle.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.engine.PoolLostException;
import io.quarkiverse.eagle.toy.Consumer;
import io.quarkiverse.eagle.toy.Gate;
import io.quarkiverse.eagle.toy.ToyDraft;
import io.quarkiverse.eagle.toy.ToyLanguage;
import io.quarkiverse.eagle.toy.ToyModel;
import io.quarkiverse.eagle.toy.ToyTarget;

/** A model over several sets of engines: every answer is the one that a single set gives, whatever comes, goes or fails. */
@Timeout(60)
class ReplicasTest {

    private static final ToyLanguage ENDLESS = ToyLanguage.endless();
    private static final GenerationOptions OPTIONS = GenerationOptions.defaults().withMaxTokens(30);
    private static final Duration FOR_EVER = Duration.ofDays(365_000);
    private static final String FIRST = SpeculativeModel.FIRST_REPLICA;
    private static final int LENGTH = 70;

    /** The model, whose own engines are the replica {@link #FIRST}. */
    private final ToyModel toy = ToyModel.of(ENDLESS).slots(2).recovery(Duration.ofMillis(50)).open();
    private final SpeculativeModel model = toy.model();
    private final Map<String, ToyTarget> targets = new LinkedHashMap<>(Map.of(FIRST, toy.target()));

    @AfterEach
    void close() {
        toy.close();
        assertThat(targets.values()).allSatisfy(target -> {
            assertThat(target.isClosed()).isTrue();
            assertThat(target.misuse()).isNull();
        });
    }

    private void add(String name) {
        ToyTarget target = new ToyTarget(ENDLESS, 2, 320, 128, 6, true);
        ToyDraft draft = new ToyDraft(ENDLESS, 2, 320, 128, 10, 0.8);
        targets.put(name, target);
        model.addReplica(name, () -> new EnginePair(target, draft));
    }

    private Consumer ask(int seed) {
        return Consumer.eager().of(model.stream(ToyModel.request(ToyModel.prompt(LENGTH, seed), OPTIONS)));
    }

    private void assertAnswers(int seed) {
        assertAnswer(ask(seed), seed);
    }

    private static void assertAnswer(Consumer answer, int seed) {
        assertThat(answer.awaitAnswer()).isEqualTo(ENDLESS.greedy(ToyModel.prompt(LENGTH, seed), 30));
    }

    /** Which replica's engine ran while a question was answered. */
    private String whereAnswered(int seed) {
        Map<String, Integer> before = new LinkedHashMap<>();
        targets.forEach((name, target) -> before.put(name, target.steps()));
        assertAnswers(seed);
        await().until(() -> model.slotsInUse() == 0);
        List<String> ran = targets.keySet().stream().filter(name -> targets.get(name).steps() > before.get(name)).toList();
        assertThat(ran).hasSize(1);
        return ran.get(0);
    }

    /** A question that goes to this replica as long as nobody is busy. */
    private int questionFor(String name) {
        int seed = 0;
        while (!whereAnswered(seed).equals(name)) {
            seed++;
        }
        return seed;
    }

    private ReplicaStatus status(String name) {
        return model.replicas().stream().filter(each -> each.name().equals(name)).findFirst().orElseThrow();
    }

    @Test
    void aQuestionGoesWhereItWentBeforeAndAllReplicasGetSome() {
        add("second");
        add("third");
        Map<String, Integer> asked = new LinkedHashMap<>();
        for (int seed = 0; seed < 24; seed++) {
            String where = whereAnswered(seed);
            assertThat(whereAnswered(seed)).isEqualTo(where);
            asked.merge(where, 1, Integer::sum);
        }
        assertThat(asked).containsOnlyKeys(FIRST, "second", "third");
        assertThat(model.slots()).isEqualTo(6);
    }

    @Test
    void manyQuestionsAtOnceSpreadEvenWhenTheyAreTheSame() {
        add("second");
        Gate first = new Gate();
        Gate second = new Gate();
        targets.get(FIRST).beforeEveryStep(first);
        targets.get("second").beforeEveryStep(second);
        List<Consumer> answers = IntStream.range(0, 10).mapToObj(i -> ask(1)).toList();
        first.awaitArrival();
        second.awaitArrival();
        first.open();
        second.open();
        answers.forEach(answer -> assertAnswer(answer, 1));
    }

    @Test
    void aDrainedReplicaAnswersWhatItHasAndGetsNothingNew() {
        add("second");
        int question = questionFor("second");
        Gate gate = new Gate();
        ToyTarget leaving = targets.get("second");
        leaving.beforeEveryStep(gate);
        Consumer running = ask(question);
        gate.awaitArrival();
        CompletableFuture<Void> left = model.drainReplica("second", FOR_EVER).toCompletableFuture();
        assertThat(status("second").state()).isEqualTo(ReplicaStatus.State.DRAINING);
        for (int seed = 0; seed < 8; seed++) {
            assertAnswers(seed);
        }
        assertThat(leaving.isClosed()).isFalse();
        assertThat(running.isOver()).isFalse();
        gate.open();
        left.join();
        assertAnswer(running, question);
        assertThat(leaving.isClosed()).isTrue();
        assertThat(model.replicas()).extracting(ReplicaStatus::name).containsExactly(FIRST);
        assertThat(whereAnswered(question)).isEqualTo(FIRST);
        assertThat(model.isClosing()).isFalse();
    }

    @Test
    void whatWaitsAtADrainedReplicaHasItsTurnThere() {
        add("second");
        Gate first = new Gate();
        Gate second = new Gate();
        targets.get(FIRST).beforeEveryStep(first);
        targets.get("second").beforeEveryStep(second);
        List<Consumer> answers = IntStream.range(0, 10).mapToObj(i -> ask(1)).toList();
        first.awaitArrival();
        second.awaitArrival();
        await().until(() -> status("second").queued() > 0);
        CompletableFuture<Void> left = model.drainReplica("second", FOR_EVER).toCompletableFuture();
        first.open();
        second.open();
        left.join();
        answers.forEach(answer -> assertAnswer(answer, 1));
    }

    @Test
    void theLimitOfADrainCutsOffWhatRunsThereAndOnlyThere() {
        add("second");
        int question = questionFor("second");
        Gate gate = new Gate();
        targets.get("second").beforeEveryStep(gate);
        Consumer cut = ask(question);
        gate.awaitArrival();
        CompletableFuture<Void> left = model.drainReplica("second", Duration.ZERO).toCompletableFuture();
        assertAnswers(question);
        gate.open();
        left.join();
        cut.awaitAnswer();
        assertThat(cut.lastToken().result().finishReason()).isEqualTo(FinishReason.SHUTDOWN);
        assertAnswers(question);
    }

    @Test
    void aReplicaThatIsLostFailsItsOwnAndGetsRequestsAgainWhenItIsBack() {
        add("second");
        int question = questionFor("second");
        targets.get("second").beforeEveryStep(request -> {
            throw PoolLostException.unreachable("the toy server is away", null);
        });
        Consumer lost = ask(question);
        await().until(() -> status("second").state() == ReplicaStatus.State.LOST);
        assertAnswers(question);
        assertThat(lost.awaitFailure()).isInstanceOf(PoolLostException.class);
        assertAnswers(question);
        assertThat(status("second").state()).isEqualTo(ReplicaStatus.State.LOST);
        targets.get("second").beforeEveryStep(request -> {
        });
        await().until(() -> {
            assertAnswers(question);
            return status("second").state() == ReplicaStatus.State.SERVING;
        });
        assertThat(whereAnswered(question)).isEqualTo("second");
    }

    @Test
    void aStepThatFailsHurtsOnlyItsOwnReplica() {
        add("second");
        int question = questionFor("second");
        int other = questionFor(FIRST);
        Gate gate = new Gate();
        targets.get(FIRST).beforeEveryStep(gate);
        Consumer neighbour = ask(other);
        gate.awaitArrival();
        targets.get("second").beforeEveryStep(request -> {
            throw new EngineException("the toy breaks");
        });
        assertThat(ask(question).awaitFailure()).hasMessageContaining("the toy breaks");
        gate.open();
        assertAnswer(neighbour, other);
    }

    @Test
    void namesAreTakenOnceAndTheLastReplicaStays() {
        assertThatThrownBy(() -> add(FIRST)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("has a replica first already");
        targets.put(FIRST, toy.target());
        assertThatThrownBy(() -> model.drainReplica("nobody", FOR_EVER)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("no replica nobody", "[first]");
        assertThatThrownBy(() -> model.drainReplica(FIRST, FOR_EVER)).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("the last replica");
        assertAnswers(1);
    }

    @Test
    void enginesThatDoNotOpenLeaveTheModelAsItIs() {
        assertThatThrownBy(() -> model.addReplica("second", () -> {
            throw new EngineException("another bundle");
        })).isInstanceOf(EngineException.class).hasMessage("another bundle");
        assertThat(model.replicas()).extracting(ReplicaStatus::name).containsExactly(FIRST);
        assertAnswers(1);
    }

    @Test
    void closingClosesAllEvenThoseThatWereToldToLeaveLater() {
        add("second");
        Gate gate = new Gate();
        int question = questionFor("second");
        targets.get("second").beforeEveryStep(gate);
        Consumer running = ask(question);
        gate.awaitArrival();
        CompletableFuture<Void> left = model.drainReplica("second", FOR_EVER).toCompletableFuture();
        await().until(() -> targets.get("second").steps() > 0);
        gate.open();
        model.close(Duration.ofSeconds(20));
        left.join();
        assertAnswer(running, question);
        assertThat(model.isClosing()).isTrue();
        assertThatThrownBy(() -> add("third")).isInstanceOf(IllegalStateException.class).hasMessageContaining("is closing");
        targets.remove("third");
    }
}

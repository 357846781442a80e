package io.quarkiverse.eagle.toy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.Steps;

/** The toy speaks its language and refuses what the engine contract does not allow; otherwise the other tests prove little. */
class ToyEngineTest {

    private static final ToyLanguage LANGUAGE = ToyLanguage.endless();

    private final ToyTarget target = new ToyTarget(LANGUAGE, 2, 16, 8, 12, false);
    private final StepRequest request = new StepRequest(target.shape(), 2, 16, 16);
    private final StepResult result = new StepResult(target.shape(), 16, 16);

    @BeforeEach
    void readThreeTokensIntoSlotOne() {
        request.begin(1, 1, 3, 0, 3, 3);
        row(0, 5, 0);
        row(1, 6, 1, 0);
        row(2, 7, 2, 0, 1);
        run();
    }

    @Test
    void speaksTheLanguageOfThePrefixThatARowSees() {
        assertThat(result.topId(0, 2, 0)).isEqualTo(best(5, 6, 7));
        assertThat(result.topId(0, 0, 0)).isEqualTo(best(5));
        request.begin(1, 1, 3, 0, 3, 3);
        request.windowStart(0, 3);
        row(0, 8, 3);
        row(1, 1, 4, 0);
        row(2, 2, 4, 0);
        run();
        assertThat(result.topId(0, 1, 0)).isEqualTo(best(5, 6, 7, 8, 1));
        assertThat(result.topId(0, 2, 0)).isEqualTo(best(5, 6, 7, 8, 2));
    }

    @Test
    void keepsRowsOfABranch() {
        branch();
        request.begin(1, 1, 2, 2, 4, 2);
        request.windowStart(0, 3);
        request.keepRow(0, 0, 3);
        request.keepRow(0, 1, 5);
        row(0, 4, 5, 0, 1);
        row(1, 3, 6, 0, 1, 2);
        run();
        assertThat(result.topId(0, 1, 0)).isEqualTo(best(5, 6, 7, 8, 2, 4, 3));
    }

    @Test
    void refusesToMixBranches() {
        branch();
        request.begin(1, 1, 2, 2, 4, 2);
        request.windowStart(0, 3);
        request.keepRow(0, 0, 4);
        request.keepRow(0, 1, 5);
        row(0, 4, 5, 0, 1);
        refuses("sees something else than its prefix");
    }

    @Test
    void refusesARowThatMissesAnAncestor() {
        request.begin(1, 1, 2, 0, 2, 2);
        request.windowStart(0, 3);
        row(0, 8, 3);
        row(1, 1, 4);
        refuses("sees something else than its prefix");
    }

    @Test
    void refusesAWrongPosition() {
        request.begin(1, 1, 2, 0, 2, 2);
        request.windowStart(0, 3);
        row(0, 8, 4);
        refuses("at position 4");
    }

    @Test
    void refusesAPrefixThatIsGarbage() {
        request.begin(1, 1, 2, 0, 2, 2);
        request.windowStart(0, 4);
        row(0, 8, 4);
        refuses("sees something else than its prefix");
    }

    @Test
    void refusesToKeepGarbageOrARowTwice() {
        branch();
        request.begin(1, 1, 2, 2, 4, 2);
        request.windowStart(0, 3);
        request.keepRow(0, 0, 3);
        request.keepRow(0, 1, 3);
        row(0, 4, 5, 0, 1);
        refuses("row 3 to keep after row 3");
        request.keepRow(0, 1, 9);
        refuses("row 9 to keep is garbage");
    }

    @Test
    void refusesAWindowBeyondThePool() {
        request.begin(1, 1, 2, 0, 2, 2);
        request.windowStart(0, 31);
        refuses("of a pool of 32 rows");
    }

    @Test
    void poisonsTheOutputsOfPadding() {
        request.begin(0, 2, 2, 0, 2, 2);
        request.windowStart(0, 4);
        request.windowStart(1, 3);
        rowOf(1, 0, 8, 3);
        run();
        assertThat(result.topId(0, 0, 0)).isNegative();
        assertThat(result.logZ(0, 0)).isNaN();
        assertThat(result.topId(1, 0, 0)).isEqualTo(best(5, 6, 7, 8));
        assertThat(result.topId(1, 1, 0)).isNegative();
    }

    @Test
    void refusesAFeatureThatIsNotTheOneOfTheRowBefore() {
        ToyDraft draft = new ToyDraft(LANGUAGE, 1, 16, 8, 10, 0);
        StepRequest step = new StepRequest(draft.shape(), 1, 8, 16);
        StepResult output = new StepResult(draft.shape(), 8, 8);
        step.begin(0, 1, 2, 0, 2, 2);
        step.row(0, 0, 6, 0);
        step.feature(0, 0, result.features(), result.featureOffset(0, 0));
        step.row(0, 1, 7, 1);
        step.see(0, 1, 0);
        step.feature(0, 1, result.features(), result.featureOffset(0, 1));
        Steps.await(draft.step(step, output));
        assertThat(output.topId(0, 1, 0)).isEqualTo(best(5, 6, 7));
        step.feature(0, 1, result.features(), result.featureOffset(0, 2));
        assertThatThrownBy(() -> Steps.await(draft.step(step, output))).hasMessageContaining("a feature that is not");
        assertThat(draft.misuse()).isNotNull();
    }

    /** A root with two children, of which the second is row 5. */
    private void branch() {
        request.begin(1, 1, 3, 0, 3, 3);
        request.windowStart(0, 3);
        row(0, 8, 3);
        row(1, 1, 4, 0);
        row(2, 2, 4, 0);
        run();
    }

    private static int best(int... prefix) {
        return ToyLanguage.descending(LANGUAGE.logits(ToyLanguage.prefix(prefix)))[0];
    }

    private void row(int t, int token, int position, int... seen) {
        rowOf(0, t, token, position, seen);
    }

    private void rowOf(int b, int t, int token, int position, int... seen) {
        request.row(b, t, token, position);
        for (int column : seen) {
            request.see(b, t, column);
        }
    }

    private void run() {
        Steps.await(target.step(request, result));
    }

    private void refuses(String message) {
        assertThatThrownBy(this::run).hasMessageContaining(message);
        assertThat(target.misuse()).isNotNull();
    }
}

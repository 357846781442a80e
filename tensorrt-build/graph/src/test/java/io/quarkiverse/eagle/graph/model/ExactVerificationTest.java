package io.quarkiverse.eagle.graph.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.FloatBuffer;
import java.util.Random;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import io.quarkiverse.eagle.bundle.Bundle;
import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EnginePair;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.engine.Steps;
import io.quarkiverse.eagle.onnxruntime.OnnxRuntimeOptions;
import io.quarkiverse.eagle.onnxruntime.WeightForms;

/**
 * The heart of losslessness: what the int8 target says of a token depends on the tokens before it alone, to the last bit. The
 * measure is plain decoding, one token at a time, of three texts; a long one makes the pool's layout grow several times.
 */
@Tag("network")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ExactVerificationTest {

    private static final OnnxRuntimeOptions OPTIONS = new OnnxRuntimeOptions(SmolLm2Bundles.SLOTS, 2, false);
    private static final int[] LENGTHS = { 90, 150, 280, 1080 };
    private static final int LONGEST = LENGTHS.length - 1;

    private Bundle bundle;
    private boolean signedIsExact;
    private final int[][] texts = new int[LENGTHS.length][];
    private final TargetRow[][] plain = new TargetRow[LENGTHS.length][];

    @BeforeAll
    void decodePlainly() {
        bundle = SmolLm2Bundles.of(Precision.INT8);
        signedIsExact = WeightForms.signedIsExact(bundle, OPTIONS);
        Random random = new Random(5);
        try (EnginePair engines = WeightForms.open(bundle, OPTIONS, signedIsExact)) {
            PlainSteps steps = new PlainSteps(engines.target());
            for (int i = 0; i < LENGTHS.length; i++) {
                texts[i] = random.ints(LENGTHS[i], 0, engines.target().shape().vocabulary()).toArray();
                TargetRow[] rows = new TargetRow[LENGTHS[i]];
                // The long one in chunks, to save time: replays and other chunks find out whether that is the same.
                steps.read(i, texts[i], 0, LENGTHS[i], i == LONGEST ? 64 : 1,
                        (position, result, row) -> rows[position] = TargetRow.of(result, 0, row));
                plain[i] = rows;
            }
        }
    }

    /** Fresh engines, whose pools have not grown yet. */
    private EnginePair open(boolean signed) {
        assumeTrue(!signed || signedIsExact, "this CPU's kernels saturate on signed weights; the unsigned form is tested");
        return WeightForms.open(bundle, OPTIONS, signed);
    }

    @ParameterizedTest(name = "signed {0}, seed {1}")
    @CsvSource({ "true, 1", "false, 3" })
    void speculationNeverChangesARow(boolean signed, long seed) {
        try (EnginePair engines = open(signed)) {
            Replay replay = new Replay(engines.target(), seed);
            int total = 0;
            for (int i = 0; i < LENGTHS.length; i++) {
                // The long text lies in another slot each time.
                replay.add(texts[i], plain[i], (i + (int) seed) % SmolLm2Bundles.SLOTS);
                total += LENGTHS[i];
            }
            assertThat(replay.run()).isGreaterThanOrEqualTo(total);
        }
    }

    @Test
    void theDraftSaysTheSameWithEitherFormOfTheWeights() {
        try (EnginePair signed = open(true); EnginePair unsigned = open(false)) {
            StepResult first = extend(signed.draft());
            StepResult second = extend(unsigned.draft());
            assertThat(second.topIds()).isEqualTo(first.topIds());
            assertThat(second.topLogits()).isEqualTo(first.topLogits());
            assertThat(second.features()).isEqualTo(first.features());
        }
    }

    private StepResult extend(Engine draft) {
        int rows = 16;
        int width = draft.shape().featureSize();
        StepRequest request = new StepRequest(draft.shape(), 1, rows, rows);
        StepResult result = new StepResult(draft.shape(), rows, rows);
        Random random = new Random(11);
        FloatBuffer feature = FloatBuffer.allocate(width);
        request.begin(0, 1, rows, 0, rows, rows);
        for (int t = 0; t < rows; t++) {
            for (int i = 0; i < width; i++) {
                feature.put(i, (float) random.nextGaussian());
            }
            request.row(0, t, texts[0][t], t);
            request.feature(0, t, feature, 0);
            for (int seen = 0; seen < t; seen++) {
                request.see(0, t, seen);
            }
        }
        return Steps.await(draft.step(request, result));
    }

    @ParameterizedTest(name = "chunks of {0}")
    @ValueSource(ints = { 2, 7, 16, 33, 64, 128 })
    void aPromptMayBeReadInAnyChunks(int chunk) {
        try (EnginePair engines = open(signedIsExact)) {
            int text = 2;
            new PlainSteps(engines.target()).read(3, texts[text], 0, LENGTHS[text], chunk,
                    sameAsPlain(text));
        }
    }

    /** So many short steps make the pool's layout short, and the long text's rows are set aside. */
    @Test
    void aLongTextGoesOnAsIfNothingHadHappenedAfterManyStepsOfAShortOne() {
        try (EnginePair engines = open(signedIsExact)) {
            PlainSteps steps = new PlainSteps(engines.target());
            int read = 1000;
            steps.read(1, texts[LONGEST], 0, read, 64, (position, result, row) -> {
                // They were compared when the texts were decoded.
            });
            steps.read(0, texts[0], 0, 40, 1, sameAsPlain(0));
            steps.read(1, texts[LONGEST], read, LENGTHS[LONGEST], 16, sameAsPlain(LONGEST));
            steps.read(0, texts[0], 40, LENGTHS[0], 16, sameAsPlain(0));
        }
    }

    private PlainSteps.RowReader sameAsPlain(int text) {
        return (position, result, row) -> assertThat(TargetRow.of(result, 0, row).differenceFrom(plain[text][position]))
                .as("position %d of text %d", position, text).isEmpty();
    }

    /** The row of interest is alone with the cache; the others are strangers, some of which see it. */
    @Test
    void aRowIsTheSameAmongAnyNumberOfOthersInAWindowOfAnyWidth() {
        Random random = new Random(7);
        try (EnginePair engines = open(signedIsExact)) {
            Engine target = engines.target();
            StepRequest request = new StepRequest(target.shape(), 1, 64, 128);
            StepResult result = new StepResult(target.shape(), 64, 64);
            PlainSteps steps = new PlainSteps(target);
            int read = 0;
            for (int context : new int[] { 1, 20, 63, 64, 100, 255, 256, 511, 600, 1023, 1024 }) {
                steps.read(0, texts[LONGEST], read, context, 64, (position, ignored, row) -> {
                });
                read = context;
                for (int rows : new int[] { 2, 3, 4, 5, 8, 13, 16, 31, 32, 64 }) {
                    int place = random.nextInt(rows);
                    int keep = random.nextInt(3) * random.nextInt(20);
                    request.begin(0, 1, rows, keep, keep + rows, rows);
                    request.windowStart(0, context);
                    for (int t = 0; t < rows; t++) {
                        request.row(0, t, random.nextInt(target.shape().vocabulary()), context + random.nextInt(8));
                        if (t != place && random.nextBoolean()) {
                            request.see(0, t, keep + place);
                        }
                    }
                    request.row(0, place, texts[LONGEST][context], context);
                    Steps.await(target.step(request, result));
                    assertThat(TargetRow.of(result, 0, place).differenceFrom(plain[LONGEST][context]))
                            .as("context %d, row %d of %d, %d kept rows that it must not see", context, place, rows, keep)
                            .isEmpty();
                }
            }
        }
    }
}

package io.quarkiverse.eagle.toy;

import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Supplier;

import io.quarkiverse.eagle.engine.Engine;
import io.quarkiverse.eagle.engine.EngineException;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.PoolLostException;
import io.quarkiverse.eagle.engine.RowCopying;
import io.quarkiverse.eagle.engine.StepRequest;
import io.quarkiverse.eagle.engine.StepResult;

/**
 * An engine by the letter of the contract whose KV pool remembers tokens: every pool row holds a token, its position and the
 * prefix that it was read in. A row may only be computed when what it sees is exactly one token for every position up to its
 * own, each read in the prefix of the one before it; anything else is {@link Misuse}. Rows that the contract calls padding
 * leave garbage behind, and their outputs are poison: not-a-number, and token ids that no engine takes.
 */
public abstract class ToyEngine implements Engine {

    /** A feature row is the prefix in four numbers of 16 bits, and in the last one's higher bits a draft row's depth. */
    static final int FEATURE_SIZE = 4;

    private static final int POISON = Integer.MIN_VALUE;

    /** A caller broke the contract. */
    public static final class Misuse extends AssertionError {
        private static final long serialVersionUID = 1L;

        Misuse(String message) {
            super(message);
        }
    }

    /**
     * One row of the pool; garbage is null.
     *
     * @param depth of a draft's row, how many of its tokens the target has not confirmed, with the one that it guesses; else 0
     */
    record Row(int token, int position, long prefix, int depth) {
    }

    private final EngineShape shape;
    private final Row[][] pool;
    /** By slot: leading rows that are known to be a prefix. */
    private final int[] coherent;
    private final AtomicBoolean running = new AtomicBoolean();
    private final AtomicInteger steps = new AtomicInteger();
    private final AtomicInteger fetches = new AtomicInteger();
    private volatile Consumer<StepRequest> before = request -> {
    };
    private volatile Runnable beforeFetch = () -> {
    };
    private volatile BiConsumer<Integer, Integer> beforeCopy = (source, rows) -> {
    };
    private volatile boolean closed;
    private volatile Misuse misuse;
    /** Null for an engine that is as fast as it can. */
    private VirtualClock clock;
    private boolean copies = true;
    private boolean elsewhere;
    /** How often the pool was lost. */
    private int losses;
    private StepTime time;
    private StepResult last;
    /** {@code [batch][outputs]}: what the last step computed. */
    private Row[] lastOutputs;

    ToyEngine(EngineShape shape) {
        this.shape = shape;
        this.pool = new Row[shape.slots()][shape.maxLength() + 2 * shape.maxRows()];
        this.coherent = new int[shape.slots()];
    }

    /** Called at the start of every step; what it throws fails the step, and while it blocks the step runs. */
    public void beforeEveryStep(Consumer<StepRequest> action) {
        before = action;
    }

    /** Called before logits are fetched; what it throws fails the fetch. */
    public void beforeEveryFetch(Runnable action) {
        beforeFetch = action;
    }

    /** Called with slot and number before rows are copied; what it throws fails the copying. */
    public void beforeEveryCopy(BiConsumer<Integer, Integer> action) {
        beforeCopy = action;
    }

    /** An engine that cannot copy rows. */
    public void withoutRowCopying() {
        copies = false;
    }

    /** On a clock, steps run beside what the caller does meanwhile. */
    public void runsBesideOthers() {
        elsewhere = true;
    }

    @Override
    public boolean runsElsewhere() {
        return elsewhere;
    }

    /** From now on steps take time on a clock. */
    public void takesTime(VirtualClock passing, StepTime stepTime) {
        clock = passing;
        time = stepTime;
    }

    @Override
    public long nanoTime() {
        return clock == null ? System.nanoTime() : clock.now();
    }

    /** The pool is void, as after a restart. */
    public void forget() {
        for (Row[] rows : pool) {
            Arrays.fill(rows, null);
        }
        Arrays.fill(coherent, 0);
        last = null;
        losses++;
    }

    /** A step fails half-way: what its windows hold is garbage, the final rows before them are as they were. */
    public void spoil(StepRequest request) {
        for (int b = 0; b < request.batch(); b++) {
            int slot = request.firstSlot() + b;
            int start = (int) request.windowStart().get(b);
            Arrays.fill(pool[slot], start, pool[slot].length, null);
            coherent[slot] = Math.min(coherent[slot], start);
        }
        last = null;
    }

    public int steps() {
        return steps.get();
    }

    /** How often full logits were fetched after a step. */
    public int fetches() {
        return fetches.get();
    }

    public boolean isClosed() {
        return closed;
    }

    /** The first misuse, or null. */
    public Misuse misuse() {
        return misuse;
    }

    @Override
    public EngineShape shape() {
        return shape;
    }

    @Override
    public CompletionStage<StepResult> step(StepRequest request, StepResult result) {
        if (closed) {
            return CompletableFuture.failedFuture(new EngineException("the toy engine is closed"));
        }
        if (elsewhere && clock != null) {
            return stepBesideOthers(request, result);
        }
        try {
            require(running.compareAndSet(false, true), "two steps at once");
            steps.incrementAndGet();
            int lossesBefore = losses;
            if (clock != null) {
                clock.advance(time.nanos(request));
            }
            before.accept(request);
            requirePool(lossesBefore);
            run(request, result);
            return CompletableFuture.completedFuture(result);
        } catch (Misuse e) {
            misuse = misuse == null ? e : misuse;
            return CompletableFuture.failedFuture(e);
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        } finally {
            running.set(false);
        }
    }

    /** A step that ends when its time has come: when others let it pass, or who waits for it. */
    private final class RunningStep extends CompletableFuture<StepResult> {
        private final long end;

        RunningStep(long end) {
            this.end = end;
        }

        @Override
        public StepResult join() {
            clock.advance(Math.max(0, end - clock.now()));
            return super.join();
        }
    }

    /** Reads the request at the end of the step, so that whoever writes it meanwhile is found out. */
    private CompletableFuture<StepResult> stepBesideOthers(StepRequest request, StepResult result) {
        if (!running.compareAndSet(false, true)) {
            misuse = new Misuse("two steps at once");
            return CompletableFuture.failedFuture(misuse);
        }
        steps.incrementAndGet();
        int lossesBefore = losses;
        long nanos = time.nanos(request);
        RunningStep step = new RunningStep(clock.now() + nanos);
        clock.after(nanos, () -> {
            try {
                before.accept(request);
                requirePool(lossesBefore);
                run(request, result);
                running.set(false);
                step.complete(result);
            } catch (Misuse e) {
                misuse = misuse == null ? e : misuse;
                running.set(false);
                step.completeExceptionally(e);
            } catch (RuntimeException e) {
                running.set(false);
                step.completeExceptionally(e);
            }
        });
        return step;
    }

    private void requirePool(int lossesBefore) {
        if (losses != lossesBefore) {
            throw new PoolLostException("the pool was lost in the middle of a step", null);
        }
    }

    private void run(StepRequest request, StepResult result) {
        require(request.shape() == shape && result.shape() == shape, "buffers of another engine");
        require(request.batch() * request.rows() >= MIN_ROWS, "a step of a lone row");
        result.begin(request.batch(), request.rows(), request.outputs());
        if (bringsLogits()) {
            result.bringAllLogits();
        }
        lastOutputs = new Row[request.batch() * request.outputs()];
        last = result;
        for (int b = 0; b < request.batch(); b++) {
            Row[] computed = compute(request, b);
            for (int t = 0; t < request.rows(); t++) {
                writeFeature(result.features(), result.featureOffset(b, t), shape.readsFeatures() ? null : computed[t]);
            }
            for (int i = 0; i < request.outputs(); i++) {
                int row = (int) request.outputRows().get(b * request.outputs() + i);
                require(row >= 0 && row < request.rows(), () -> "output row " + row + " of " + request.rows());
                require(request.outputs() < request.rows() || row == i, "all rows are wanted, but not in order");
                lastOutputs[b * request.outputs() + i] = computed[row];
                writeFeature(result.features(), result.featureOffset(b, row), computed[row]);
                float[] logits = outputsOf(computed[row]);
                writeTop(result, b * request.outputs() + i, logits);
                if (bringsLogits()) {
                    writeLogits(result.logits(), (b * request.outputs() + i) * shape.vocabulary(), logits);
                }
            }
        }
    }

    private float[] outputsOf(Row row) {
        return row == null ? null : outputs(row);
    }

    /** Computes one sequence's rows and writes its window to the pool; padding that sees no prefix is null. */
    private Row[] compute(StepRequest request, int b) {
        int slot = request.firstSlot() + b;
        Row[] rows = pool[slot];
        int start = (int) request.windowStart().get(b);
        int end = start + request.window();
        require(start >= 0 && end <= rows.length,
                () -> "window " + start + " to " + end + " of a pool of " + rows.length + " rows");
        Row[] window = new Row[request.window()];
        int firstNew = fillWindow(request, b, rows, start, window);
        boolean wholePrefix = coherent(slot) >= start;
        Row[] computed = new Row[request.rows()];
        for (int t = 0; t < request.rows(); t++) {
            int index = b * request.rows() + t;
            Row[] path = wholePrefix ? path(request, index, firstNew + t, start, rows, window) : null;
            if (path == null) {
                int padding = t;
                require(isPadding(request, index, firstNew + t), () -> "row " + padding + " of slot " + slot + " at position "
                        + request.positionIds().get(index) + " sees something else than its prefix");
                continue;
            }
            int token = (int) request.inputIds().get(index);
            require(token >= 0 && token < language().vocabulary(), () -> "token " + token + " is not in the vocabulary");
            Row parent = path[path.length - 1];
            computed[t] = new Row(token, (int) request.positionIds().get(index), read(request, index, token, parent),
                    depth(request, index));
            window[firstNew + t] = computed[t];
        }
        System.arraycopy(window, 0, rows, start, window.length);
        Arrays.fill(rows, end, rows.length, null);
        coherent[slot] = Math.min(coherent[slot], start);
        return computed;
    }

    /** Leading rows of a slot of which each was read in the prefix of those before it. */
    private int coherent(int slot) {
        Row[] rows = pool[slot];
        int count = coherent[slot];
        while (count < rows.length && rows[count] != null && follows(rows[count], count == 0 ? null : rows[count - 1])) {
            count++;
        }
        coherent[slot] = count;
        return count;
    }

    /** The final row and the visible rows of the window before a new row; null when they are no whole prefix of it. */
    private Row[] path(StepRequest request, int index, int own, int start, Row[] rows, Row[] window) {
        int position = (int) request.positionIds().get(index);
        if (position < start || !sees(request, index, own)) {
            return null;
        }
        Row[] path = new Row[1 + position - start];
        path[0] = start == 0 ? null : rows[start - 1];
        int seen = 0;
        for (int w = 0; w < window.length; w++) {
            if (w == own || !sees(request, index, w)) {
                continue;
            }
            Row row = window[w];
            if (row == null || row.position() < start || row.position() >= position
                    || path[1 + row.position() - start] != null) {
                return null;
            }
            path[1 + row.position() - start] = row;
            seen++;
        }
        for (int i = 1; i < path.length; i++) {
            if (path[i] == null || !follows(path[i], path[i - 1])) {
                return null;
            }
        }
        return seen == path.length - 1 ? path : null;
    }

    static boolean sees(StepRequest request, int index, int column) {
        return request.windowMask().get(index * request.window() + column) != 0;
    }

    private static boolean isPadding(StepRequest request, int index, int own) {
        for (int w = 0; w < request.window(); w++) {
            if (sees(request, index, w) != (w == own)) {
                return false;
            }
        }
        return request.inputIds().get(index) == 0 && request.positionIds().get(index) == 0;
    }

    /** @param logits null where they are poison */
    private void writeTop(StepResult result, int output, float[] logits) {
        int[] order = logits == null ? null : ToyLanguage.descending(logits);
        for (int i = 0; i < shape.topK(); i++) {
            result.topIds().put(output * shape.topK() + i, logits == null ? POISON : order[i]);
            result.topLogits().put(output * shape.topK() + i, logits == null ? Float.NaN : logits[order[i]]);
        }
        result.logZ().put(output, logits == null ? Float.NaN : (float) ToyLanguage.logZ(logits));
    }

    private void writeLogits(FloatBuffer into, int offset, float[] logits) {
        for (int token = 0; token < shape.vocabulary(); token++) {
            into.put(offset + token, logits == null ? Float.NaN : logits[token]);
        }
    }

    private static void writeFeature(FloatBuffer features, int offset, Row row) {
        for (int i = 0; i < FEATURE_SIZE; i++) {
            features.put(offset + i, row == null ? Float.NaN : row.prefix() >>> 16 * i & 0xFFFF);
        }
        if (row != null && row.depth() > 0) {
            int last = offset + FEATURE_SIZE - 1;
            features.put(last, features.get(last) + 0x10000 * row.depth());
        }
    }

    /** The prefix that a feature row carries. */
    static long prefix(FloatBuffer features, int offset) {
        long prefix = 0;
        for (int i = 0; i < FEATURE_SIZE; i++) {
            prefix |= ((long) features.get(offset + i) & 0xFFFF) << 16 * i;
        }
        return prefix;
    }

    /** How many tokens of the prefix that a feature row carries the target has not confirmed. */
    static int depth(FloatBuffer features, int offset) {
        return (int) features.get(offset + FEATURE_SIZE - 1) >>> 16;
    }

    @Override
    public CompletionStage<StepResult> fetchLogits(StepResult result, int b, int r) {
        try {
            beforeFetch.run();
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        }
        if (closed || result != last || shape.vocabulary() == 0) {
            return CompletableFuture.failedFuture(new Misuse("logits of another step than the last one"));
        }
        fetches.incrementAndGet();
        FloatBuffer logits = result.bringLogits(b, r);
        writeLogits(logits, result.logitsOffset(b, r), outputsOf(lastOutputs[b * result.outputs() + r]));
        return CompletableFuture.completedFuture(result);
    }

    @Override
    public Optional<RowCopying> rowCopying() {
        return copies ? Optional.of(this::copy) : Optional.empty();
    }

    /** Whoever copies says that the rows are final: that they are one whole prefix is all that can be checked here. */
    private CompletionStage<Void> copy(int source, int slot, int rows) {
        try {
            require(running.compareAndSet(false, true), "rows copied in a step");
            beforeCopy.accept(source, rows);
            require(source != slot && rows > 0, "nothing to copy");
            require(coherent(source) >= rows, () -> rows + " rows of slot " + source + ", which are not a whole prefix");
            System.arraycopy(pool[source], 0, pool[slot], 0, rows);
            Arrays.fill(pool[slot], rows, pool[slot].length, null);
            coherent[slot] = 0;
            return CompletableFuture.completedFuture(null);
        } catch (Misuse e) {
            misuse = misuse == null ? e : misuse;
            return CompletableFuture.failedFuture(e);
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        } finally {
            running.set(false);
        }
    }

    @Override
    public void close() {
        closed = true;
    }

    static void require(boolean holds, String broken) {
        if (!holds) {
            throw new Misuse(broken);
        }
    }

    /** For what is asked often: the message is made when it is needed. */
    static void require(boolean holds, Supplier<String> broken) {
        if (!holds) {
            throw new Misuse(broken.get());
        }
    }

    abstract ToyLanguage language();

    /** Puts what the window holds before its new rows there; returns the column of the first new row. */
    abstract int fillWindow(StepRequest request, int b, Row[] rows, int start, Row[] window);

    /** Whether a row was read in the prefix that ends with another, which is null at the beginning. */
    abstract boolean follows(Row row, Row parent);

    /** The prefix that ends with a new row's token. */
    abstract long read(StepRequest request, int index, int token, Row parent);

    /** The depth of a new row. */
    int depth(StepRequest request, int index) {
        return 0;
    }

    /** Logits, or a draft's log-probabilities, of the token after a row. */
    abstract float[] outputs(Row row);

    /** Whether every step brings its full logits. */
    abstract boolean bringsLogits();
}

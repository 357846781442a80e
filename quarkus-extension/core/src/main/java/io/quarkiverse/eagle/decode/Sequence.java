package io.quarkiverse.eagle.decode;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongSupplier;

import io.quarkiverse.eagle.Acceptance;
import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.Priority;
import io.quarkiverse.eagle.TreeBudget;
import io.quarkiverse.eagle.draft.Draftable;
import io.quarkiverse.eagle.draft.Drafter;
import io.quarkiverse.eagle.engine.EngineShape;
import io.quarkiverse.eagle.engine.StepResult;
import io.quarkiverse.eagle.grammar.GrammarState;
import io.quarkiverse.eagle.sampling.TokenSampler;
import io.quarkiverse.eagle.text.IncrementalDetokenizer;
import io.quarkiverse.eagle.text.StopMatcher;
import io.quarkiverse.eagle.tools.ToolCallFinder;
import io.quarkiverse.eagle.tree.DraftTree;
import io.quarkiverse.eagle.tree.DraftedChain;

/**
 * One running generation: its tokens, its rows in the target's pool, its text. Belongs to the decode loop's thread; only
 * {@link TokenStream} is shared with others.
 */
final class Sequence implements Draftable, AdmissionQueue.Request {

    /** What is longer is for ever. */
    static final Duration LONGEST_TIME = Duration.ofNanos(Long.MAX_VALUE);

    private final GenerationOptions options;
    private final long seed;
    private Drafter drafter;
    private final TokenSampler sampler;
    /** What the draft draws by itself; null where draws are coupled, or there are none. */
    private final DraftedChain chain;
    private final IncrementalDetokenizer detokenizer;
    private final StopMatcher stops;
    /** Null when no tools are offered. */
    private final ToolCallFinder tools;
    private final TokenStream stream;
    private final Idleness idleness;
    private final CycleListener cycles;
    private final int promptLength;
    private final String tenant;
    private final Priority priority;
    private final int lengthLimit;
    /** Nodes that fit a step beside the root. */
    private int stepNodes;
    private final StringBuilder text = new StringBuilder();
    private final DraftTree tree = new DraftTree();
    private final LongSupplier clock;
    private final long submittedAt;
    private final long deadlineNanos;

    /** What the draft drew awaits its verification. */
    private boolean drawn;
    /** The tree is that of the next cycle. */
    private boolean proposed;
    private int[] tokens;
    private int length;
    private int slot = -1;
    /** Tokens that the target has to read before it decodes, counted when the slot was entered. */
    private int toRead;
    /** How many of them it has read. */
    private int prefilled;
    /** Final rows of the slot in the target's pool. */
    private int finalRows;
    /** Rows of the slot up to the last one that is final or to be kept. */
    private int usedRows;
    private final int[] keep = new int[DraftTree.MAX_NODES + 1];
    private int keepCount;
    private int cycleCount;
    /** Tokens of the prompt that a slot still held when the sequence started. */
    private int cachedTokens;
    /** Losses of the engine in steps of this sequence since its last token. */
    private int replays;
    private long startedAt;
    private long firstTokenAt;
    private boolean finished;
    /** Never goes to another loop. */
    private boolean pinned;

    /** @param clock nanoseconds, the decode loop's */
    Sequence(int[] prompt, GenerationOptions options, long seed, Drafter drafter, TokenSampler sampler,
            IncrementalDetokenizer detokenizer, StopMatcher stops, ToolCallFinder tools, TokenStream stream,
            CycleListener cycles, EngineShape shape, LongSupplier clock, String tenant, Priority priority) {
        this.tools = tools;
        this.tenant = tenant;
        this.priority = priority;
        this.clock = clock;
        this.submittedAt = clock.getAsLong();
        this.options = options;
        this.seed = seed;
        this.drafter = drafter;
        this.sampler = sampler;
        this.chain = options.acceptance() == Acceptance.REJECTION && !options.greedy() ? new DraftedChain(sampler) : null;
        this.detokenizer = detokenizer;
        this.stops = stops;
        this.stream = stream;
        this.idleness = new Idleness(stream);
        this.cycles = cycles;
        this.promptLength = prompt.length;
        this.stepNodes = stepNodes(shape);
        this.lengthLimit = (int) Math.min(shape.maxLength(), (long) prompt.length + options.maxTokens());
        this.tokens = Arrays.copyOf(prompt, Math.min(lengthLimit, prompt.length + 256));
        this.length = prompt.length;
        this.deadlineNanos = options.deadline() == null || options.deadline().compareTo(LONGEST_TIME) > 0 ? Long.MAX_VALUE
                : options.deadline().toNanos();
        sampler.observePrompt(prompt, 0, prompt.length);
    }

    private static int stepNodes(EngineShape shape) {
        return Math.min(DraftTree.MAX_NODES, shape.maxRows() - 1);
    }

    /**
     * Goes on, with the next slot that it enters, on other engines of the same bundle. Its rows stay behind.
     *
     * @param other the drafter of the same name there
     * @param shape the target's there
     */
    void moveTo(Drafter other, EngineShape shape) {
        drafter = other;
        stepNodes = stepNodes(shape);
    }

    /** It is about its engines, and is not to go on at others. */
    void pin() {
        pinned = true;
    }

    boolean isPinned() {
        return pinned;
    }

    /** Whether it had a slot at some time. */
    boolean wasAdmitted() {
        return slot >= 0;
    }

    GenerationOptions options() {
        return options;
    }

    Drafter drafter() {
        return drafter;
    }

    TokenSampler sampler() {
        return sampler;
    }

    TokenStream stream() {
        return stream;
    }

    CycleListener cycles() {
        return cycles;
    }

    /** Whose requests share cached prefixes, and are counted together; null for those that name nobody. */
    @Override
    public String tenant() {
        return tenant;
    }

    @Override
    public Priority priority() {
        return priority;
    }

    /** Tokens that the target reads before it decodes: the prompt, or all but the last after the slot was given away. */
    int tokensToRead() {
        return length == promptLength ? promptLength : length - 1;
    }

    /**
     * The sequence starts, or goes on, in a slot.
     *
     * @param heldRows leading rows of the slot that hold the sequence's own first tokens; the others are void
     */
    void enter(int newSlot, int heldRows) {
        enter(newSlot, heldRows, newSlot);
    }

    /**
     * The same with rows of another slot; {@link #prefilled} says how many of them have to be copied.
     *
     * @param source the slot that holds the rows
     */
    void enter(int newSlot, int heldRows, int source) {
        if (slot < 0) {
            startedAt = clock.getAsLong();
        }
        slot = newSlot;
        toRead = tokensToRead();
        prefilled = source == newSlot ? drafter.begin(this, heldRows) : drafter.begin(this, heldRows, source);
        finalRows = prefilled;
        usedRows = prefilled;
        keepCount = 0;
        proposed = false;
        if (length == promptLength) {
            cachedTokens = prefilled;
        }
    }

    /** How many of its first rows, which a slot holds, it would not have to read. */
    int takesOver(int holder, int rows) {
        return rows == 0 ? 0 : drafter.holds(holder, this, rows);
    }

    /**
     * The pool was lost: reads its tokens again, in the same slot.
     *
     * @param suspect whether it took part in the step that the engine was lost in
     */
    void replay(boolean suspect) {
        replays += suspect ? 1 : 0;
        enter(slot, 0);
    }

    /** How often the engine was lost in its steps since its last token. */
    int replays() {
        return replays;
    }

    @Override
    public int slot() {
        return slot;
    }

    @Override
    public int length() {
        return length;
    }

    @Override
    public int token(int index) {
        return tokens[index];
    }

    @Override
    public TreeBudget budget() {
        return options.budget();
    }

    @Override
    public int mostNodes() {
        return Math.min(stepNodes, Math.max(0, remaining() - 1));
    }

    @Override
    public GrammarState grammar() {
        return sampler.state();
    }

    @Override
    public Acceptance acceptance() {
        return chain == null ? Acceptance.COUPLED : Acceptance.REJECTION;
    }

    @Override
    public int draft(StepResult result, int b, int r, int[] drafted, int count) {
        return chain == null ? sampler.sampleAfter(drafted, count, result, b, r, (long) length + count)
                : chain.draw(result, b, r, length, drafted, count);
    }

    /** The chain that a draft drew by itself; null where draws are coupled. */
    DraftedChain chain() {
        return chain;
    }

    /**
     * Whether the tree is still to be verified: one that was proposed ahead, or that of an interrupted cycle. What a draft drew
     * by itself is not drawn again: another chain would end elsewhere, and the text of a seed would depend on the interruption.
     */
    boolean awaitsVerification() {
        return drawn || proposed;
    }

    /** The tree is to be verified next. */
    void proposed() {
        proposed = true;
        drawn = chain != null;
    }

    /** The tree was verified. */
    void verified() {
        proposed = false;
        drawn = false;
    }

    /** The pool was lost while the tree was verified; what follows the tokens decided so far is verified later. */
    void interrupted(int decided) {
        for (int i = 0; drawn && i < decided; i++) {
            drawn = i < tree.size() && tree.token(i) == tokens[length - decided + i];
        }
        if (drawn && decided > 0) {
            tree.descend(decided - 1);
            chain.decided(decided);
        }
    }

    @Override
    public DraftTree tree() {
        return tree;
    }

    int toRead() {
        return toRead;
    }

    int prefilled() {
        return prefilled;
    }

    boolean readsPrompt() {
        return prefilled < toRead;
    }

    /** The target has read so many more tokens. */
    void readPrompt(int count) {
        prefilled += count;
        finalRows = prefilled;
        usedRows = prefilled;
    }

    /** Tokens that may still come. */
    int remaining() {
        return lengthLimit - length;
    }

    int finalRows() {
        return finalRows;
    }

    int usedRows() {
        return usedRows;
    }

    int keepCount() {
        return keepCount;
    }

    int keepRow(int i) {
        return keep[i];
    }

    /** The consumer does not ask for what is there already; until it does, the sequence is left alone. */
    boolean isParked() {
        return stream.isFull();
    }

    Idleness idleness() {
        return idleness;
    }

    /** Tells the listener that it got its first slot. */
    void tellAdmitted() {
        if (cycles != null) {
            cycles.admitted(waited().toNanos(), cachedTokens);
        }
    }

    /** Tells the listener that its tokens are read again. */
    void tellReplayed(ReplayReason reason) {
        if (cycles != null) {
            cycles.replayed(reason);
        }
    }

    /** Time since it was submitted. */
    Duration waited() {
        return Duration.ofNanos(clock.getAsLong() - submittedAt);
    }

    boolean isPastDeadline() {
        return clock.getAsLong() - submittedAt > deadlineNanos;
    }

    /**
     * A verification step has kept the rows that were to be kept and written new ones.
     *
     * @param stepKeep rows that the step kept for every sequence; more than this sequence's leave a gap
     * @param accepted the step's rows of the accepted path, the root first
     */
    void verifiedRows(int stepKeep, int[] accepted, int count) {
        int base = finalRows + stepKeep;
        finalRows += keepCount;
        int contiguous = 0;
        if (stepKeep == keepCount) {
            while (contiguous < count && accepted[contiguous] == contiguous) {
                contiguous++;
            }
            finalRows += contiguous;
        }
        keepCount = 0;
        for (int i = contiguous; i < count; i++) {
            keep[keepCount++] = base + accepted[i];
        }
        usedRows = keepCount == 0 ? finalRows : keep[keepCount - 1] + 1;
        cycleCount++;
    }

    /**
     * Appends a token and hands it to the stream.
     *
     * @param row the output row that it was drawn at
     * @return false when the sequence is finished with it
     */
    boolean append(int token, StepResult result, int b, int row, boolean ends) {
        if (length == promptLength) {
            firstTokenAt = clock.getAsLong();
        }
        if (length == tokens.length) {
            tokens = Arrays.copyOf(tokens, Math.min(lengthLimit, 2 * tokens.length));
        }
        tokens[length++] = token;
        replays = 0;
        String piece = ends ? finishText() : stops.push(detokenizer.push(token));
        boolean full = length >= lengthLimit;
        if (full && !ends) {
            piece += finishText();
        }
        FinishReason reason = ends || stops.stopped() ? FinishReason.STOP : full ? FinishReason.LENGTH : null;
        piece = withoutCalls(piece, reason != null);
        text.append(piece);
        float logprob = options.logprobs() > 0 ? sampler.logprob(result, b, row, token) : Float.NaN;
        emit(token, piece, logprob, alternatives(result, b, row), reason);
        return reason == null;
    }

    private String finishText() {
        return stops.push(detokenizer.finish()) + stops.finish();
    }

    private String withoutCalls(String piece, boolean last) {
        if (tools == null) {
            return piece;
        }
        String certain = tools.push(piece);
        return last ? certain + tools.finish() : certain;
    }

    private List<GeneratedToken.Alternative> alternatives(StepResult result, int b, int row) {
        if (options.logprobs() == 0) {
            return List.of();
        }
        List<GeneratedToken.Alternative> best = new ArrayList<>();
        for (int i = 0; i < Math.min(options.logprobs(), result.shape().topK()); i++) {
            best.add(new GeneratedToken.Alternative(result.topId(b, row, i),
                    result.topLogit(b, row, i) - result.logZ(b, row)));
        }
        return best;
    }

    private void emit(int token, String piece, float logprob, List<GeneratedToken.Alternative> alternatives,
            FinishReason reason) {
        GenerationResult result = reason == null ? null : result(reason);
        stream.emit(new GeneratedToken(length - promptLength - 1, token, piece, logprob, alternatives, result));
        if (reason != null) {
            finished = true;
            stream.complete();
        }
    }

    /** Ends the generation between cycles, for a reason that no token gives. */
    void end(FinishReason reason) {
        String piece = withoutCalls(finishText(), true);
        text.append(piece);
        finished = true;
        stream.emit(new GeneratedToken(length - promptLength, -1, piece, Float.NaN, List.of(), result(reason)));
        stream.complete();
    }

    /** Ends the generation with an error of its own. */
    void fail(Throwable reason) {
        finished = true;
        stream.fail(reason);
    }

    boolean isFinished() {
        return finished;
    }

    private GenerationResult result(FinishReason reason) {
        long now = slot < 0 ? startedAt : clock.getAsLong();
        long first = firstTokenAt == 0 ? now : firstTokenAt;
        return new GenerationResult(text.toString(), Arrays.copyOfRange(tokens, promptLength, length), reason,
                drafter.name(), promptLength, cachedTokens, cycleCount, Duration.ofNanos(now - startedAt),
                Duration.ofNanos(first - startedAt), seed, tools == null ? List.of() : tools.calls());
    }
}

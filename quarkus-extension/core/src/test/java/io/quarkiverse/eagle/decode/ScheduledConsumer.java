package io.quarkiverse.eagle.decode;

import static io.quarkiverse.eagle.decode.ScheduleRun.require;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.Flow;
import java.util.function.Predicate;

import io.quarkiverse.eagle.FinishReason;
import io.quarkiverse.eagle.GeneratedToken;
import io.quarkiverse.eagle.GenerationOptions;
import io.quarkiverse.eagle.GenerationResult;
import io.quarkiverse.eagle.OverloadedException;
import io.quarkiverse.eagle.toy.VirtualClock;
import io.quarkiverse.eagle.tree.DraftTree;

/** One request of a {@link ScheduleRun} and who reads its answer, by a plan; checks what reaches him at once. */
final class ScheduledConsumer implements Flow.Subscriber<GeneratedToken> {

    private static final long MILLI = 1_000_000;
    /** Everybody asks for all that is left by then, so that every run ends. */
    private static final long PATIENCE = 20_000 * MILLI;

    /** What plain decoding would answer. */
    interface Expectation {
        int[] answer(int[] prompt, GenerationOptions options);
    }

    /** How a consumer asks. */
    private enum Habit {
        EVERYTHING,
        ONE_BY_ONE,
        IN_PORTIONS,
        COMES_BACK,
        LEAVES_AT_A_TIME,
        LEAVES_AFTER_SOME
    }

    private final int number;
    private final int[] prompt;
    private final GenerationOptions options;
    private final String tenant;
    private final int[] expected;
    private final int[] received;
    private Habit habit;
    private int leavesAfter = Integer.MAX_VALUE;
    private Sequence sequence;
    private Flow.Subscription subscription;
    private long requested;
    private int count;
    private boolean cancelled;
    private boolean completed;
    private Throwable failure;
    private GenerationResult result;
    private boolean inside;
    private boolean wasFull;
    private int lengthBefore = -1;
    private int leftOut;
    private boolean overdue;

    ScheduledConsumer(int number, int[] prompt, String tenant, GenerationOptions options, Expectation expectation) {
        this.tenant = tenant;
        this.number = number;
        this.prompt = prompt;
        this.options = options;
        this.expected = expectation.answer(prompt, options);
        this.received = new int[expected.length];
    }

    GenerationOptions options() {
        return options;
    }

    Sequence sequence() {
        return sequence;
    }

    /** Plans when he asks for how much after his request at a moment, and when he leaves. */
    void plan(VirtualClock clock, long at, SplittableRandom random) {
        habit = Habit.values()[random.nextInt(Habit.values().length)];
        long later = at + random.nextInt(1, 1000) * MILLI;
        switch (habit) {
            case EVERYTHING -> clock.after(at, () -> ask(Long.MAX_VALUE));
            case ONE_BY_ONE -> clock.after(at, () -> ask(1));
            case IN_PORTIONS -> {
                for (int i = 0; i < 6; i++) {
                    int portion = random.nextInt(1, 60);
                    clock.after(at + random.nextInt(2000) * MILLI, () -> ask(portion));
                }
            }
            case COMES_BACK -> clock.after(later + random.nextInt(4000) * MILLI, () -> ask(Long.MAX_VALUE));
            case LEAVES_AT_A_TIME -> {
                int first = random.nextInt(1, 100);
                clock.after(at, () -> ask(first));
                clock.after(later, this::leave);
            }
            case LEAVES_AFTER_SOME -> {
                leavesAfter = random.nextInt(1, 30);
                clock.after(at, () -> ask(Long.MAX_VALUE));
            }
        }
        clock.after(at + PATIENCE, () -> ask(Long.MAX_VALUE));
    }

    /** The request was taken; null when it was refused. */
    void watch(Sequence own) {
        sequence = own;
    }

    private void ask(long n) {
        if (subscription != null && !cancelled) {
            requested = requested + n < 0 ? Long.MAX_VALUE : requested + n;
            subscription.request(n);
        }
    }

    private void leave() {
        if (subscription != null) {
            cancelled = true;
            subscription.cancel();
        }
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
        subscription = given;
    }

    @Override
    public void onNext(GeneratedToken token) {
        enter("onNext");
        require(count < requested, () -> this + " asked for " + requested + " and gets more");
        require(token.index() == count, () -> this + " gets token " + token.index() + " as number " + count);
        require(result == null, () -> this + " gets a token after the last one");
        result = token.result();
        if (token.id() < 0) {
            requireEqual(result.finishReason(), FinishReason.DEADLINE, "the reason of an end without a token");
        } else {
            require(count < expected.length && token.id() == expected[count], () -> this + " gets token " + token.id()
                    + " at place " + count + ", plain decoding says "
                    + (count < expected.length ? expected[count] : "nothing"));
            received[count] = token.id();
        }
        count++;
        if (count == leavesAfter) {
            leave();
        } else if (habit == Habit.ONE_BY_ONE) {
            ask(1);
        }
        inside = false;
    }

    @Override
    public void onError(Throwable reason) {
        enter("onError");
        failure = reason;
        inside = false;
    }

    @Override
    public void onComplete() {
        enter("onComplete");
        completed = true;
        inside = false;
    }

    private void enter(String signal) {
        require(!inside, () -> signal + " inside another signal to " + this);
        require(!completed && failure == null, () -> signal + " after the end of " + this);
        inside = true;
    }

    private void requireEqual(Object found, Object wanted, String what) {
        require(wanted.equals(found), () -> what + " of " + this + " is " + found + ", not " + wanted);
    }

    /** Whether the loop still has something to do for him. */
    boolean isPresent() {
        return sequence != null && !sequence.isFinished() && !sequence.stream().isCancelled();
    }

    void beforeTurn() {
        wasFull |= sequence.stream().isFull();
        overdue = sequence.isPastDeadline();
        lengthBefore = sequence.slot() >= 0 && !sequence.readsPrompt() && !wasFull ? sequence.length() : -1;
    }

    /** Who was overdue before a turn is gone after it. */
    void checkDeadline() {
        require(!overdue || !isPresent(), () -> this + " is overdue");
    }

    /**
     * Who could decode has decoded.
     *
     * @param most turns in succession that he may be left out of
     */
    void afterTurn(int most) {
        boolean could = lengthBefore >= 0 && isPresent() && !wasFull;
        leftOut = could && sequence.length() == lengthBefore ? leftOut + 1 : 0;
        require(leftOut <= most, () -> this + " was left out of " + leftOut + " turns");
    }

    /** What is true between any two turns. */
    void check() {
        if (sequence != null && !cancelled) {
            int waiting = sequence.length() - prompt.length - count;
            require(waiting <= TokenStream.CAPACITY + DraftTree.MAX_NODES, () -> waiting + " tokens wait for " + this);
        }
    }

    /**
     * The run is over, and the model is closed.
     *
     * @param refuses whether a request may have been refused
     * @param timesOut whether it may have waited too long
     * @param explains whether faults explain a failure
     * @param asked all requests
     */
    void checkEnd(boolean refuses, boolean timesOut, Predicate<Throwable> explains, List<ScheduledConsumer> asked) {
        if (cancelled) {
            return;
        }
        if (failure instanceof OverloadedException) {
            require(sequence == null ? refuses : timesOut && count == 0, () -> this + " was refused without need: " + failure);
            return;
        }
        if (failure != null) {
            require(explains.test(failure), () -> this + " failed without need: " + failure);
            return;
        }
        require(completed, () -> this + " never ended");
        require(result != null, () -> this + " ended without a result");
        boolean late = result.finishReason() == FinishReason.DEADLINE;
        int generated = late ? count - 1 : count;
        require(late ? options.deadline() != null : count == expected.length, () -> this + " ended after " + count + " of "
                + expected.length + " tokens, reason " + result.finishReason());
        require(Arrays.equals(result.tokenIds(), Arrays.copyOf(received, generated)), () -> this + " has another result");
        requireEqual(result.promptTokens(), prompt.length, "the length of the prompt");
        int known = asked.stream().filter(other -> other != this && Objects.equals(other.tenant, tenant))
                .mapToInt(other -> common(other)).max().orElse(0);
        require(result.cachedTokens() <= Math.min(known, prompt.length - 1), () -> this + " found "
                + result.cachedTokens() + " tokens of its prompt, and its tenant had asked for " + known);
        require(!result.timeToFirstToken().isNegative()
                && result.timeToFirstToken().compareTo(result.duration()) <= 0,
                () -> this + " had its first token after its last");
    }

    /** Tokens of this prompt that another request and its answer begin with. */
    private int common(ScheduledConsumer other) {
        int same = 0;
        while (same < prompt.length && same < other.prompt.length + other.expected.length
                && prompt[same] == (same < other.prompt.length ? other.prompt[same]
                        : other.expected[same - other.prompt.length])) {
            same++;
        }
        return same;
    }

    int received() {
        return count;
    }

    @Override
    public String toString() {
        return "request " + number + " (" + prompt.length + " tokens, " + habit + ", " + options.drafter() + ", budget "
                + options.budget() + ", " + count + " of " + expected.length + " received, " + requested + " asked for"
                + (cancelled ? ", left" : "") + (sequence == null ? ", refused"
                        : ", length " + sequence.length() + ", slot "
                                + sequence.slot())
                + ")";
    }
}

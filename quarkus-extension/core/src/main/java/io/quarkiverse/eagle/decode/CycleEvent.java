package io.quarkiverse.eagle.decode;

import io.quarkiverse.eagle.tree.DraftTree;
import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** A draft-verify cycle of one sequence in a Java Flight Recorder recording. */
@Name(CycleEvent.NAME)
@Label("Draft-Verify Cycle")
@Category("EAGLE")
@Description("What one cycle proposed and brought a sequence, and the sequence's share of its time")
@StackTrace(false)
final class CycleEvent extends Event {

    static final String NAME = "io.quarkiverse.eagle.Cycle";

    /** Knows whether somebody records; never committed. */
    private static final CycleEvent PROBE = new CycleEvent();

    @Label("Model")
    String model;

    @Label("Drafter")
    String drafter;

    @Label("Slot")
    int slot;

    @Label("Nodes")
    @Description("Nodes of the draft tree")
    int nodes;

    @Label("Candidates")
    @Description("Candidates that the nodes were chosen from")
    int candidates;

    @Label("Accepted")
    @Description("Nodes that the target took")
    int accepted;

    @Label("Tokens")
    @Description("Tokens that the cycle brought: the accepted ones, and the target's own")
    int tokens;

    @Label("Draft")
    @Timespan
    long draft;

    @Label("Verify")
    @Timespan
    long verify;

    @Label("Host")
    @Description("Everything else since the cycle before: choosing, sampling, emitting")
    @Timespan
    long host;

    /**
     * Records a cycle where somebody records; costs and allocates nothing else.
     *
     * @param tokens that the cycle brought, the target's own included
     * @param draft nanoseconds, as {@code verify} and {@code host}
     */
    static void record(String model, Sequence sequence, int tokens, long draft, long verify, long host) {
        if (!PROBE.isEnabled()) {
            return;
        }
        DraftTree tree = sequence.tree();
        CycleEvent event = new CycleEvent();
        event.model = model;
        event.drafter = sequence.drafter().name();
        event.slot = sequence.slot();
        event.nodes = tree.size();
        event.candidates = tree.candidates();
        event.accepted = tokens - 1;
        event.tokens = tokens;
        event.draft = draft;
        event.verify = verify;
        event.host = host;
        event.commit();
    }
}

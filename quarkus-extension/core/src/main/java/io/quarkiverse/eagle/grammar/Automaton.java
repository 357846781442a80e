package io.quarkiverse.eagle.grammar;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import io.quarkiverse.eagle.InvalidRequestException;

/**
 * A pushdown automaton over bytes: places joined by edges, of which some call a rule and go on at another place when it
 * returns. Made of rules whose right-hand sides are {@link Form}s. Every place leads to an end, and no rule begins with itself.
 * Immutable.
 */
final class Automaton {

    /** What a place does. */
    enum Kind {
        /** Reads one byte and goes on. */
        BYTE,
        /** Goes on at several places. */
        SPLIT,
        /** Calls a rule and goes on when it returns. */
        CALL,
        /** Ends the rule. */
        RETURN
    }

    /** The place at which every rule ends. */
    static final int RETURN = 0;

    private final Kind[] kinds;
    private final int[] nexts;
    private final ByteSet[] sets;
    private final int[][] splits;
    private final int[] rules;
    private final int[] starts;
    private final int root;

    private Automaton(Builder builder, int root) {
        int size = builder.places.size();
        this.root = root;
        this.starts = Arrays.copyOf(builder.starts, builder.ruleCount);
        this.kinds = new Kind[size];
        this.nexts = new int[size];
        this.sets = new ByteSet[size];
        this.splits = new int[size][];
        this.rules = new int[size];
        for (int i = 0; i < size; i++) {
            Place place = builder.places.get(i);
            kinds[i] = place.kind;
            nexts[i] = place.next;
            sets[i] = place.set;
            splits[i] = place.split;
            rules[i] = place.rule;
        }
    }

    Kind kind(int place) {
        return kinds[place];
    }

    /** Where a byte or a returned call leads. */
    int next(int place) {
        return nexts[place];
    }

    ByteSet set(int place) {
        return sets[place];
    }

    int[] split(int place) {
        return splits[place];
    }

    /** The first place of the rule that a place calls. */
    int called(int place) {
        return starts[rules[place]];
    }

    /** The first place of the whole language. */
    int start() {
        return starts[root];
    }

    private static final class Place {
        private final Kind kind;
        private int next;
        private ByteSet set;
        private int[] split;
        private int rule = -1;

        Place(Kind kind) {
            this.kind = kind;
        }
    }

    /** Takes rules, which may call each other before they are defined. */
    static final class Builder {

        /** So many places that a request which needs more is a mistake, or an attack. */
        private static final int MOST_PLACES = 200_000;

        private final List<Place> places = new ArrayList<>(List.of(new Place(Kind.RETURN)));
        private final Map<Form, Integer> shared = new HashMap<>();
        private int[] starts = new int[16];
        private int ruleCount;

        /** A new rule; it must be defined before the automaton is built. */
        int declare() {
            if (ruleCount == starts.length) {
                starts = Arrays.copyOf(starts, 2 * ruleCount);
            }
            starts[ruleCount] = -1;
            return ruleCount++;
        }

        void define(int rule, Form form) {
            starts[rule] = entry(form, RETURN);
        }

        /** A rule of its own for a form that is used again and again. */
        Form share(Form form) {
            Integer known = shared.get(form);
            if (known == null) {
                known = declare();
                shared.put(form, known);
                define(known, form);
            }
            return new Form.Call(known);
        }

        /** @throws InvalidRequestException some rule has no end, or begins with itself */
        Automaton build(int root) {
            requireBytesBeforeRecursion();
            requireEnds();
            return new Automaton(this, root);
        }

        /** The first place of a form after which the automaton goes on at {@code next}. */
        private int entry(Form form, int next) {
            if (form instanceof Form.OneByte one) {
                Place place = place(Kind.BYTE);
                place.set = one.set();
                place.next = next;
                return places.size() - 1;
            }
            if (form instanceof Form.Call call) {
                Place place = place(Kind.CALL);
                place.rule = call.rule();
                place.next = next;
                return places.size() - 1;
            }
            if (form instanceof Form.Sequence sequence) {
                int entry = next;
                for (int i = sequence.parts().size() - 1; i >= 0; i--) {
                    entry = entry(sequence.parts().get(i), entry);
                }
                return entry;
            }
            if (form instanceof Form.Choice choice) {
                return split(choice.alternatives().stream().mapToInt(alternative -> entry(alternative, next)).toArray());
            }
            return repeat((Form.Repeat) form, next);
        }

        private int repeat(Form.Repeat repeat, int next) {
            int entry = next;
            if (repeat.most() == Form.ANY_NUMBER) {
                entry = split(next, next);
                places.get(entry).split[0] = entry(repeat.part(), entry);
            } else {
                for (int i = repeat.least(); i < repeat.most(); i++) {
                    entry = split(entry(repeat.part(), entry), next);
                }
            }
            for (int i = 0; i < repeat.least(); i++) {
                entry = entry(repeat.part(), entry);
            }
            return entry;
        }

        private int split(int... alternatives) {
            place(Kind.SPLIT).split = alternatives;
            return places.size() - 1;
        }

        private Place place(Kind kind) {
            if (places.size() == MOST_PLACES) {
                throw new InvalidRequestException("the schema is too large: its automaton has more than " + MOST_PLACES
                        + " places; lower its counts or divide it");
            }
            Place place = new Place(kind);
            places.add(place);
            return place;
        }

        private void requireEnds() {
            boolean[] ends = new boolean[places.size()];
            ends[RETURN] = true;
            boolean grew = true;
            while (grew) {
                grew = false;
                for (int i = 0; i < ends.length; i++) {
                    if (!ends[i] && reachesEnd(places.get(i), ends)) {
                        ends[i] = true;
                        grew = true;
                    }
                }
            }
            for (boolean place : ends) {
                if (!place) {
                    throw new InvalidRequestException("the schema describes a part that can never end, because it always"
                            + " contains itself; make the recursive property optional or nullable");
                }
            }
        }

        private boolean reachesEnd(Place place, boolean[] ends) {
            return switch (place.kind) {
                case BYTE -> ends[place.next];
                case CALL -> ends[place.next] && ends[starts[place.rule]];
                case SPLIT -> Arrays.stream(place.split).anyMatch(alternative -> ends[alternative]);
                case RETURN -> true;
            };
        }

        private void requireBytesBeforeRecursion() {
            int[] marks = new int[ruleCount];
            for (int rule = 0; rule < ruleCount; rule++) {
                visit(rule, marks);
            }
        }

        /** Marks are 1 on the way down and 2 when a rule is known to be sound. */
        private void visit(int rule, int[] marks) {
            if (marks[rule] == 2) {
                return;
            }
            if (marks[rule] == 1) {
                throw new InvalidRequestException("the schema has a $ref that leads back to itself without anything between;"
                        + " let it describe something");
            }
            marks[rule] = 1;
            for (int called : calledFirst(rule)) {
                visit(called, marks);
            }
            marks[rule] = 2;
        }

        private List<Integer> calledFirst(int rule) {
            List<Integer> called = new ArrayList<>();
            List<Integer> open = new ArrayList<>(List.of(starts[rule]));
            Set<Integer> seen = new HashSet<>();
            while (!open.isEmpty()) {
                int at = open.remove(open.size() - 1);
                if (!seen.add(at)) {
                    continue;
                }
                Place place = places.get(at);
                if (place.kind == Kind.CALL) {
                    called.add(place.rule); // rules read at least a byte: what follows the call does not come first
                } else if (place.kind == Kind.SPLIT) {
                    Arrays.stream(place.split).forEach(open::add);
                }
            }
            return called;
        }
    }
}

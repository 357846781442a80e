package io.quarkiverse.eagle.text;

import java.util.List;

/**
 * Finds stop strings in text that arrives in pieces. Gives out text as soon as it cannot be part of a stop string any more; of
 * several matches the one that begins first wins, and the text before it is all that is given out. Mutable, for one sequence.
 */
public final class StopMatcher {

    private final List<String> stops;
    private final StringBuilder held = new StringBuilder();
    private final int longest;
    private String matched;

    /** @param stops none of them empty; no stop strings let all text through */
    public StopMatcher(List<String> stops) {
        this.stops = List.copyOf(stops);
        this.longest = this.stops.stream().mapToInt(String::length).max().orElse(0);
        if (this.stops.contains("")) {
            throw new IllegalArgumentException("a stop string is empty; remove it");
        }
    }

    /** Takes the next piece; returns the text that became certain, which may be empty. After a match nothing comes any more. */
    public String push(String text) {
        if (matched != null) {
            return "";
        }
        held.append(text);
        int first = firstMatch();
        int open = firstOpen();
        if (first >= 0 && first <= open) {
            return stopAt(first);
        }
        String certain = held.substring(0, open);
        held.delete(0, open);
        return certain;
    }

    /** True when a stop string was met; {@link #matched()} says which. */
    public boolean stopped() {
        return matched != null;
    }

    /** The stop string that was met, the shortest of those that begin at the same place; null while there is none. */
    public String matched() {
        return matched;
    }

    /** No more text will come: gives out what was held back. */
    public String finish() {
        int first = matched == null ? firstMatch() : -1;
        if (first >= 0) {
            return stopAt(first);
        }
        String rest = held.toString();
        held.setLength(0);
        return rest;
    }

    private String stopAt(int position) {
        for (String stop : stops) {
            if (startsAt(stop, position) && (matched == null || stop.length() < matched.length())) {
                matched = stop;
            }
        }
        String before = held.substring(0, position);
        held.setLength(0);
        return before;
    }

    private int firstMatch() {
        int first = -1;
        for (String stop : stops) {
            int at = held.indexOf(stop);
            if (at >= 0 && (first < 0 || at < first)) {
                first = at;
            }
        }
        return first;
    }

    /** Where the first beginning of a stop string begins that the text's end cuts off; the text's length if there is none. */
    private int firstOpen() {
        for (int from = Math.max(0, held.length() - longest + 1); from < held.length(); from++) {
            for (String stop : stops) {
                if (stop.length() > held.length() - from && opensAt(stop, from)) {
                    return from;
                }
            }
        }
        return held.length();
    }

    private boolean opensAt(String stop, int from) {
        return stop.startsWith(held.substring(from));
    }

    private boolean startsAt(String stop, int from) {
        return held.indexOf(stop, from) == from;
    }
}

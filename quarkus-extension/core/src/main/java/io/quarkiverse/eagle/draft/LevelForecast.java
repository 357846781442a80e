package io.quarkiverse.eagle.draft;

/**
 * How many levels to expand of a tree that is drafted in one request, when nobody can ask after every level whether the next
 * one pays. Follows the depth at which trees drafted before should have stopped, one level at a time.
 */
final class LevelForecast {

    private static final int FIRST = 3;

    private final int most;
    private int levels;
    private int paying;
    private boolean stopped;

    /** @param most levels that may be expanded, at least 1 */
    LevelForecast(int most) {
        this.most = most;
        this.levels = Math.min(FIRST, most);
    }

    /** Levels of the next tree, 1 to the most. */
    int levels() {
        return levels;
    }

    /** A tree of so many levels was drafted. */
    void begin() {
        paying = 0;
        stopped = false;
    }

    /** Whether the level before this one has been found to pay, so that this one may. */
    boolean open() {
        return !stopped;
    }

    /** Whether the next level, from the first on, pays, by what was known before it; last of all the level after the tree. */
    void judge(boolean pays) {
        if (pays && !stopped) {
            paying++;
        } else {
            stopped = true;
        }
    }

    /** The next tree is a level deeper or flatter, towards what would have been right for this one. */
    void learn() {
        levels = Math.max(1, Math.min(most, levels + Integer.signum(paying - levels)));
    }
}

package io.quarkiverse.eagle.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;

import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.CharRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.StringLength;

class StopMatcherTest {

    @Property(tries = 3000, seed = "1")
    void givesTheTextBeforeTheEarliestStopStringHoweverTheTextIsCut(
            @ForAll @Size(max = 12) List<@StringLength(max = 4) @CharRange(from = 'a', to = 'c') String> pieces,
            @ForAll @Size(max = 3) List<@StringLength(min = 1, max = 4) @CharRange(from = 'a', to = 'c') String> stops) {
        StopMatcher matcher = new StopMatcher(stops);
        StringBuilder given = new StringBuilder();
        StringBuilder seen = new StringBuilder();
        for (String piece : pieces) {
            seen.append(piece);
            given.append(matcher.push(piece));
            assertThat(before(seen.toString(), stops)).startsWith(given);
            assertThat(given.length()).as("holds back no more than a stop string's beginning").isGreaterThanOrEqualTo(
                    matcher.stopped() ? 0 : seen.length() - stops.stream().mapToInt(String::length).max().orElse(0));
        }
        given.append(matcher.finish());
        String whole = String.join("", pieces);
        assertThat(given).hasToString(before(whole, stops));
        assertThat(matcher.stopped()).isEqualTo(stops.stream().anyMatch(whole::contains));
        if (matcher.stopped()) {
            assertThat(whole).startsWith(given + matcher.matched());
        }
    }

    private static String before(String text, List<String> stops) {
        int end = stops.stream().mapToInt(text::indexOf).filter(at -> at >= 0).min().orElse(text.length());
        return text.substring(0, end);
    }

    @Example
    void holdsBackWhatCouldBecomeAStopString() {
        StopMatcher matcher = new StopMatcher(List.of("###", "\nUser:"));
        assertThat(matcher.push("Hello #")).isEqualTo("Hello ");
        assertThat(matcher.push("1 ##")).isEqualTo("#1 ");
        assertThat(matcher.push("\nUs")).isEqualTo("##");
        assertThat(matcher.push("er: hi")).isEmpty();
        assertThat(matcher.stopped()).isTrue();
        assertThat(matcher.matched()).isEqualTo("\nUser:");
        assertThat(matcher.push("more")).isEmpty();
        assertThat(matcher.finish()).isEmpty();
    }

    @Example
    void letsAStopStringThatBeganEarlierFinish() {
        StopMatcher matcher = new StopMatcher(List.of("bc", "abcd"));
        assertThat(matcher.push("xabc")).isEqualTo("x");
        assertThat(matcher.stopped()).isFalse();
        assertThat(matcher.push("d")).isEmpty();
        assertThat(matcher.matched()).isEqualTo("abcd");
    }

    @Example
    void fallsBackToTheShorterMatchWhenTheLongerOneFailsOrTheTextEnds() {
        StopMatcher failed = new StopMatcher(List.of("bc", "abcd"));
        assertThat(failed.push("abc") + failed.push("x")).isEqualTo("a");
        assertThat(failed.matched()).isEqualTo("bc");
        StopMatcher ended = new StopMatcher(List.of("bc", "abcd"));
        assertThat(ended.push("abc") + ended.finish()).isEqualTo("a");
        assertThat(ended.stopped()).isTrue();
    }

    @Example
    void letsEverythingThroughWithoutStopStrings() {
        StopMatcher matcher = new StopMatcher(List.of());
        assertThat(matcher.push("abc")).isEqualTo("abc");
        assertThat(matcher.stopped()).isFalse();
    }

    @Example
    void refusesAnEmptyStopString() {
        assertThatThrownBy(() -> new StopMatcher(List.of(""))).isInstanceOf(IllegalArgumentException.class);
    }
}

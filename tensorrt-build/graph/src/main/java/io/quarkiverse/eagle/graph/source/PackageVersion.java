package io.quarkiverse.eagle.graph.source;

import java.util.Arrays;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A version of a Python package, ordered as PEP 440 says. */
final class PackageVersion implements Comparable<PackageVersion> {

    private static final Pattern FORM = Pattern.compile("v?(?:(\\d+)!)?(\\d+(?:\\.\\d+)*)"
            + "(?:[-_.]?(a|alpha|b|beta|c|rc|pre|preview)[-_.]?(\\d*))?"
            + "(?:-(\\d+)|[-_.]?(post|rev|r)[-_.]?(\\d*))?"
            + "(?:[-_.]?(dev)[-_.]?(\\d*))?(?:\\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?");
    private static final int FINAL = 4;

    private final long epoch;
    private final long[] release;
    /** Development release of nothing else 0, alpha 1, beta 2, candidate 3, final 4. */
    private final int stage;
    private final long stageNumber;
    private final long post;
    private final long development;

    private PackageVersion(Matcher form) {
        this.epoch = number(form.group(1), 0);
        long[] numbers = Arrays.stream(form.group(2).split("\\.")).mapToLong(Long::parseLong).toArray();
        int length = numbers.length;
        while (length > 1 && numbers[length - 1] == 0) {
            length--;
        }
        this.release = Arrays.copyOf(numbers, length);
        this.post = form.group(5) != null ? number(form.group(5), 0) : form.group(6) != null ? number(form.group(7), 0) : -1;
        this.development = form.group(8) != null ? number(form.group(9), 0) : Long.MAX_VALUE;
        this.stageNumber = number(form.group(4), 0);
        if (form.group(3) == null) {
            this.stage = post < 0 && isDevelopment() ? 0 : FINAL;
        } else {
            this.stage = form.group(3).startsWith("a") ? 1 : form.group(3).startsWith("b") ? 2 : 3;
        }
    }

    /** Null when the text is no version. */
    static PackageVersion parse(String text) {
        Matcher form = FORM.matcher(text.strip().toLowerCase(Locale.ROOT));
        return form.matches() ? new PackageVersion(form) : null;
    }

    boolean isPreRelease() {
        return stage < FINAL || isDevelopment();
    }

    private boolean isDevelopment() {
        return development != Long.MAX_VALUE;
    }

    private static long number(String digits, long otherwise) {
        return digits == null || digits.isEmpty() ? otherwise : Long.parseLong(digits);
    }

    @Override
    public int compareTo(PackageVersion other) {
        int order = Long.compare(epoch, other.epoch);
        order = order != 0 ? order : Arrays.compare(release, other.release);
        order = order != 0 ? order : Integer.compare(stage, other.stage);
        order = order != 0 ? order : Long.compare(stageNumber, other.stageNumber);
        order = order != 0 ? order : Long.compare(post, other.post);
        return order != 0 ? order : Long.compare(development, other.development);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof PackageVersion version && compareTo(version) == 0;
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(release);
    }
}

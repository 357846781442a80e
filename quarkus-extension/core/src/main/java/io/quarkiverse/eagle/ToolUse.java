package io.quarkiverse.eagle;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The tools that a request offers, and whether one must be called. Where one must, the answer is held to the form of a call
 * with
 * arguments of the tool's schema; where one may, the model is free, and whatever it writes in the form of a call of an offered
 * tool is taken as one.
 *
 * @param tools at least one, of different names
 * @param required whether the answer has to be one call
 * @param named the tool that has to be called, null for any
 */
public record ToolUse(List<Tool> tools, boolean required, String named) {

    public ToolUse {
        tools = List.copyOf(tools);
        if (tools.isEmpty()) {
            throw new InvalidRequestException("there are no tools to use; name at least one, or leave tools out");
        }
        Set<String> names = new HashSet<>();
        for (Tool tool : tools) {
            if (!names.add(tool.name())) {
                throw new InvalidRequestException("there are two tools \"" + tool.name() + "\"; give them different names");
            }
        }
        if (named != null && !names.contains(named)) {
            throw new InvalidRequestException("the tool \"" + named + "\" is to be called, but the tools are "
                    + String.join(", ", names));
        }
    }

    /** The model decides. */
    public static ToolUse offered(List<Tool> tools) {
        return new ToolUse(tools, false, null);
    }

    /** One of these has to be called. */
    public static ToolUse required(List<Tool> tools) {
        return new ToolUse(tools, true, null);
    }

    /** This one of them has to be called. */
    public static ToolUse named(List<Tool> tools, String name) {
        return new ToolUse(tools, true, name);
    }
}

package io.quarkiverse.eagle.text;

import java.beans.FeatureDescriptor;
import java.lang.reflect.Array;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;

import com.hubspot.jinjava.el.ext.JinjavaBeanELResolver;
import com.hubspot.jinjava.lib.exptest.ExpTest;
import com.hubspot.jinjava.lib.filter.Filter;
import com.hubspot.jinjava.util.ForLoop;

import jinjava.javax.el.ELContext;
import jinjava.javax.el.ELException;
import jinjava.javax.el.ELResolver;

/**
 * What a template can do with values: items of maps, elements of lists and strings, the loop's properties, and Python's usual
 * methods on strings and dictionaries. Nothing else is reachable, no Java property or method by reflection.
 */
final class TemplateValues extends ELResolver {

    private static final ELResolver LIBRARY = new JinjavaBeanELResolver(true);

    @Override
    public Object getValue(ELContext context, Object base, Object property) {
        if (base == null) {
            return null;
        }
        context.setPropertyResolved(true);
        if (base instanceof Map<?, ?> map) {
            return map.get(property);
        }
        if (base instanceof List<?> list) {
            int i = index(property, list.size());
            return i < 0 ? null : list.get(i);
        }
        if (base.getClass().isArray()) {
            int i = index(property, Array.getLength(base));
            return i < 0 ? null : Array.get(base, i);
        }
        if (base instanceof ForLoop loop) {
            return loopProperty(loop, String.valueOf(property));
        }
        if (base instanceof CharSequence text) {
            int[] characters = text.codePoints().toArray();
            int i = index(property, characters.length);
            return i < 0 ? null : Character.toString(characters[i]);
        }
        return null;
    }

    /** The position that a Python index means, -1 when there is none. */
    private static int index(Object property, int size) {
        try {
            int i = property instanceof Number n ? n.intValue() : Integer.parseInt(String.valueOf(property));
            int fromStart = i < 0 ? i + size : i;
            return fromStart < size ? fromStart : -1;
        } catch (NumberFormatException e) {
            return -1;
        }
    }

    private static Object loopProperty(ForLoop loop, String name) {
        return switch (name) {
            case "index" -> loop.getIndex();
            case "index0" -> loop.getIndex0();
            case "revindex" -> loop.getRevindex();
            case "revindex0" -> loop.getRevindex0();
            case "first" -> loop.isFirst();
            case "last" -> loop.isLast();
            case "length" -> loop.getLength();
            default -> throw new ELException("loop." + name + " is not supported");
        };
    }

    @Override
    public Object invoke(ELContext context, Object base, Object method, Class<?>[] types, Object[] arguments) {
        if (base instanceof Filter || base instanceof ExpTest) {
            return LIBRARY.invoke(context, base, method, types, arguments); // how Jinjava itself applies filters and tests
        }
        context.setPropertyResolved(true);
        String name = String.valueOf(method);
        Object[] given = arguments == null ? new Object[0] : arguments;
        if (base instanceof CharSequence) {
            return onString(base.toString(), name, given);
        }
        if (base instanceof Map<?, ?> map) {
            return onMap(map, name, given);
        }
        throw unknown(name, base);
    }

    private static Object onString(String text, String name, Object[] arguments) {
        return switch (name) {
            case "strip" -> strip(text, arguments, true, true);
            case "lstrip" -> strip(text, arguments, true, false);
            case "rstrip" -> strip(text, arguments, false, true);
            case "upper" -> text.toUpperCase(Locale.ROOT);
            case "lower" -> text.toLowerCase(Locale.ROOT);
            case "capitalize" -> text.isEmpty() ? text
                    : text.substring(0, 1).toUpperCase(Locale.ROOT) + text.substring(1).toLowerCase(Locale.ROOT);
            case "startswith" -> text.startsWith(argument(name, arguments, 0));
            case "endswith" -> text.endsWith(argument(name, arguments, 0));
            case "find" -> text.indexOf(argument(name, arguments, 0));
            case "replace" -> text.replace(argument(name, arguments, 0), argument(name, arguments, 1));
            case "split" -> split(text, arguments);
            default -> throw unknown(name, text);
        };
    }

    private static Object onMap(Map<?, ?> map, String name, Object[] arguments) {
        return switch (name) {
            case "get" -> map.containsKey(argument(name, arguments, 0)) ? map.get(argument(name, arguments, 0))
                    : arguments.length > 1 ? arguments[1] : null;
            case "keys" -> new ArrayList<>(map.keySet());
            case "values" -> new ArrayList<>(map.values());
            case "items" -> items(map);
            default -> throw unknown(name, map);
        };
    }

    static List<List<Object>> items(Map<?, ?> map) {
        List<List<Object>> items = new ArrayList<>();
        map.forEach((key, value) -> items.add(Arrays.asList(key, value)));
        return items;
    }

    private static String strip(String text, Object[] arguments, boolean left, boolean right) {
        String characters = arguments.length == 0 ? null : argument("strip", arguments, 0);
        int from = 0;
        int to = text.length();
        while (left && from < to && stripped(text.charAt(from), characters)) {
            from++;
        }
        while (right && to > from && stripped(text.charAt(to - 1), characters)) {
            to--;
        }
        return text.substring(from, to);
    }

    private static boolean stripped(char c, String characters) {
        if (characters != null) {
            return characters.indexOf(c) >= 0;
        }
        return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == '\u0085';
    }

    private static List<String> split(String text, Object[] arguments) {
        List<String> parts = new ArrayList<>();
        if (arguments.length == 0) {
            parts.addAll(Arrays.asList(text.strip().split("\\s+")));
            return parts;
        }
        String separator = argument("split", arguments, 0);
        long splits = arguments.length > 1 ? ((Number) arguments[1]).longValue() : -1;
        if (separator.isEmpty()) {
            throw new ELException("split('') has an empty separator");
        }
        int from = 0;
        int at;
        while (splits-- != 0 && (at = text.indexOf(separator, from)) >= 0) {
            parts.add(text.substring(from, at));
            from = at + separator.length();
        }
        parts.add(text.substring(from));
        return parts;
    }

    private static String argument(String method, Object[] arguments, int i) {
        if (i >= arguments.length || arguments[i] == null) {
            throw new ELException("argument " + (i + 1) + " of ." + method + "() is missing or undefined");
        }
        return String.valueOf(arguments[i]);
    }

    private static ELException unknown(String method, Object base) {
        String type = base instanceof CharSequence ? "a string" : base instanceof Map ? "a dictionary" : "this value";
        return new ELException("the method ." + method + "() of " + type + " is not supported");
    }

    @Override
    public void setValue(ELContext context, Object base, Object property, Object value) {
        throw new ELException("a template cannot change " + property);
    }

    @Override
    public boolean isReadOnly(ELContext context, Object base, Object property) {
        context.setPropertyResolved(true);
        return true;
    }

    @Override
    public Class<?> getType(ELContext context, Object base, Object property) {
        return Object.class;
    }

    @Override
    public Class<?> getCommonPropertyType(ELContext context, Object base) {
        return Object.class;
    }

    @Override
    public Iterator<FeatureDescriptor> getFeatureDescriptors(ELContext context, Object base) {
        return null;
    }
}

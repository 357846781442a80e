package io.quarkiverse.eagle.graph.checkpoint;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Typed access to the metadata of a GGUF file. */
final class GgufMetadata {

    private final String file;
    private final Map<String, Object> values = new LinkedHashMap<>();

    GgufMetadata(String file) {
        this.file = file;
    }

    void put(String key, Object value) {
        values.put(key, value);
    }

    boolean has(String key) {
        return values.containsKey(key);
    }

    String text(String key) {
        return required(key, text(key, null));
    }

    String text(String key, String otherwise) {
        return get(key, String.class, otherwise, "a text");
    }

    boolean flag(String key, boolean otherwise) {
        return get(key, Boolean.class, otherwise, "true or false");
    }

    long integer(String key, long otherwise) {
        return get(key, Long.class, otherwise, "a whole number");
    }

    /** A dimension or count: present, at least 1, at most what an int holds. */
    int size(String key) {
        return checkedSize(key, required(key, get(key, Long.class, null, "a whole number")));
    }

    int size(String key, int otherwise) {
        return checkedSize(key, integer(key, otherwise));
    }

    /** A size that newer files may give per layer; all layers must agree. */
    int sizeOfEveryLayer(String key, int otherwise) {
        if (!(values.get(key) instanceof List<?> perLayer)) {
            return size(key, otherwise);
        }
        if (perLayer.isEmpty() || perLayer.stream().distinct().count() > 1 || !(perLayer.get(0) instanceof Long)) {
            throw new CheckpointException(file + ": metadata " + key + " is " + perLayer
                    + "; expected one whole number for all layers");
        }
        return checkedSize(key, (Long) perLayer.get(0));
    }

    /** A number; a float32 is read as the shortest decimal that it stands for, as a configuration would have written it. */
    double number(String key, double otherwise) {
        Object value = values.get(key);
        if (value == null) {
            return otherwise;
        }
        if (value instanceof Number) {
            return Double.parseDouble(value.toString());
        }
        throw wrong(key, value, "a number");
    }

    double number(String key) {
        required(key, values.get(key));
        return number(key, 0);
    }

    String[] texts(String key) {
        return list(key, String.class, "texts").toArray(String[]::new);
    }

    int[] integers(String key) {
        return list(key, Long.class, "whole numbers").stream().mapToInt(value -> Math.toIntExact((Long) value)).toArray();
    }

    float[] floats(String key) {
        List<?> list = list(key, Float.class, "float32 numbers");
        float[] floats = new float[list.size()];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (Float) list.get(i);
        }
        return floats;
    }

    private List<?> list(String key, Class<?> element, String expected) {
        Object value = required(key, values.get(key));
        if (value instanceof List<?> list && list.stream().allMatch(element::isInstance)) {
            return list;
        }
        throw wrong(key, value instanceof List<?> ? "a list of something else" : value, "a list of " + expected);
    }

    private int checkedSize(String key, long value) {
        if (value < 1 || value > Integer.MAX_VALUE) {
            throw wrong(key, value, "at least 1");
        }
        return (int) value;
    }

    private <T> T get(String key, Class<T> type, T otherwise, String expected) {
        Object value = values.get(key);
        if (value == null) {
            return otherwise;
        }
        if (!type.isInstance(value)) {
            throw wrong(key, value, expected);
        }
        return type.cast(value);
    }

    private <T> T required(String key, T value) {
        if (value == null) {
            throw new CheckpointException(file + " has no metadata " + key);
        }
        return value;
    }

    private CheckpointException wrong(String key, Object found, String expected) {
        return new CheckpointException(file + ": metadata " + key + " is " + found + "; expected " + expected);
    }
}

package io.quarkiverse.eagle.graph.checkpoint;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;

/**
 * Reads the pickle of a PyTorch state dict, and nothing else. A pickle is a program; this interpreter knows only the
 * instructions that build dictionaries, lists, tuples, texts and numbers, and only those callables that describe a tensor,
 * which it turns into plain data. Anything else is refused by name, and nothing is ever called.
 */
final class StateDictPickle {

    /** What kind of numbers a storage holds. */
    enum StorageType {
        FloatStorage(FloatFormat.F32, 4),
        HalfStorage(FloatFormat.F16, 2),
        BFloat16Storage(FloatFormat.BF16, 2),
        DoubleStorage(null, 8),
        LongStorage(null, 8),
        IntStorage(null, 4),
        ShortStorage(null, 2),
        CharStorage(null, 1),
        ByteStorage(null, 1),
        BoolStorage(null, 1);

        /** Null when such elements are not read as floats. */
        final BlockFormat format;
        final int bytes;

        StorageType(BlockFormat format, int bytes) {
            this.format = format;
            this.bytes = bytes;
        }
    }

    /**
     * An entry of the archive that tensors view.
     *
     * @param key its name under {@code data/}
     */
    record Storage(StorageType type, String key, long elements) {
    }

    /** A view of a storage; offset and strides in elements. */
    record Tensor(Storage storage, long offset, long[] shape, long[] strides) {
    }

    private record Global(String name) {
    }

    private record Tuple(List<Object> items) {
    }

    private static final Object NONE = new Object() {
        @Override
        public String toString() {
            return "None";
        }
    };

    private static final String ORDERED_DICT = "collections.OrderedDict";
    private static final String TENSOR = "torch._utils._rebuild_tensor_v2";
    private static final String PARAMETER = "torch._utils._rebuild_parameter";

    private final String source;
    private final ByteBuffer in;
    private final Map<Integer, Object> memo = new HashMap<>();
    private final Deque<Object> stack = new ArrayDeque<>();
    private final Deque<Deque<Object>> marked = new ArrayDeque<>();

    private StateDictPickle(String source, ByteBuffer in) {
        this.source = source;
        this.in = in.order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * @param source the file, for messages
     * @return the tensors by name; dictionaries within the dictionary are refused
     */
    static Map<String, Tensor> read(String source, ByteBuffer pickle) {
        StateDictPickle reader = new StateDictPickle(source, pickle);
        Object root;
        try {
            root = reader.run();
        } catch (BufferUnderflowException | NoSuchElementException | ClassCastException | IllegalArgumentException
                | IndexOutOfBoundsException | NegativeArraySizeException e) {
            throw new CheckpointException(source + " is damaged: its data.pkl is not a whole state dict", e);
        }
        return reader.tensors(root);
    }

    private Map<String, Tensor> tensors(Object root) {
        if (!(root instanceof Map<?, ?> entries)) {
            throw new CheckpointException(source + " holds something other than a state dict; save model.state_dict()");
        }
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        entries.forEach((name, value) -> {
            if (!(name instanceof String text && value instanceof Tensor tensor)) {
                throw new CheckpointException(source + ": entry " + name
                        + " is not a tensor; save model.state_dict() by itself");
            }
            tensors.put(text, tensor);
        });
        return tensors;
    }

    private Object run() {
        while (true) {
            int opcode = in.get() & 0xff;
            if (opcode == '.') {
                return stack.pop();
            }
            step(opcode);
        }
    }

    private void step(int opcode) {
        switch (opcode) {
            case 0x80 -> in.get();
            case 0x95 -> in.getLong();
            case '(' -> mark();
            case '0' -> stack.pop();
            case 'N' -> stack.push(NONE);
            case 0x88 -> stack.push(true);
            case 0x89 -> stack.push(false);
            case 'J' -> stack.push((long) in.getInt());
            case 'K' -> stack.push((long) (in.get() & 0xff));
            case 'M' -> stack.push((long) (in.getShort() & 0xffff));
            case 0x8a -> stack.push(longNumber(in.get() & 0xff));
            case 'G' -> stack.push(bigEndianDouble());
            case 'X' -> stack.push(text(in.getInt()));
            case 0x8c -> stack.push(text(in.get() & 0xff));
            case '}' -> stack.push(new LinkedHashMap<>());
            case ']' -> stack.push(new ArrayList<>());
            case ')' -> stack.push(new Tuple(List.of()));
            case 't' -> stack.push(new Tuple(sinceMark()));
            case 0x85 -> stack.push(new Tuple(popped(1)));
            case 0x86 -> stack.push(new Tuple(popped(2)));
            case 0x87 -> stack.push(new Tuple(popped(3)));
            case 'a' -> append(popped(1));
            case 'e' -> append(sinceMark());
            case 's' -> put(popped(2));
            case 'u' -> put(sinceMark());
            case 'q' -> memo.put(in.get() & 0xff, stack.element());
            case 'r' -> memo.put(in.getInt(), stack.element());
            case 0x94 -> memo.put(memo.size(), stack.element());
            case 'h' -> recall(in.get() & 0xff);
            case 'j' -> recall(in.getInt());
            case 'c' -> stack.push(global(line() + "." + line()));
            case 0x93 -> stack.push(global(String.join(".", popped(2).toArray(String[]::new))));
            case 'Q' -> stack.push(storage((Tuple) stack.pop()));
            case 'R' -> reduce();
            case 'b' -> build();
            default -> throw refused(String.format("the instruction 0x%02x", opcode));
        }
    }

    private void mark() {
        marked.push(new ArrayDeque<>(stack));
        stack.clear();
    }

    private List<Object> sinceMark() {
        List<Object> items = popped(stack.size());
        stack.addAll(marked.pop());
        return items;
    }

    /** So many items from the stack, the deepest first. */
    private List<Object> popped(int count) {
        Object[] items = new Object[count];
        for (int i = count - 1; i >= 0; i--) {
            items[i] = stack.pop();
        }
        return List.of(items);
    }

    @SuppressWarnings("unchecked")
    private void append(List<Object> items) {
        ((List<Object>) stack.element()).addAll(items);
    }

    @SuppressWarnings("unchecked")
    private void put(List<Object> keysAndValues) {
        Map<Object, Object> map = (Map<Object, Object>) stack.element();
        for (int i = 0; i < keysAndValues.size(); i += 2) {
            map.put(keysAndValues.get(i), keysAndValues.get(i + 1));
        }
    }

    private void recall(int index) {
        Object value = memo.get(index);
        if (value == null) {
            throw new NoSuchElementException("memo " + index);
        }
        stack.push(value);
    }

    private Object global(String name) {
        boolean storage = name.startsWith("torch.") && storageType(name) != null;
        if (!storage && !name.equals(ORDERED_DICT) && !name.equals(TENSOR) && !name.equals(PARAMETER)) {
            throw refused(name);
        }
        return new Global(name);
    }

    private static StorageType storageType(String name) {
        for (StorageType type : StorageType.values()) {
            if (name.equals("torch." + type.name())) {
                return type;
            }
        }
        return null;
    }

    private Storage storage(Tuple id) {
        StorageType type = storageType(((Global) id.items().get(1)).name());
        if (!"storage".equals(id.items().get(0)) || type == null) {
            throw refused("the persistent id " + id.items().get(0));
        }
        return new Storage(type, (String) id.items().get(2), (Long) id.items().get(4));
    }

    private void reduce() {
        Tuple arguments = (Tuple) stack.pop();
        String callable = ((Global) stack.pop()).name();
        stack.push(switch (callable) {
            case ORDERED_DICT -> orderedDict(arguments.items());
            case TENSOR -> tensor(arguments.items());
            case PARAMETER -> (Tensor) arguments.items().get(0);
            default -> throw refused("a call of " + callable);
        });
    }

    private static Map<Object, Object> orderedDict(List<Object> arguments) {
        Map<Object, Object> map = new LinkedHashMap<>();
        if (!arguments.isEmpty()) {
            for (Object pair : (List<?>) arguments.get(0)) {
                List<?> items = pair instanceof Tuple tuple ? tuple.items() : (List<?>) pair;
                map.put(items.get(0), items.get(1));
            }
        }
        return map;
    }

    private static Tensor tensor(List<Object> arguments) {
        return new Tensor((Storage) arguments.get(0), (Long) arguments.get(1), longs((Tuple) arguments.get(2)),
                longs((Tuple) arguments.get(3)));
    }

    /** Attributes of the dictionary itself, such as the versions of modules, say nothing about tensors. */
    private void build() {
        stack.pop();
        if (!(stack.element() instanceof Map)) {
            throw refused("attributes of something other than a dictionary");
        }
    }

    private static long[] longs(Tuple tuple) {
        return tuple.items().stream().mapToLong(Long.class::cast).toArray();
    }

    private long longNumber(int bytes) {
        if (bytes > Long.BYTES) {
            throw new IllegalArgumentException("a number of " + bytes + " bytes");
        }
        long value = 0;
        for (int i = 0; i < bytes; i++) {
            long next = in.get();
            boolean last = i == bytes - 1;
            value |= (last ? next : next & 0xff) << 8 * i;
        }
        return value;
    }

    private double bigEndianDouble() {
        return Double.longBitsToDouble(Long.reverseBytes(in.getLong()));
    }

    private String text(int length) {
        if (length > in.remaining()) {
            throw new BufferUnderflowException();
        }
        byte[] bytes = new byte[length];
        in.get(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private String line() {
        StringBuilder line = new StringBuilder();
        for (byte next = in.get(); next != '\n'; next = in.get()) {
            line.append((char) (next & 0xff));
        }
        return line.toString();
    }

    private CheckpointException refused(String what) {
        return new CheckpointException(source + " asks for " + what
                + ", which a state dict of tensors does not need; it was not run"
                + ". Convert the checkpoint to safetensors if you trust it");
    }
}

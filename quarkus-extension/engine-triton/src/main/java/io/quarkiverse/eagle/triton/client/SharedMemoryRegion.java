package io.quarkiverse.eagle.triton.client;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.UUID;

import io.grpc.Status.Code;

/**
 * System shared memory for the tensors of a server on the same machine, under the same user: both sides map the same pages, and
 * a request only names them. Register it with {@link TritonConnection#register}. A server may read or write it until it has
 * answered; after a request whose answer never came, use a new region.
 */
public final class SharedMemoryRegion implements AutoCloseable {

    private static final Path FOLDER = Path.of("/dev/shm");

    private final String name;
    private final Path file;
    private final MappedByteBuffer memory;

    private SharedMemoryRegion(String name, Path file, MappedByteBuffer memory) {
        this.name = name;
        this.file = file;
        this.memory = memory;
    }

    /**
     * Makes a region that only this user can open.
     *
     * @param prefix how its name begins; the rest is random
     * @param bytes its size
     * @throws TritonException when the machine has no room for it, or no system shared memory
     */
    public static SharedMemoryRegion create(String prefix, int bytes) {
        String name = prefix + "-" + UUID.randomUUID();
        Path file = FOLDER.resolve(name);
        try (FileChannel channel = FileChannel.open(file,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
            MappedByteBuffer memory = channel.map(FileChannel.MapMode.READ_WRITE, 0, bytes);
            return new SharedMemoryRegion(name, file, memory);
        } catch (IOException | UnsupportedOperationException e) {
            throw new TritonException(Code.FAILED_PRECONDITION, "no shared memory of " + bytes + " bytes can be made at " + file
                    + ": " + e.getMessage() + ". Send tensors in messages instead, or give the machine a larger /dev/shm",
                    false,
                    e);
        }
    }

    /** Name that requests know it by. */
    public String name() {
        return name;
    }

    /** Name that the server opens it by. */
    String key() {
        return "/" + name;
    }

    public int size() {
        return memory.capacity();
    }

    /** A part of the memory, little-endian as the protocol wants it. */
    public ByteBuffer slice(int offset, int bytes) {
        return memory.slice(offset, bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Takes its name away; the pages go when the last map of them is garbage. */
    @Override
    public void close() {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new TritonException(Code.INTERNAL, "shared memory " + file + " cannot be deleted: " + e.getMessage(), false,
                    e);
        }
    }
}

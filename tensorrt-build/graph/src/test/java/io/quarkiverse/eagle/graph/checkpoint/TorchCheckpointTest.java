package io.quarkiverse.eagle.graph.checkpoint;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The resources were written by CPython's pickle in the layout of torch.save. */
class TorchCheckpointTest {

    private static final int STORED = ZipEntry.STORED;

    @TempDir
    Path folder;

    private Path resource(String name) throws IOException {
        try (InputStream in = getClass().getResourceAsStream("/checkpoint/" + name)) {
            return Files.write(folder.resolve(name), in.readAllBytes());
        }
    }

    /** An archive with one pickle and the eight bytes of storage 0. */
    private Path archive(String pickle, int method) throws IOException {
        Path file = folder.resolve("pytorch_model.bin");
        try (OutputStream out = Files.newOutputStream(file); ZipOutputStream zip = new ZipOutputStream(out)) {
            put(zip, "archive/data.pkl", pickle.getBytes(ISO_8859_1), STORED);
            put(zip, "archive/data/0", ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putFloat(1).putFloat(2).array(),
                    method);
        }
        return file;
    }

    private static void put(ZipOutputStream zip, String name, byte[] data, int method) throws IOException {
        CRC32 crc = new CRC32();
        crc.update(data);
        ZipEntry entry = new ZipEntry(name);
        entry.setMethod(method);
        entry.setSize(data.length);
        entry.setCrc(crc.getValue());
        zip.putNextEntry(entry);
        zip.write(data);
    }

    /** The pickle of {"t": tensor of two floats}. */
    private static String pickle() {
        return "\u0080\u0002}X\u0001\0\0\0t" + tensor() + "s.";
    }

    private static String tensor() {
        return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage() + "QK\0K\u0002\u0085K\u0001\u0085\u0089)tR";
    }

    private static String storage() {
        return "(X\u0007\0\0\0storagectorch\nFloatStorage\nX\u0001\0\0\u00000X\u0003\0\0\0cpuK\u0002t";
    }

    @Test
    void readsWhatTorchSaves() throws IOException {
        try (Checkpoint checkpoint = TorchCheckpoint.open(resource("state_dict.bin"))) {
            assertThat(checkpoint.tensors()).containsOnlyKeys("plain", "columns", "half", "brain", "scalar", "ids");
            assertThat(checkpoint.tensor("half")).isEqualTo(new TensorInfo("half", "F16", List.of(2L, 2L)));
            assertThat(SafetensorsCheckpointTest.whole(checkpoint, "plain")[23]).isEqualTo(23);
            assertThat(SafetensorsCheckpointTest.whole(checkpoint, "half")).containsExactly(1, -2, 0.5f, 65504);
            assertThat(SafetensorsCheckpointTest.whole(checkpoint, "brain")).containsExactly(1, -3, 0.25f);
            assertThat(SafetensorsCheckpointTest.whole(checkpoint, "scalar")).containsExactly(7);
            assertThatThrownBy(() -> SafetensorsCheckpointTest.whole(checkpoint, "ids"))
                    .isInstanceOf(CheckpointException.class).hasMessageContainingAll("ids", "LongStorage");
            assertThat(checkpoint.readIntegers("ids")).containsExactly(1, 1L << 40);
            assertThatThrownBy(() -> checkpoint.readIntegers("half")).isInstanceOf(CheckpointException.class)
                    .hasMessageContainingAll("half", "F16", "expected I64 or I32");
        }
    }

    @Test
    void readsShardsThroughTheirIndex() throws IOException {
        resource("state_dict.bin");
        archive(pickle(), STORED);
        Files.move(folder.resolve("pytorch_model.bin"), folder.resolve("first.bin"));
        Files.writeString(folder.resolve("pytorch_model.bin.index.json"),
                "{\"weight_map\":{\"t\":\"first.bin\",\"brain\":\"state_dict.bin\"}}");
        try (Checkpoint checkpoint = WeightFiles.open(folder)) {
            assertThat(checkpoint.tensors()).containsOnlyKeys("t", "brain");
            assertThat(SafetensorsCheckpointTest.whole(checkpoint, "t")).containsExactly(1, 2);
            assertThat(SafetensorsCheckpointTest.whole(checkpoint, "brain")).containsExactly(1, -3, 0.25f);
        }
    }

    @Test
    void readsAViewOfSomeColumns() throws IOException {
        try (Checkpoint checkpoint = TorchCheckpoint.open(resource("state_dict.bin"))) {
            assertThat(SafetensorsCheckpointTest.whole(checkpoint, "columns"))
                    .containsExactly(2, 3, 4, 8, 9, 10, 14, 15, 16, 20, 21, 22);
            float[] middle = new float[5];
            checkpoint.read("columns", 2, middle, 0, 5);
            assertThat(middle).containsExactly(4, 8, 9, 10, 14);
        }
    }

    @Test
    void refusesATransposedViewAndOneBeyondItsStorage() throws IOException {
        Path transposed = resource("transposed.bin");
        assertThatThrownBy(() -> TorchCheckpoint.open(transposed))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("turned", "[3, 2]", "transposed", ".contiguous()");
        Path outside = resource("outside.bin");
        assertThatThrownBy(() -> TorchCheckpoint.open(outside))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("outside", "[2, 2]", "storage of 6 elements");
    }

    @Test
    void readsThePlainestPickle() throws IOException {
        try (Checkpoint checkpoint = TorchCheckpoint.open(archive(pickle(), STORED))) {
            assertThat(SafetensorsCheckpointTest.whole(checkpoint, "t")).containsExactly(1, 2);
        }
    }

    @ParameterizedTest
    @CsvSource({
            "'cposix\nsystem\n(X\u0004\0\0\0truetR.', posix.system",
            "'cbuiltins\neval\n(X\u0001\0\0\u00001tR.', builtins.eval",
            "'X\u0002\0\0\0osX\u0006\0\0\0system\u0093)R.', os.system",
            "'ctorch\nload\n)R.', torch.load",
            "'ctorch.nn.modules.linear\nLinear\n)\u0081.', torch.nn.modules.linear.Linear",
            "'(iposix\nsystem\n.', instruction 0x69",
            "'(X\u0004\0\0\0trueo.', instruction 0x6f",
            "'\u0082\u0001.', instruction 0x82",
            "'ctorch\nFloatStorage\n)R.', call of torch.FloatStorage" })
    void refusesEverythingThatIsNoTableOfTensorsByName(String program, String refused) throws IOException {
        Path file = archive("\u0080\u0002" + program, STORED);
        assertThatThrownBy(() -> TorchCheckpoint.open(file))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("pytorch_model.bin", refused, "it was not run", "safetensors");
    }

    @Test
    void refusesWhatIsNotAStateDict() throws IOException {
        Path list = archive("\u0080\u0002].", STORED);
        assertThatThrownBy(() -> TorchCheckpoint.open(list)).hasMessageContaining("save model.state_dict()");
        Path nested = archive("\u0080\u0002}X\u0005\0\0\0epochK\u0003s.", STORED);
        assertThatThrownBy(() -> TorchCheckpoint.open(nested)).hasMessageContaining("entry epoch is not a tensor");
    }

    @Test
    void everyCutPickleIsDamagedAndNotACrash() throws IOException {
        String pickle = pickle();
        for (int length = 0; length < pickle.length(); length++) {
            Path file = archive(pickle.substring(0, length), STORED);
            assertThatThrownBy(() -> TorchCheckpoint.open(file)).as("%d bytes", length)
                    .isInstanceOf(CheckpointException.class);
        }
    }

    @Test
    void everyTruncatedArchiveIsNamed() throws IOException {
        Path file = resource("state_dict.bin");
        byte[] bytes = Files.readAllBytes(file);
        for (int length = 0; length < bytes.length; length += 5) {
            Files.write(file, Arrays.copyOf(bytes, length));
            assertThatThrownBy(() -> TorchCheckpoint.open(file)).as("%d bytes", length)
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContainingAll("state_dict.bin", "truncated");
        }
    }

    @Test
    void saysWhatToDoWithCompressedAndWithOldArchives() throws IOException {
        Path compressed = archive(pickle(), ZipEntry.DEFLATED);
        assertThatThrownBy(() -> TorchCheckpoint.open(compressed))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("tensor t", "compressed", "torch.save");
        Path old = Files.write(folder.resolve("old.bin"), new byte[] { (byte) 0x80, 2, (byte) 0x8a, 10 });
        assertThatThrownBy(() -> TorchCheckpoint.open(old))
                .hasMessageContainingAll("old.bin", "not a zip archive", "since 1.6");
    }

    /** Written by hand, as no library writes five gigabytes without writing them. */
    @Test
    void readsArchivesBeyondFourGigabytes() throws IOException {
        Path file = folder.resolve("large.bin");
        byte[] pickle = pickle().getBytes(ISO_8859_1);
        long far = 5L << 30;
        try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
            out.write(local("a/data.pkl", pickle.length));
            out.write(pickle);
            out.seek(far);
            out.write(local("a/data/0", 8));
            out.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putFloat(3).putFloat(4).array());
            long central = out.getFilePointer();
            out.write(central("a/data.pkl", pickle.length, 0));
            out.write(central("a/data/0", 8, far));
            long end = out.getFilePointer();
            out.write(little(56).putInt(0x06064b50).putLong(44).putShort((short) 45).putShort((short) 45).putInt(0).putInt(0)
                    .putLong(2).putLong(2).putLong(end - central).putLong(central).array());
            out.write(little(20).putInt(0x07064b50).putInt(0).putLong(end).putInt(1).array());
            out.write(little(22).putInt(0x06054b50).putLong(-1).putInt(-1).putInt(-1).putShort((short) 0).array());
        }
        try (Checkpoint checkpoint = TorchCheckpoint.open(file)) {
            assertThat(SafetensorsCheckpointTest.whole(checkpoint, "t")).containsExactly(3, 4);
        }
    }

    private static byte[] local(String name, int size) {
        return little(30 + name.length()).putInt(0x04034b50).position(18).putInt(size).putInt(size)
                .putShort((short) name.length()).putShort((short) 0).put(name.getBytes(ISO_8859_1)).array();
    }

    private static byte[] central(String name, long size, long header) {
        return little(46 + name.length() + 28).putInt(0x02014b50).position(20).putInt(-1).putInt(-1)
                .putShort((short) name.length()).putShort((short) 28).position(42).putInt(-1)
                .put(name.getBytes(ISO_8859_1))
                .putShort((short) 1).putShort((short) 24).putLong(size).putLong(size).putLong(header).array();
    }

    private static ByteBuffer little(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}

package io.quarkiverse.eagle.graph.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsCheckpointTest {

    @TempDir
    Path folder;

    static float[] whole(Checkpoint checkpoint, String name) {
        float[] values = new float[(int) checkpoint.tensor(name).elements()];
        checkpoint.read(name, 0, values, 0, values.length);
        return values;
    }

    @ParameterizedTest
    @ValueSource(strings = { "F32", "F16", "BF16" })
    void readingInOddRunsEqualsReadingWhole(String type) throws IOException {
        Path file = new SafetensorsBuilder().add("first", type, 3).add("second", type, 301, 517)
                .write(folder.resolve("model.safetensors"), 5);
        try (Checkpoint checkpoint = SafetensorsCheckpoint.open(file)) {
            float[] whole = whole(checkpoint, "second");
            assertThat(whole).contains(whole[0]).doesNotContain(Float.NaN);
            float[] pieces = new float[whole.length + 2];
            int at = 0;
            for (int run = 1; at < whole.length; run = run * 3 + 1) {
                int count = Math.min(run, whole.length - at);
                checkpoint.read("second", at, pieces, at + 1, count);
                at += count;
            }
            assertThat(Arrays.copyOfRange(pieces, 1, pieces.length - 1)).containsExactly(whole);
        }
    }

    @Test
    void decodesWhatWasWritten() throws IOException {
        Path file = SafetensorsBuilder.write(folder.resolve("model.safetensors"),
                "{\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]},"
                        + "\"a\":{\"dtype\":\"BF16\",\"shape\":[1,2],\"data_offsets\":[0,4]}}",
                12);
        try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
            out.seek(out.length() - 12);
            out.writeInt(0x803f_40c0);
            out.writeInt(0x0000_803e);
            out.writeInt(0x0000_20c2);
        }
        try (Checkpoint checkpoint = SafetensorsCheckpoint.open(file)) {
            assertThat(checkpoint.tensors()).containsOnlyKeys("b", "a");
            assertThat(whole(checkpoint, "a")).containsExactly(1, -3);
            assertThat(whole(checkpoint, "b")).containsExactly(0.25f, -40);
        }
    }

    @Test
    void readsShardsThroughTheirIndex() throws IOException {
        ModelConfig config = GeneratedCheckpoints.smallLlama();
        GeneratedCheckpoints.writeSharded(folder, config, "F32", 3, 1);
        Path index = folder.resolve("model.safetensors.index.json");
        try (Checkpoint sharded = SafetensorsCheckpoint.open(index);
                Checkpoint second = SafetensorsCheckpoint.open(folder.resolve("model-00002-of-00003.safetensors"))) {
            assertThat(sharded.tensors()).hasSize(GeneratedCheckpoints.target(config, "F32").names().size());
            for (String name : second.tensors().keySet()) {
                assertThat(whole(sharded, name)).as(name).containsExactly(whole(second, name));
            }
        }
        Files.delete(folder.resolve("model-00002-of-00003.safetensors"));
        assertThatThrownBy(() -> SafetensorsCheckpoint.open(index))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("model-00002-of-00003.safetensors", "download the missing shard");
    }

    @Test
    void anIndexCannotLeaveItsFolder() throws IOException {
        Path index = Files.writeString(folder.resolve("model.safetensors.index.json"),
                "{\"weight_map\":{\"a\":\"../elsewhere.safetensors\"}}");
        assertThatThrownBy(() -> SafetensorsCheckpoint.open(index))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("outside of its folder");
    }

    @Test
    void readsBeyondTwoGigabytes() throws IOException {
        Path file = new SafetensorsBuilder().add("padding", "F16", 3L << 30).add("far", "F32", 2, 2)
                .writeSparse(folder.resolve("model.safetensors"));
        try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
            out.seek(out.length() - 8);
            out.writeInt(0x0000_803f);
            out.writeInt(0x0000_0040);
        }
        try (Checkpoint checkpoint = SafetensorsCheckpoint.open(file)) {
            assertThat(Files.size(file)).isGreaterThan(6L << 30);
            assertThat(whole(checkpoint, "far")).containsExactly(0, 0, 1, 2);
            float[] last = new float[3];
            checkpoint.read("padding", (3L << 30) - 3, last, 0, 3);
            assertThat(last).containsExactly(0, 0, 0);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
            "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}       | t [2] of type F32 takes 4 bytes; expected 8",
            "{\"t\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[0,20]}}      | tensor t ends at byte",
            "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,4]}}       | data_offsets [8,4]",
            "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}      | data_offsets [-4,0]",
            "{\"t\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}      | dimension of -1",
            "{\"t\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,4]}} | impossible shape",
            "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"u\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}} | tensors t and u overlap",
            "[1,2]          | not a JSON object",
            "{\"t\":        | not valid JSON" })
    void refusesADamagedHeader(String header, String message) {
        Path file = SafetensorsBuilder.write(folder.resolve("model.safetensors"), header, 16);
        assertThatThrownBy(() -> SafetensorsCheckpoint.open(file))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll("model.safetensors", message);
    }

    @Test
    void everyTruncationIsNamed() throws IOException {
        Path file = new SafetensorsBuilder().add("a", "F32", 2, 3).add("b", "F16", 4)
                .write(folder.resolve("model.safetensors"), 1);
        byte[] bytes = Files.readAllBytes(file);
        for (int length = 0; length < bytes.length; length++) {
            Files.write(file, Arrays.copyOf(bytes, length));
            assertThatThrownBy(() -> SafetensorsCheckpoint.open(file)).as("%d bytes", length)
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContainingAll("model.safetensors is truncated", "download");
        }
        Files.write(file, Arrays.copyOf(bytes, bytes.length - 1));
        assertThatThrownBy(() -> SafetensorsCheckpoint.open(file)).hasMessageContaining("tensor b");
    }

    @Test
    void aTypeThatIsNoFloatIsRefusedWhenReadOnly() throws IOException {
        Path file = new SafetensorsBuilder().add("ids", "I64", 2).write(folder.resolve("model.safetensors"), 1);
        try (Checkpoint checkpoint = SafetensorsCheckpoint.open(file)) {
            assertThatThrownBy(() -> whole(checkpoint, "ids"))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContainingAll("ids", "I64", "expected F32, F16 or BF16");
        }
    }

    @Test
    void refusesWhatIsNoSafetensorsFile() throws IOException {
        Path file = Files.writeString(folder.resolve("model.safetensors"), "<html>not found, sorry</html>");
        assertThatThrownBy(() -> SafetensorsCheckpoint.open(file))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("is not a safetensors file");
    }
}

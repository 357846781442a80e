package io.quarkiverse.eagle.graph.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class BlockFormatTest {

    /** 32 normal draws, quantised and decoded by llama.cpp's own gguf package. */
    static Stream<Arguments> blocks() {
        return Stream.of(
                arguments(format(8), "9c2b000ff2d3e9ce0344e7e1191205d1ff23bce9a0bfa3f4c00e08f781e5fe06b3e8",
                        new float[] { 0.0f, 0.89172363f, -0.8322754f, -2.675171f, -1.3673096f, -2.972412f, 0.17834473f,
                                4.0424805f,
                                -1.486206f, -1.8428955f, 1.486206f, 1.0700684f, 0.2972412f, -2.7940674f, -0.059448242f,
                                2.0806885f,
                                -4.0424805f, -1.3673096f, -5.7070312f, -3.8641357f, -5.5286865f, -0.7133789f, -3.8046875f,
                                0.8322754f,
                                0.47558594f, -0.5350342f, -7.5499268f, -1.6051025f, -0.118896484f, 0.35668945f, -4.5775146f,
                                -1.4267578f }),
                arguments(format(2), "8d3b487927452775489c86760a698885386a",
                        new float[] { 0.0f, 0.94384766f, -0.94384766f, -2.831543f, -0.94384766f, -2.831543f, 0.0f, 3.7753906f,
                                -1.8876953f, -1.8876953f, 1.8876953f, 0.94384766f, 0.0f, -2.831543f, 0.0f, 1.8876953f,
                                -3.7753906f, -0.94384766f, -5.663086f, -3.7753906f, -5.663086f, -0.94384766f, -3.7753906f,
                                0.94384766f,
                                0.0f, -0.94384766f, -7.5507812f, -1.8876953f, 0.0f, 0.0f, -4.7192383f, -1.8876953f }),
                arguments(format(3), "2c3a8dc75a8b295638965abfa8970c8baaa64a8c",
                        new float[] { 0.1640625f, 0.9355469f, -0.6074219f, -2.921875f, -1.3789062f, -2.921875f, 0.1640625f,
                                4.0214844f,
                                -1.3789062f, -2.1503906f, 1.7070312f, 0.9355469f, 0.1640625f, -2.921875f, 0.1640625f,
                                1.7070312f,
                                -3.6933594f, -1.3789062f, -6.0078125f, -3.6933594f, -5.236328f, -0.6074219f, -3.6933594f,
                                0.9355469f,
                                0.1640625f, -0.6074219f, -7.5507812f, -1.3789062f, 0.1640625f, 0.1640625f, -4.4648438f,
                                -1.3789062f }),
                arguments(format(6), "8d37c3dc803170d24e8a4dfa80291dfc03d2011a60d4",
                        new float[] { 0.0f, 0.94384766f, -0.94384766f, -2.831543f, -1.4157715f, -2.831543f, 0.0f, 4.2473145f,
                                -1.4157715f, -1.8876953f, 1.4157715f, 0.94384766f, 0.47192383f, -2.831543f, 0.0f, 1.8876953f,
                                -4.2473145f, -1.4157715f, -5.663086f, -3.7753906f, -5.663086f, -0.47192383f, -3.7753906f,
                                0.94384766f,
                                0.47192383f, -0.47192383f, -7.5507812f, -1.4157715f, 0.0f, 0.47192383f, -4.7192383f,
                                -1.4157715f }),
                arguments(format(7), "f9358dc7d7dda2bb941752ad512ca56f503f0807455d840a",
                        new float[] { -0.08496094f, 1.0349121f, -0.83154297f, -2.697998f, -1.204834f, -3.071289f, 0.28833008f,
                                4.02124f,
                                -1.578125f, -1.951416f, 1.4082031f, 1.0349121f, 0.28833008f, -2.697998f, -0.08496094f,
                                2.1547852f,
                                -4.191162f, -1.204834f, -5.684326f, -3.817871f, -5.684326f, -0.83154297f, -3.817871f,
                                0.6616211f,
                                0.28833008f, -0.45825195f, -7.5507812f, -1.578125f, -0.08496094f, 0.28833008f, -4.564453f,
                                -1.578125f }),
                arguments(format(30),
                        "723b653f53bf2bc0afbf3ec0393e8140bdbfeebfbc3f893fa23e33c0b4bd054081c0b0bfb7c078c0b1c035bf73c0503ff13e10bff2c0cfbf15beae3e93c0b7bf",
                        new float[] { 0.003692627f, 0.89453125f, -0.82421875f, -2.671875f, -1.3671875f, -2.96875f, 0.18066406f,
                                4.03125f,
                                -1.4765625f, -1.859375f, 1.46875f, 1.0703125f, 0.31640625f, -2.796875f, -0.087890625f,
                                2.078125f,
                                -4.03125f, -1.375f, -5.71875f, -3.875f, -5.53125f, -0.70703125f, -3.796875f, 0.8125f,
                                0.47070312f, -0.5625f, -7.5625f, -1.6171875f, -0.14550781f, 0.33984375f, -4.59375f,
                                -1.4296875f }),
                arguments(format(1),
                        "8f1b2b3b94ba58c175bdf3c1c6310544e8bd72bfe13d483c0f3595c19ead2c4008c47ebdb4c5bdc386c5a4b99bc3833a86377db88dc777bea8b0703597c4bcbd",
                        new float[] { 0.0036907196f, 0.8959961f, -0.8222656f, -2.671875f, -1.3642578f, -2.9746094f, 0.18041992f,
                                4.0195312f,
                                -1.4765625f, -1.8613281f, 1.4697266f, 1.0703125f, 0.3161621f, -2.7910156f, -0.087768555f,
                                2.0859375f,
                                -4.03125f, -1.3730469f, -5.703125f, -3.8691406f, -5.5234375f, -0.7050781f, -3.8027344f,
                                0.81396484f,
                                0.47021484f, -0.56103516f, -7.5507812f, -1.6162109f, -0.14550781f, 0.33984375f, -4.5898438f,
                                -1.4335938f }));
    }

    private static BlockFormat format(int type) {
        return GgufType.format(type, "t", "f");
    }

    @ParameterizedTest
    @MethodSource("blocks")
    void decodesEveryFormatAsItsReferenceDoes(BlockFormat format, String hex, float[] expected) {
        byte[] once = HexFormat.of().parseHex(hex);
        ByteBuffer twice = ByteBuffer.allocate(1 + 2 * once.length).order(ByteOrder.LITTLE_ENDIAN);
        twice.put((byte) 0).put(once).put(once);
        float[] decoded = new float[65];
        int blocks = 64 / format.elements();

        format.decode(twice, 1, blocks, decoded, 1);

        for (int i = 0; i < 64; i++) {
            assertThat(decoded[1 + i]).as("element %d", i).isEqualTo(expected[i % 32]);
        }
    }

    @Test
    void halfPrecisionKeepsZerosSubnormalsAndInfinities() {
        assertThat(FloatFormat.half((short) 0x8000)).isEqualTo(-0.0f);
        assertThat(FloatFormat.half((short) 0x0001)).isEqualTo(0x1p-24f);
        assertThat(FloatFormat.half((short) 0x83ff)).isEqualTo(-1023 * 0x1p-24f);
        assertThat(FloatFormat.half((short) 0x7bff)).isEqualTo(65504f);
        assertThat(FloatFormat.half((short) 0xfc00)).isEqualTo(Float.NEGATIVE_INFINITY);
        assertThat(FloatFormat.half((short) 0x7e01)).isNaN();
    }
}

package io.quarkiverse.eagle.onnxruntime;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.IntBuffer;

import org.junit.jupiter.api.Test;

/** The known-answer test's judgement, on the products of kernels that this CPU may not have. */
class IntegerKernelsTest {

    private static final int ROWS = 2;
    private static final int ACTIVATION = 255;
    private static final int ZERO_POINT = 128;

    @Test
    void acceptsKernelsThatAddIn32Bits() {
        assertThat(IntegerKernels.isRight(product(Integer.MIN_VALUE, Integer.MAX_VALUE), ROWS)).isTrue();
    }

    @Test
    void recognisesKernelsThatAddPairsIn16Bits() {
        assertThat(IntegerKernels.isRight(product(Short.MIN_VALUE, Short.MAX_VALUE), ROWS)).isFalse();
    }

    @Test
    void recognisesAKernelThatSaturatesOnOneSideOnly() {
        assertThat(IntegerKernels.isRight(product(Integer.MIN_VALUE, Short.MAX_VALUE), ROWS)).isFalse();
        assertThat(IntegerKernels.isRight(product(Short.MIN_VALUE, Integer.MAX_VALUE), ROWS)).isFalse();
    }

    @Test
    void looksAtEveryValue() {
        for (int i = 0; i < ROWS * IntegerKernels.WIDTH; i++) {
            IntBuffer product = product(Integer.MIN_VALUE, Integer.MAX_VALUE);
            product.put(i, product.get(i) + 1);
            assertThat(IntegerKernels.isRight(product, ROWS)).as("value %d is wrong", i).isFalse();
        }
    }

    /** Rows of 255 by columns of 127 and -128, as a kernel computes it whose pairs of products are held within a range. */
    private static IntBuffer product(int lowest, int highest) {
        IntBuffer product = IntBuffer.allocate(ROWS * IntegerKernels.WIDTH);
        for (int i = 0; i < product.capacity(); i++) {
            int weight = i % 2 == 0 ? 127 : -128;
            int pair = Math.max(lowest, Math.min(highest, 2 * ACTIVATION * weight));
            product.put(i, IntegerKernels.DEPTH / 2 * pair - IntegerKernels.DEPTH * ZERO_POINT * weight);
        }
        return product;
    }
}

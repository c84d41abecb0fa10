#include "kernels/kernels.h"

#include "weights/blocks.h"

size_t xl_mlstm_chunk_scratch(int64_t length, int64_t dqk, int64_t dv) {
    /* What the implementation with the widest vectors needs: packed q, k and v, a block of 64 rows of weights, one
     * panel of C, and a few values for each token in float64; each part rounded up to whole vectors. */
    enum { VECTOR = 64, PARTS = 16, ROWS = 64 };
    size_t tokens = (size_t)length + VECTOR, qk = (size_t)dqk + VECTOR, v = (size_t)dv + VECTOR;
    return 2 * tokens * qk + tokens * v + ROWS * tokens + VECTOR * qk + PARTS * tokens;
}

size_t xl_prepared_bytes(int64_t cols) {
    /* The values in another order, filled up to whole blocks, each of which may be followed by two numbers for each
     * of its groups. */
    enum { EXTRA = 2 * XL_Q4_K_GROUPS };
    return (size_t)((cols + XL_LONG_BLOCK - 1) / XL_LONG_BLOCK * (XL_LONG_BLOCK + EXTRA)) * sizeof(float);
}

int64_t xl_int8_blocks(int64_t cols) {
    return (cols + XL_LONG_BLOCK - 1) / XL_LONG_BLOCK * (XL_LONG_BLOCK / XL_INT8_BLOCK);
}

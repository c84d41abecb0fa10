#include "kernels/kernels.h"

size_t xl_mlstm_chunk_scratch(int64_t length, int64_t dqk, int64_t dv) {
    /* What the implementation with the widest vectors needs: packed q, k and v, a block of 64 rows of weights, one
     * panel of C, and a few values for each token in float64; each part rounded up to whole vectors. */
    enum { VECTOR = 64, PARTS = 16, ROWS = 64 };
    size_t tokens = (size_t)length + VECTOR, qk = (size_t)dqk + VECTOR, v = (size_t)dv + VECTOR;
    return 2 * tokens * qk + tokens * v + ROWS * tokens + VECTOR * qk + PARTS * tokens;
}

size_t xl_prepared_bytes(int64_t cols) {
    /* The values in another order, filled up to whole pairs of the widest vectors. */
    enum { PAIR = 32 };
    return (size_t)((cols + PAIR - 1) / PAIR * PAIR) * sizeof(float);
}

/* Product of a matrix and one vector: four rows share each load of x, two sums a row hide the latency. */

/* Bytes ahead of the reads; past the end of a row it is the next group's rows that are near. */
enum { PREFETCH = 1024 };

#define DEFINE_MATVEC(dtype, bytes)                                                                                \
    static inline float dot_##dtype(const char *w, const float *x, int64_t cols) {                                 \
        vf s0 = v_set(0), s1 = v_set(0);                                                                           \
        int64_t j = 0;                                                                                             \
        for (; j + 2 * WIDTH <= cols; j += 2 * WIDTH) {                                                            \
            s0 = v_fma(load_##dtype(w + j * (bytes)), v_load(x + j), s0);                                          \
            s1 = v_fma(load_##dtype(w + (j + WIDTH) * (bytes)), v_load(x + j + WIDTH), s1);                        \
        }                                                                                                          \
        for (; j + WIDTH <= cols; j += WIDTH) s0 = v_fma(load_##dtype(w + j * (bytes)), v_load(x + j), s0);        \
        if (j < cols) {                                                                                            \
            int left = (int)(cols - j);                                                                            \
            s1 = v_fma(load_first_##dtype(w + j * (bytes), left), v_load_first(x + j, left), s1);                  \
        }                                                                                                          \
        return v_sum(v_add(s0, s1));                                                                               \
    }                                                                                                              \
    static void matvec_##dtype(const void *weights, int64_t ld, int64_t rows, int64_t cols, const float *x,        \
                               float *y) {                                                                         \
        const char *w = weights;                                                                                   \
        int64_t stride = ld * (bytes), r = 0;                                                                      \
        for (; r + 4 <= rows; r += 4, w += 4 * stride) {                                                           \
            const char *w0 = w, *w1 = w + stride, *w2 = w1 + stride, *w3 = w2 + stride;                            \
            vf a0 = v_set(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;                       \
            int64_t j = 0;                                                                                         \
            for (; j + 2 * WIDTH <= cols; j += 2 * WIDTH) {                                                        \
                vf xa = v_load(x + j), xb = v_load(x + j + WIDTH);                                                 \
                int64_t at = j * (bytes), next = at + WIDTH * (bytes);                                             \
                v_prefetch(w0 + at + PREFETCH);                                                                    \
                v_prefetch(w1 + at + PREFETCH);                                                                    \
                v_prefetch(w2 + at + PREFETCH);                                                                    \
                v_prefetch(w3 + at + PREFETCH);                                                                    \
                a0 = v_fma(load_##dtype(w0 + at), xa, a0);                                                         \
                a1 = v_fma(load_##dtype(w1 + at), xa, a1);                                                         \
                a2 = v_fma(load_##dtype(w2 + at), xa, a2);                                                         \
                a3 = v_fma(load_##dtype(w3 + at), xa, a3);                                                         \
                b0 = v_fma(load_##dtype(w0 + next), xb, b0);                                                       \
                b1 = v_fma(load_##dtype(w1 + next), xb, b1);                                                       \
                b2 = v_fma(load_##dtype(w2 + next), xb, b2);                                                       \
                b3 = v_fma(load_##dtype(w3 + next), xb, b3);                                                       \
            }                                                                                                      \
            for (; j < cols; j += WIDTH) {                                                                         \
                int left = cols - j < WIDTH ? (int)(cols - j) : WIDTH;                                             \
                vf xa = v_load_first(x + j, left);                                                                 \
                a0 = v_fma(load_first_##dtype(w0 + j * (bytes), left), xa, a0);                                    \
                a1 = v_fma(load_first_##dtype(w1 + j * (bytes), left), xa, a1);                                    \
                a2 = v_fma(load_first_##dtype(w2 + j * (bytes), left), xa, a2);                                    \
                a3 = v_fma(load_first_##dtype(w3 + j * (bytes), left), xa, a3);                                    \
            }                                                                                                      \
            y[r] = v_sum(v_add(a0, b0));                                                                           \
            y[r + 1] = v_sum(v_add(a1, b1));                                                                       \
            y[r + 2] = v_sum(v_add(a2, b2));                                                                       \
            y[r + 3] = v_sum(v_add(a3, b3));                                                                       \
        }                                                                                                          \
        for (; r < rows; r++, w += stride) y[r] = dot_##dtype(w, x, cols);                                         \
    }
DEFINE_MATVEC(f32, 4)
DEFINE_MATVEC(f16, 2)
DEFINE_MATVEC(bf16, 2)

/* Conversions, norms and activations: one pass of whole vectors and one partial vector at the end. */

/* The loop over n floats: the body sees `i`, the index of the first lane, and `lanes`, how many there are. */
#define FOR_VECTORS(n, ...)                                                                                        \
    do {                                                                                                           \
        int64_t i = 0;                                                                                             \
        for (; i + WIDTH <= (n); i += WIDTH) {                                                                     \
            const int lanes = WIDTH;                                                                               \
            __VA_ARGS__                                                                                            \
        }                                                                                                          \
        if (i < (n)) {                                                                                             \
            const int lanes = (int)((n)-i);                                                                        \
            __VA_ARGS__                                                                                            \
        }                                                                                                          \
    } while (0)
#define LOAD(p) (lanes == WIDTH ? v_load(p) : v_load_first(p, lanes))
#define STORE(p, x) (lanes == WIDTH ? v_store(p, x) : v_store_first(p, x, lanes))

/* Weights in files may lie at odd addresses; a byte pointer avoids claiming otherwise. */
static inline vf load_f32(const char *p) {
    return v_load((const float *)(const void *)p);
}
static inline vf load_f16(const char *p) {
    return v_load_f16((const uint16_t *)(const void *)p);
}
static inline vf load_bf16(const char *p) {
    return v_load_bf16((const uint16_t *)(const void *)p);
}
/* The first n < WIDTH elements of 2 or 4 bytes, the others 0. */
#define DEFINE_LOAD_FIRST(dtype, bytes)                                                                            \
    static inline vf load_first_##dtype(const char *p, int n) {                                                    \
        char copy[WIDTH * (bytes)] = {0};                                                                          \
        memcpy(copy, p, (size_t)n *(bytes));                                                                       \
        return load_##dtype(copy);                                                                                 \
    }
DEFINE_LOAD_FIRST(f32, 4)
DEFINE_LOAD_FIRST(f16, 2)
DEFINE_LOAD_FIRST(bf16, 2)

#define DEFINE_CONVERSIONS(dtype)                                                                                  \
    static void to_f32_##dtype(const void *src, float *dst, size_t n) {                                            \
        const char *from = src;                                                                                    \
        size_t i = 0;                                                                                              \
        for (; i + WIDTH <= n; i += WIDTH) v_store(dst + i, load_##dtype(from + 2 * i));                           \
        if (i < n) v_store_first(dst + i, load_first_##dtype(from + 2 * i, (int)(n - i)), (int)(n - i));           \
    }                                                                                                              \
    static void from_f32_##dtype(const float *src, void *dst, size_t n) {                                          \
        char *to = dst;                                                                                            \
        size_t i = 0;                                                                                              \
        for (; i + WIDTH <= n; i += WIDTH) v_store_##dtype((uint16_t *)(void *)(to + 2 * i), v_load(src + i));     \
        if (i < n) {                                                                                               \
            uint16_t copy[WIDTH];                                                                                  \
            v_store_##dtype(copy, v_load_first(src + i, (int)(n - i)));                                            \
            memcpy(to + 2 * i, copy, 2 * (n - i));                                                                 \
        }                                                                                                          \
    }
DEFINE_CONVERSIONS(f16)
DEFINE_CONVERSIONS(bf16)

static void rms_norm(const float *x, const float *w, const float *b, double eps, int64_t n, float *y) {
    vf even = v_set(0), odd = v_set(0);
    int64_t j = 0;
    for (; j + 2 * WIDTH <= n; j += 2 * WIDTH) {
        vf first = v_load(x + j), second = v_load(x + j + WIDTH);
        even = v_fma(first, first, even);
        odd = v_fma(second, second, odd);
    }
    FOR_VECTORS(n - j, {
        vf value = LOAD(x + j + i);
        even = v_fma(value, value, even);
    });
    double square = v_sum(v_add(even, odd));
    vf scale = v_set((float)(1 / sqrt(square / (double)n + eps)));
    FOR_VECTORS(n, {
        vf value = v_mul(v_mul(LOAD(x + i), scale), LOAD(w + i));
        if (b) value = v_add(value, LOAD(b + i));
        STORE(y + i, value);
    });
}

static void head_norm(const float *x, const float *w, const float *b, double eps, int64_t heads, int64_t dv,
                      float *y) {
    for (int64_t head = 0; head < heads; head++, x += dv, w += dv, y += dv, b = b ? b + dv : NULL) {
        vf sum = v_set(0);
        vf square = v_set(0);
        FOR_VECTORS(dv, { sum = v_add(sum, LOAD(x + i)); });
        vf mean = v_set((float)((double)v_sum(sum) / (double)dv));
        FOR_VECTORS(dv, {
            vf value = v_keep_first(v_sub(LOAD(x + i), mean), lanes);
            square = v_fma(value, value, square);
        });
        vf scale = v_set((float)(1 / sqrt((double)v_sum(square) / (double)dv + eps)));
        FOR_VECTORS(dv, {
            vf value = v_mul(v_mul(v_sub(LOAD(x + i), mean), scale), LOAD(w + i));
            if (b) value = v_add(value, LOAD(b + i));
            STORE(y + i, value);
        });
    }
}

static void soft_cap(float *x, double cap, int64_t n) {
    vf limit = v_set((float)cap);
    FOR_VECTORS(n, { STORE(x + i, v_mul(limit, v_tanh(v_div(LOAD(x + i), limit)))); });
}

static void sigmoid_mul(const float *gate, const float *x, float *y, int64_t n) {
    FOR_VECTORS(n, { STORE(y + i, v_mul(v_sigmoid(LOAD(gate + i)), LOAD(x + i))); });
}

static void silu_mul(const float *gate, const float *up, float *y, int64_t n) {
    FOR_VECTORS(n, {
        vf g = LOAD(gate + i);
        STORE(y + i, v_mul(v_mul(g, v_sigmoid(g)), LOAD(up + i)));
    });
}

static void add(const float *x, float *y, int64_t n) {
    FOR_VECTORS(n, { STORE(y + i, v_add(LOAD(x + i), LOAD(y + i))); });
}

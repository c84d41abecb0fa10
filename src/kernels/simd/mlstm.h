/* The mLSTM cell. A step is one pass over C. A chunk is four small matrix products on packed panels, the tile
 * TILE_ROWS x COLUMNS in registers; the scheme of "Tiled Flash Linear Attention" (2025) for one core. */

enum {
    COLUMNS = TILE_VECTORS * WIDTH, /* columns of a tile and of a panel */
    BLOCK = 48                      /* tokens whose weights are held at a time: whole tiles */
};
_Static_assert(BLOCK % TILE_ROWS == 0 && BLOCK <= 64, "xl_mlstm_chunk_scratch counts 64 rows");

static void mlstm_step(float *c, float *n, float *m, const float *q, const float *k, const float *v, float igate,
                       float fgate, int64_t dqk, int64_t dv, float eps, float *h) {
    float forget, input;
    xl_mlstm_gates(m, igate, fgate, &forget, &input);
    vf keep = v_set(forget), take = v_set(input), product = v_set(0);
    FOR_VECTORS(dqk, {
        vf value = v_fma(keep, LOAD(n + i), v_mul(take, LOAD(k + i)));
        STORE(n + i, value);
        product = v_fma(value, LOAD(q + i), product);
    });
    double scale = 1 / sqrt((double)dqk);
    double denominator = fmax(fabs(v_sum(product) * scale), exp(-(double)*m)) + eps;
    float factor = (float)(scale / denominator);

    FOR_VECTORS(dv, { STORE(h + i, v_set(0)); });
    int64_t row = 0;
    for (; row + 4 <= dqk; row += 4) {
        float *c0 = c + row * dv, *c1 = c0 + dv, *c2 = c1 + dv, *c3 = c2 + dv;
        vf k0 = v_set(input * k[row]), k1 = v_set(input * k[row + 1]), k2 = v_set(input * k[row + 2]),
           k3 = v_set(input * k[row + 3]);
        vf q0 = v_set(factor * q[row]), q1 = v_set(factor * q[row + 1]), q2 = v_set(factor * q[row + 2]),
           q3 = v_set(factor * q[row + 3]);
        FOR_VECTORS(dv, {
            vf value = LOAD(v + i), sum = LOAD(h + i);
            vf n0 = v_fma(keep, LOAD(c0 + i), v_mul(k0, value)), n1 = v_fma(keep, LOAD(c1 + i), v_mul(k1, value));
            vf n2 = v_fma(keep, LOAD(c2 + i), v_mul(k2, value)), n3 = v_fma(keep, LOAD(c3 + i), v_mul(k3, value));
            STORE(c0 + i, n0);
            STORE(c1 + i, n1);
            STORE(c2 + i, n2);
            STORE(c3 + i, n3);
            STORE(h + i, v_add(sum, v_fma(q3, n3, v_fma(q2, n2, v_fma(q1, n1, v_mul(q0, n0))))));
        });
    }
    for (; row < dqk; row++) {
        float *c0 = c + row * dv;
        vf k0 = v_set(input * k[row]), q0 = v_set(factor * q[row]);
        FOR_VECTORS(dv, {
            vf n0 = v_fma(keep, LOAD(c0 + i), v_mul(k0, LOAD(v + i)));
            STORE(c0 + i, n0);
            STORE(h + i, v_fma(q0, n0, LOAD(h + i)));
        });
    }
}

typedef struct tile {
    vf sum[TILE_ROWS][TILE_VECTORS];
} tile;

/* sum[r] += a[r * a_row + j * a_step] * b[j], over j < depth; rows of b are COLUMNS floats apart. Inlined, so that
 * the tile stays in registers. */
static inline __attribute__((always_inline)) void multiply(tile *acc, const float *a, int64_t a_row, int64_t a_step,
                                                           const float *b, int64_t depth) {
    for (int64_t j = 0; j < depth; j++, a += a_step, b += COLUMNS) {
        vf line[TILE_VECTORS];
#pragma GCC unroll 4
        for (int l = 0; l < TILE_VECTORS; l++) line[l] = v_load(b + l * WIDTH);
#pragma GCC unroll 8
        for (int r = 0; r < TILE_ROWS; r++) {
            vf x = v_set(a[r * a_row]);
#pragma GCC unroll 4
            for (int l = 0; l < TILE_VECTORS; l++) acc->sum[r][l] = v_fma(x, line[l], acc->sum[r][l]);
        }
    }
}

static inline __attribute__((always_inline)) void clear(tile *acc) {
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 4
        for (int l = 0; l < TILE_VECTORS; l++) acc->sum[r][l] = v_set(0);
}

static inline __attribute__((always_inline)) void scale_rows(tile *acc, const float *factors) {
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++) {
        vf by = v_set(factors[r]);
#pragma GCC unroll 4
        for (int l = 0; l < TILE_VECTORS; l++) acc->sum[r][l] = v_mul(acc->sum[r][l], by);
    }
}

/* Writes the first `rows` rows and `width` columns. */
static inline __attribute__((always_inline)) void store(const tile *acc, float *to, int64_t stride, int64_t rows,
                                                        int64_t width) {
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 4
        for (int l = 0; l < TILE_VECTORS; l++) {
            int64_t left = r < rows ? width - l * WIDTH : 0;
            if (left >= WIDTH) v_store(to + r * stride + l * WIDTH, acc->sum[r][l]);
            else if (left > 0) v_store_first(to + r * stride + l * WIDTH, acc->sum[r][l], (int)left);
        }
}

/* Copies a panel of COLUMNS columns, `width` of them there and the others zero. */
static void pack_panel(const float *from, int64_t stride, int64_t rows, int64_t width, float *to) {
    for (int64_t j = 0; j < rows; j++, from += stride, to += COLUMNS)
#pragma GCC unroll 4
        for (int l = 0; l < TILE_VECTORS; l++) {
            int64_t left = width - l * WIDTH;
            v_store(to + l * WIDTH, left >= WIDTH ? v_load(from + l * WIDTH)
                                    : left > 0    ? v_load_first(from + l * WIDTH, (int)left)
                                                  : v_set(0));
        }
}

/* to[i] = from[i] * factor for i < n, then zeros up to `padded`, a multiple of WIDTH. */
static void copy_scaled(const float *from, float factor, int64_t n, float *to, int64_t padded) {
    vf by = v_set(factor);
    int64_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) v_store(to + i, v_mul(by, v_load(from + i)));
    for (; i < padded; i += WIDTH)
        v_store(to + i, i < n ? v_mul(by, v_load_first(from + i, (int)(n - i))) : v_set(0));
}

/* Parts of the scratch and what is known of the chunk. Arrays over tokens reach COLUMNS beyond the last one. */
typedef struct work {
    int64_t length, panels; /* tokens; panels of COLUMNS tokens */
    int64_t q_row, w_row;   /* floats between rows of q and w */
    double *a;              /* i_s - b_s */
    double *d;              /* b_t - m_t */
    float *m;               /* m_t */
    float *carry;           /* e^(b_t + m_prev - m_t) */
    float *floor;           /* e^(-m_t) */
    float *column;          /* e^(a_s - max of a in the panel of s) */
    double *highest;        /* [panels] that maximum */
    float *row;             /* [panels, BLOCK] e^(d_t + highest) for tokens of the block at hand */
    float *inverse;         /* [BLOCK] 1 / denominator */
    float *q;               /* [length in whole tiles, q_row] q / sqrt(dqk); later k weighted for the state */
    float *k;               /* [panels][dqk, COLUMNS] k transposed */
    float *v;               /* [panels of dv][length, COLUMNS] */
    float *c;               /* [dqk, COLUMNS] one panel of C */
    float *w;               /* [BLOCK, w_row] intra-chunk weights times q.k */
} work;

static int64_t whole(int64_t n, int64_t unit) {
    return (n + unit - 1) / unit * unit;
}

static void plan(const xl_mlstm_chunk *chunk, work *s) {
    int64_t length = chunk->length, dqk = chunk->dqk, padded = whole(length, COLUMNS) + COLUMNS;
    s->length = length;
    s->panels = (length + COLUMNS - 1) / COLUMNS;
    /* One vector more than needed: rows a multiple of 4096 bytes apart would share one set of the cache. */
    s->q_row = whole(dqk, WIDTH) + WIDTH;
    s->w_row = whole(length, COLUMNS) + WIDTH;
    s->a = (double *)(void *)chunk->scratch;
    s->d = s->a + padded;
    s->highest = s->d + padded;
    s->m = (float *)(s->highest + s->panels);
    s->carry = s->m + padded;
    s->floor = s->carry + padded;
    s->column = s->floor + padded;
    s->row = s->column + padded;
    s->inverse = s->row + s->panels * BLOCK;
    s->q = s->inverse + BLOCK;
    s->k = s->q + whole(length, TILE_ROWS) * s->q_row;
    s->v = s->k + s->panels * dqk * COLUMNS;
    s->c = s->v + length * whole(chunk->dv, COLUMNS);
    s->w = s->c + dqk * COLUMNS;
}

/* All exponents of the chunk that depend on one token. Differences are taken in float64; every exponential's
 * argument is at most about 0, but for those of `floor`, which may overflow to infinity and then wins. */
static void gates(const xl_mlstm_chunk *chunk, work *s) {
    int64_t length = s->length;
    float *f = s->carry;
    for (int64_t t = 0; t < length; t++) f[t] = chunk->fgate[t * chunk->f_stride];
    FOR_VECTORS(length, { STORE(f + i, v_log_sigmoid(LOAD(f + i))); });

    double b = 0, highest = -INFINITY, m_prev = *chunk->m;
    for (int64_t t = 0; t < length; t++) {
        b += f[t] < -1e5f ? -1e5 : f[t];
        s->a[t] = xl_input_gate(chunk->igate[t * chunk->i_stride]) - b;
        if (s->a[t] > highest) highest = s->a[t];
        s->m[t] = (float)(b + (m_prev > highest ? m_prev : highest));
        s->d[t] = b - s->m[t];
    }
    for (int64_t t = length; t < whole(length, COLUMNS) + COLUMNS; t++) {
        s->a[t] = s->a[length - 1];
        s->d[t] = s->d[length - 1];
        s->m[t] = s->m[length - 1];
    }
    for (int64_t t = 0; t < length; t += WIDTH) {
        v_store(s->carry + t, v_exp(v_add_doubles(m_prev, s->d + t)));
        v_store(s->floor + t, v_exp(v_sub(v_set(0), v_load(s->m + t))));
    }
    for (int64_t p = 0; p < s->panels; p++) {
        const double *a = s->a + p * COLUMNS;
        double most = a[0];
        for (int64_t j = 1; j < COLUMNS; j++) most = a[j] > most ? a[j] : most;
        s->highest[p] = most;
        for (int64_t j = 0; j < COLUMNS; j += WIDTH)
            v_store(s->column + p * COLUMNS + j, v_exp(v_add_doubles(-most, a + j)));
    }
}

static void pack(const xl_mlstm_chunk *chunk, work *s) {
    int64_t length = s->length, dqk = chunk->dqk, dv = chunk->dv;
    float scale = (float)(1 / sqrt((double)dqk));
    for (int64_t t = 0; t < whole(length, TILE_ROWS); t++)
        copy_scaled(chunk->q + (t < length ? t * chunk->q_stride : 0), scale, t < length ? dqk : 0,
                    s->q + t * s->q_row, s->q_row);
    for (int64_t p = 0; p < s->panels; p++)
        for (int64_t j = 0; j < COLUMNS; j++) {
            float *to = s->k + p * dqk * COLUMNS + j;
            int64_t t = p * COLUMNS + j;
            const float *k = chunk->k + t * chunk->k_stride;
            for (int64_t i = 0; i < dqk; i++) to[i * COLUMNS] = t < length ? k[i] : 0;
        }
    for (int64_t j = 0; j < dv; j += COLUMNS)
        pack_panel(chunk->v + j, chunk->v_stride, length, dv - j, s->v + j * length);
}

/* Weights of the tile of tokens t, t+1, … (rows of the block from `in_block`) and panel p of earlier tokens. A
 * panel that all rows follow needs no exponential of its own: e^(b_t - b_s + i_s - m_t) is row times column. */
static void weigh(const xl_mlstm_chunk *chunk, const work *s, int64_t t, int64_t in_block, int64_t p) {
    tile acc;
    clear(&acc);
    multiply(&acc, s->q + t * s->q_row, s->q_row, 1, s->k + p * chunk->dqk * COLUMNS, chunk->dqk);
    float *w = s->w + in_block * s->w_row + p * COLUMNS;
    if ((p + 1) * COLUMNS <= t + 1) {
        const float *row = s->row + p * BLOCK + in_block, *column = s->column + p * COLUMNS;
        scale_rows(&acc, row);
#pragma GCC unroll 8
        for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 4
            for (int l = 0; l < TILE_VECTORS; l++)
                v_store(w + r * s->w_row + l * WIDTH, v_mul(acc.sum[r][l], v_load(column + l * WIDTH)));
        return;
    }
    for (int r = 0; r < TILE_ROWS; r++) {
        int64_t token = t + r < s->length ? t + r : s->length - 1;
        for (int l = 0; l < TILE_VECTORS; l++) {
            int64_t first = p * COLUMNS + l * WIDTH, valid = token + 1 - first;
            valid = valid < 0 ? 0 : valid > WIDTH ? WIDTH : valid;
            vf e = v_exp(v_add_doubles(s->d[token], s->a + first));
            v_store(w + r * s->w_row + l * WIDTH, v_keep_first(v_mul(acc.sum[r][l], e), (int)valid));
        }
    }
}

/* 1 / (max(|n.q|, e^-m) + eps) of token t, n.q being the row sum of its weights plus what n_prev brings. */
static float inverse_denominator(const xl_mlstm_chunk *chunk, const work *s, int64_t t, const float *w) {
    vf sum = v_set(0), carried = v_set(0);
    for (int64_t j = 0; j <= t; j += WIDTH) sum = v_add(sum, v_load(w + j));
    const float *q = s->q + t * s->q_row;
    FOR_VECTORS(chunk->dqk, { carried = v_fma(v_load(q + i), LOAD(chunk->n + i), carried); });
    double product = v_sum(v_fma(v_set(s->carry[t]), carried, sum));
    return (float)(1 / (fmax(fabs(product), s->floor[t]) + chunk->eps));
}

/* h of tokens first … first + BLOCK - 1. */
static void attend(const xl_mlstm_chunk *chunk, work *s, int64_t first) {
    int64_t dqk = chunk->dqk, dv = chunk->dv, left = s->length - first, rows = left < BLOCK ? left : BLOCK;
    for (int64_t p = 0; (p + 1) * COLUMNS <= first + rows; p++)
        for (int64_t t = 0; t < rows; t += WIDTH)
            v_store(s->row + p * BLOCK + t, v_exp(v_add_doubles(s->highest[p], s->d + first + t)));
    for (int64_t t = 0; t < rows; t += TILE_ROWS) {
        int64_t end = first + t + TILE_ROWS < s->length ? first + t + TILE_ROWS : s->length;
        for (int64_t p = 0; p * COLUMNS < end; p++) weigh(chunk, s, first + t, t, p);
    }
    for (int64_t t = 0; t < rows; t++)
        s->inverse[t] = inverse_denominator(chunk, s, first + t, s->w + t * s->w_row);

    for (int64_t j = 0; j < dv; j += COLUMNS) {
        pack_panel(chunk->c + j, dv, dqk, dv - j, s->c);
        for (int64_t t = 0; t < rows; t += TILE_ROWS) {
            int64_t end = first + t + TILE_ROWS < s->length ? first + t + TILE_ROWS : s->length;
            tile acc;
            clear(&acc);
            multiply(&acc, s->q + (first + t) * s->q_row, s->q_row, 1, s->c, dqk);
            scale_rows(&acc, s->carry + first + t);
            multiply(&acc, s->w + t * s->w_row, s->w_row, 1, s->v + j * s->length, end);
            scale_rows(&acc, s->inverse + t);
            store(&acc, chunk->h + (first + t) * chunk->h_stride + j, chunk->h_stride, rows - t, dv - j);
        }
    }
}

/* C, n and m at the chunk's end. */
static void advance(const xl_mlstm_chunk *chunk, work *s) {
    int64_t length = s->length, dqk = chunk->dqk, dv = chunk->dv;
    float decay = s->carry[length - 1], *weight = s->column, *n = chunk->n;
    for (int64_t t = 0; t < length; t += WIDTH)
        v_store(weight + t, v_exp(v_add_doubles(s->d[length - 1], s->a + t)));
    FOR_VECTORS(dqk, { STORE(n + i, v_mul(v_set(decay), LOAD(n + i))); });
    for (int64_t t = 0; t < length; t++) {
        float *k = s->q + t * s->q_row;
        copy_scaled(chunk->k + t * chunk->k_stride, weight[t], dqk, k, s->q_row);
        FOR_VECTORS(dqk, { STORE(n + i, v_add(LOAD(n + i), v_load(k + i))); });
    }
    vf keep = v_set(decay);
    for (int64_t i = 0; i < dqk; i += TILE_ROWS)
        for (int64_t j = 0; j < dv; j += COLUMNS) {
            float *c = chunk->c + i * dv + j;
            tile acc;
            clear(&acc);
            multiply(&acc, s->q + i, 1, s->q_row, s->v + j * length, length);
#pragma GCC unroll 8
            for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 4
                for (int l = 0; l < TILE_VECTORS; l++) {
                    int64_t left = i + r < dqk ? dv - j - l * WIDTH : 0;
                    float *to = c + r * dv + l * WIDTH;
                    if (left >= WIDTH) v_store(to, v_fma(keep, v_load(to), acc.sum[r][l]));
                    else if (left > 0)
                        v_store_first(to, v_fma(keep, v_load_first(to, (int)left), acc.sum[r][l]), (int)left);
                }
        }
    *chunk->m = s->m[length - 1];
}

static void mlstm_chunk(const xl_mlstm_chunk *chunk) {
    work s;
    plan(chunk, &s);
    gates(chunk, &s);
    pack(chunk, &s);
    for (int64_t first = 0; first < s.length; first += BLOCK) attend(chunk, &s, first);
    advance(chunk, &s);
}

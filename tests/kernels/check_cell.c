/* The mLSTM cell: steps and chunks of any length against the oracle's steps, whole and in parts. */
#include "check.h"

/* Tokens and state of one head. The gaps that strides leave stay NaN. q, k and n are mostly positive: where n.q
 * nearly cancels, h is as ill-conditioned as a division by zero, and no two ways of rounding agree. */
typedef struct cell {
    int64_t length, dqk, dv, q_stride, v_stride, gate_stride;
    region q, k, v, i, f, c, n, m, h;
} cell;

static cell make_cell(int64_t length, int64_t dqk, int64_t dv, double hardness, int64_t gap) {
    cell x = {.length = length,
              .dqk = dqk,
              .dv = dv,
              .q_stride = dqk + gap,
              .v_stride = dv + gap,
              .gate_stride = 1 + gap};
    size_t tokens = (size_t)length;
    x.q = make(tokens * (size_t)x.q_stride * 4), x.k = make(tokens * (size_t)x.q_stride * 4);
    x.v = make(tokens * (size_t)x.v_stride * 4), x.h = make(tokens * (size_t)x.v_stride * 4);
    x.i = make(tokens * (size_t)x.gate_stride * 4), x.f = make(tokens * (size_t)x.gate_stride * 4);
    for (int64_t t = 0; t < length; t++) {
        for (int64_t j = 0; j < dqk; j++) {
            floats(x.q)[t * x.q_stride + j] = (float)(xl_rng_normal(&rng) + 2);
            floats(x.k)[t * x.q_stride + j] = (float)(xl_rng_normal(&rng) + 2);
        }
        for (int64_t j = 0; j < dv; j++) floats(x.v)[t * x.v_stride + j] = (float)(xl_rng_normal(&rng) + 1);
        floats(x.i)[t * x.gate_stride] = (float)(hardness * xl_rng_normal(&rng));
        floats(x.f)[t * x.gate_stride] = (float)(hardness * (xl_rng_normal(&rng) + 1));
    }
    x.c = random_floats((size_t)(dqk * dv), 1);
    for (int64_t j = 0; j < dqk * dv; j++) floats(x.c)[j] += 1;
    x.n = random_floats((size_t)dqk, 1);
    for (int64_t j = 0; j < dqk; j++) floats(x.n)[j] = fabsf(floats(x.n)[j]) + 0.5f;
    x.m = random_floats(1, 1);
    return x;
}

static void drop_cell(cell *x) {
    region all[] = {x->q, x->k, x->v, x->i, x->f, x->c, x->n, x->m, x->h};
    for (size_t r = 0; r < sizeof all / sizeof *all; r++) drop(all[r], "mlstm");
}

/* Runs all tokens from the cell's state, in chunks of `chunk` tokens (0: with the step kernel), into copies. */
typedef struct outcome {
    region c, n, m, h;
} outcome;

static outcome run_cell(const xl_kernels *table, const cell *x, int64_t chunk) {
    outcome o = {copy_of(x->c), copy_of(x->n), copy_of(x->m), make(x->h.bytes)};
    region scratch = {0};
    if (chunk) scratch = make(xl_mlstm_chunk_scratch(chunk, x->dqk, x->dv) * 4 / 64 * 64 + 64);
    for (int64_t t = 0; t < x->length; t += chunk ? chunk : 1) {
        const float *q = floats(x->q) + t * x->q_stride, *k = floats(x->k) + t * x->q_stride;
        const float *v = floats(x->v) + t * x->v_stride;
        const float *i = floats(x->i) + t * x->gate_stride, *f = floats(x->f) + t * x->gate_stride;
        float *h = floats(o.h) + t * x->v_stride;
        if (!chunk) {
            const xl_mlstm_step args = {.dqk = x->dqk,
                                        .dv = x->dv,
                                        .q = q,
                                        .k = k,
                                        .v = v,
                                        .igate = *i,
                                        .fgate = *f,
                                        .c = floats(o.c),
                                        .c_stride = x->dv,
                                        .n = floats(o.n),
                                        .m = floats(o.m),
                                        .eps = 1e-6f,
                                        .h = h};
            table->mlstm_step(&args);
            continue;
        }
        xl_mlstm_chunk args = {.length = x->length - t < chunk ? x->length - t : chunk,
                               .dqk = x->dqk,
                               .dv = x->dv,
                               .q = q,
                               .k = k,
                               .v = v,
                               .q_stride = x->q_stride,
                               .k_stride = x->q_stride,
                               .v_stride = x->v_stride,
                               .igate = i,
                               .fgate = f,
                               .i_stride = x->gate_stride,
                               .f_stride = x->gate_stride,
                               .c = floats(o.c),
                               .c_stride = x->dv,
                               .n = floats(o.n),
                               .m = floats(o.m),
                               .eps = 1e-6f,
                               .h = h,
                               .h_stride = x->v_stride,
                               .scratch = floats(scratch)};
        table->mlstm_chunk(&args);
    }
    if (chunk) drop(scratch, "mlstm_chunk scratch");
    return o;
}

static void compare(const char *kernel, const cell *x, const outcome *got, const outcome *want, double limit) {
    char what[128];
    const char *parts[] = {"C", "n", "m", "h"};
    const region *a[] = {&got->c, &got->n, &got->m, &got->h}, *b[] = {&want->c, &want->n, &want->m, &want->h};
    for (int i = 0; i < 4; i++) {
        snprintf(what, sizeof what, "%s of %d tokens, %dx%d: %s", kernel, (int)x->length, (int)x->dqk, (int)x->dv,
                 parts[i]);
        /* m is an exponent, so its absolute error is what scales C, n and h. */
        expect(what,
               i == 2 ? fabsf(*floats(*a[i]) - *floats(*b[i]))
                      : distance(floats(*a[i]), floats(*b[i]), a[i]->bytes / 4),
               limit);
    }
}

static void drop_outcome(outcome *o) {
    drop(o->c, "mlstm C"), drop(o->n, "mlstm n"), drop(o->m, "mlstm m"), drop(o->h, "mlstm h");
}

static void check_whole_cell(void) {
    static const int64_t shapes[][2] = {{1, 1},   {3, 5},   {8, 16},   {16, 32},
                                        {13, 40}, {24, 33}, {64, 100}, {96, 192}};
    static const int64_t lengths[] = {1, 2, 5, 6, 7, 16, 17, 31, 48, 49, 64, 96, 97, 200};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
            for (int hard = 0; hard < 2; hard++) {
                cell x = make_cell(lengths[l], shapes[s][0], shapes[s][1], hard ? 15 : 2, (int64_t)l % 3);
                outcome oracle = run_cell(&ref, &x, 0), step = run_cell(&isa, &x, 0);
                outcome slow = run_cell(&ref, &x, x.length), whole = run_cell(&isa, &x, x.length);
                outcome parts = run_cell(&isa, &x, 19);
                /* Each step rounds m, and the error accumulates in C and n until an input gate sets m anew. With
                 * few lanes q and n may still nearly cancel. */
                double limit = x.dqk < 8 ? 2e-4 : 5e-5;
                compare("mlstm_step", &x, &step, &oracle, limit);
                compare("oracle's mlstm_chunk", &x, &slow, &oracle, limit);
                compare("mlstm_chunk", &x, &whole, &slow, limit);
                compare("mlstm_chunk by 19", &x, &parts, &oracle, limit);
                drop_outcome(&oracle), drop_outcome(&step), drop_outcome(&slow), drop_outcome(&whole);
                drop_outcome(&parts), drop_cell(&x);
            }
    /* One long sequence with gates that saturate: the running sum of log-forget gates reaches thousands. */
    cell x = make_cell(2500, 16, 32, 15, 0);
    outcome oracle = run_cell(&ref, &x, 0);
    for (int64_t chunk = 4096; chunk >= 64; chunk /= 8) {
        outcome o = run_cell(&isa, &x, chunk);
        compare("mlstm_chunk, hard and long", &x, &o, &oracle, 2e-5);
        drop_outcome(&o);
    }
    drop_outcome(&oracle);
    /* Gates of minus infinity: nothing enters, or nothing stays; the result must have no NaN. */
    for (int64_t t = 0; t < x.length; t++) {
        if (t % 5 == 0) floats(x.i)[t] = -INFINITY;
        if (t % 7 == 3) floats(x.f)[t] = -INFINITY;
    }
    oracle = run_cell(&ref, &x, 0);
    outcome o = run_cell(&isa, &x, 64), step = run_cell(&isa, &x, 0);
    for (size_t i = 0; i < o.h.bytes / 4; i++)
        if (!isfinite(floats(o.h)[i])) expect("mlstm_chunk, gates of -inf", INFINITY, 0);
    compare("mlstm_chunk, gates of -inf", &x, &o, &oracle, 2e-5);
    compare("mlstm_step, gates of -inf", &x, &step, &oracle, 2e-5);
    drop_outcome(&o), drop_outcome(&step), drop_outcome(&oracle), drop_cell(&x);
}

/* A head's columns, in parts and in each format of C: parts give the bits of the whole, and a rounded C is the
 * oracle's, but for values that lie between two roundings. */
static void check_cell_parts(void) {
    static const xl_format_id formats[] = {XL_FORMAT_F32, XL_FORMAT_BF16, XL_FORMAT_F16};
    static const double rounding[] = {5e-5, 1e-2, 2e-3};
    enum { DQK = 26, DV = 75, CUT = 32, L = 21 };
    for (int f = 0; f < 3; f++) {
        const size_t size = xl_format_get((int)formats[f])->block_bytes;
        cell x = make_cell(1, DQK, DV, 2, 0);
        region c[3], n[3], m[3], h[3];
        for (int i = 0; i < 3; i++) {
            c[i] = make(DQK * DV * size), n[i] = copy_of(x.n), m[i] = copy_of(x.m), h[i] = make(DV * 4);
            ref.from_f32[formats[f]](floats(x.c), c[i].data, DQK * DV);
        }
        for (int i = 0; i < 4; i++) { /* the oracle, the whole, two parts */
            const int to = i < 2 ? i : 2, from = i == 3 ? CUT : 0;
            region own[] = {copy_of(n[to]), copy_of(m[to])}; /* a part's */
            const xl_mlstm_step step = {.dqk = DQK,
                                        .dv = i == 2 ? CUT : DV - from,
                                        .q = floats(x.q),
                                        .k = floats(x.k),
                                        .v = floats(x.v) + from,
                                        .igate = floats(x.i)[0],
                                        .fgate = floats(x.f)[0],
                                        .c = c[to].data + (size_t)from * size,
                                        .c_format = formats[f],
                                        .c_stride = DV,
                                        .n = floats(i == 2 ? own[0] : n[to]),
                                        .m = floats(i == 2 ? own[1] : m[to]),
                                        .eps = 1e-6f,
                                        .h = floats(h[to]) + from};
            (i ? &isa : &ref)->mlstm_step(&step);
            drop(own[0], "mlstm_step"), drop(own[1], "mlstm_step");
        }
        float rounded[2][DQK * DV];
        for (int i = 0; i < 2; i++) ref.to_f32[formats[f]](c[i].data, rounded[i], DQK * DV);
        expect("mlstm_step, C", distance(rounded[1], rounded[0], DQK * DV), rounding[f] / 10);
        expect("mlstm_step, h", distance(floats(h[1]), floats(h[0]), DV), 5e-5);
        if (memcmp(c[1].data, c[2].data, c[1].bytes) || memcmp(h[1].data, h[2].data, h[1].bytes) ||
            memcmp(n[1].data, n[2].data, n[1].bytes))
            expect("mlstm_step in parts", INFINITY, 0);
        for (int i = 0; i < 3; i++) drop(c[i], "c"), drop(n[i], "n"), drop(m[i], "m"), drop(h[i], "h");
        drop_cell(&x);
    }
    cell x = make_cell(L, DQK, DV, 2, 0);
    region scratch = make(xl_mlstm_chunk_scratch(L, DQK, DV) * 4 / 64 * 64 + 64);
    region c[] = {copy_of(x.c), copy_of(x.c)}, h[] = {make(x.h.bytes), make(x.h.bytes)};
    for (int i = 0; i < 3; i++) { /* the whole, two parts */
        const int to = i > 0, from = i == 2 ? CUT : 0;
        region n = copy_of(x.n), m = copy_of(x.m);
        const xl_mlstm_chunk chunk = {.length = L,
                                      .dqk = DQK,
                                      .dv = i == 1 ? CUT : DV - from,
                                      .q = floats(x.q),
                                      .k = floats(x.k),
                                      .v = floats(x.v) + from,
                                      .q_stride = x.q_stride,
                                      .k_stride = x.q_stride,
                                      .v_stride = x.v_stride,
                                      .igate = floats(x.i),
                                      .fgate = floats(x.f),
                                      .i_stride = x.gate_stride,
                                      .f_stride = x.gate_stride,
                                      .c = floats(c[to]) + from,
                                      .c_stride = DV,
                                      .n = floats(n),
                                      .m = floats(m),
                                      .eps = 1e-6f,
                                      .h = floats(h[to]) + from,
                                      .h_stride = x.v_stride,
                                      .scratch = floats(scratch)};
        isa.mlstm_chunk(&chunk);
        drop(n, "n"), drop(m, "m");
    }
    if (memcmp(c[0].data, c[1].data, c[0].bytes) || memcmp(h[0].data, h[1].data, h[0].bytes))
        expect("mlstm_chunk in parts", INFINITY, 0);
    drop(scratch, "scratch"), drop(c[0], "c"), drop(c[1], "c"), drop(h[0], "h"), drop(h[1], "h"), drop_cell(&x);
}

static void bench_cell(void) {
    static const int64_t shapes[][2] = {{16, 32}, {48, 96}, {128, 256}, {256, 512}};
    for (size_t s = 0; bench && s < sizeof shapes / sizeof *shapes; s++) {
        int64_t dqk = shapes[s][0], dv = shapes[s][1];
        char what[64];
        for (int64_t length = 16; length <= 256; length *= 2) {
            cell x = make_cell(length, dqk, dv, 2, 0);
            region scratch = make(xl_mlstm_chunk_scratch(length, dqk, dv) * 4 / 64 * 64 + 64);
            xl_mlstm_chunk args = {.length = length,
                                   .dqk = dqk,
                                   .dv = dv,
                                   .q = floats(x.q),
                                   .k = floats(x.k),
                                   .v = floats(x.v),
                                   .q_stride = dqk,
                                   .k_stride = dqk,
                                   .v_stride = dv,
                                   .igate = floats(x.i),
                                   .fgate = floats(x.f),
                                   .i_stride = 1,
                                   .f_stride = 1,
                                   .c = floats(x.c),
                                   .c_stride = dv,
                                   .n = floats(x.n),
                                   .m = floats(x.m),
                                   .eps = 1e-6f,
                                   .h = floats(x.h),
                                   .h_stride = dv,
                                   .scratch = floats(scratch)};
            double flops = (double)length * (double)(length + 1) * (double)(dqk + dv) +
                           4.0 * (double)length * (double)dqk * (double)dv;
            snprintf(what, sizeof what, "mlstm_chunk %dx%d, L %d", (int)dqk, (int)dv, (int)length);
            BENCH(flops, "GFLOP/s", what, ref.mlstm_chunk(&args), isa.mlstm_chunk(&args));
            drop(scratch, what), drop_cell(&x);
        }
        cell x = make_cell(1, dqk, dv, 2, 0);
        snprintf(what, sizeof what, "mlstm_step %dx%d", (int)dqk, (int)dv);
        xl_mlstm_step step = {.dqk = dqk,
                              .dv = dv,
                              .q = floats(x.q),
                              .k = floats(x.k),
                              .v = floats(x.v),
                              .igate = 0,
                              .fgate = 5,
                              .c = floats(x.c),
                              .c_stride = dv,
                              .n = floats(x.n),
                              .m = floats(x.m),
                              .eps = 1e-6f,
                              .h = floats(x.h)};
        BENCH(8.0 * (double)(dqk * dv), "GB/s", what, ref.mlstm_step(&step), isa.mlstm_step(&step));
        step.c_format = XL_FORMAT_BF16;
        snprintf(what, sizeof what, "mlstm_step %dx%d in bf16", (int)dqk, (int)dv);
        BENCH(4.0 * (double)(dqk * dv), "GB/s", what, ref.mlstm_step(&step), isa.mlstm_step(&step));
        drop_cell(&x);
    }
}

void check_cell(void) {
    check_whole_cell();
    check_cell_parts();
    bench_cell();
}

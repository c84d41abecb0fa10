/* Tests every kernel of one instruction set against the plain C oracle: random data, shapes with tails, unaligned
 * pointers, poisoned outputs with canaries around them, and inputs that end where the next page may not be read.
 *
 *   check ISA [--bench] [--seed N]        ISA: avx2, avx512, neon, c (the oracle against itself and float64)
 *
 * The exit status is 77 where this processor lacks the instruction set. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/memory.h"
#include "base/rng.h"
#include "kernels/kernels.h"

static xl_kernels ref, isa;
static xl_rng rng;
static bool bench;
static int failures;

/* Memory that is preceded by a canary and followed by a page that faults. */
typedef struct region {
    char *map, *data;
    size_t mapped, bytes;
} region;
enum { CANARY = 64, CANARY_BYTE = 0xA5 };

static region make(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (bytes + CANARY + page - 1) / page * page;
    region r = {.mapped = body + page, .bytes = bytes};
    r.map = mmap(NULL, r.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (r.map == MAP_FAILED || mprotect(r.map + body, page, PROT_NONE)) {
        perror("mmap");
        exit(1);
    }
    r.data = r.map + body - bytes;
    memset(r.data - CANARY, CANARY_BYTE, CANARY);
    memset(r.data, 0xFF, bytes); /* NaN in every format */
    return r;
}

static void drop(region r, const char *what) {
    for (int i = 0; i < CANARY; i++)
        if ((unsigned char)r.data[i - CANARY] != CANARY_BYTE) {
            printf("FAIL %s: wrote before its output\n", what);
            failures++;
            break;
        }
    munmap(r.map, r.mapped);
}

static float *floats(region r) {
    return (float *)(void *)r.data;
}

static region random_floats(size_t n, double scale) {
    region r = make(n * sizeof(float));
    for (size_t i = 0; i < n; i++) floats(r)[i] = (float)(scale * xl_rng_normal(&rng));
    return r;
}

static region copy_of(region from) {
    region r = make(from.bytes);
    memcpy(r.data, from.data, from.bytes);
    return r;
}

/* Relative L2 distance; infinity where only one of the two has NaN or infinity at a place. */
static double distance(const float *a, const float *b, size_t n) {
    double difference = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        if (a[i] == b[i] || (isnan(a[i]) && isnan(b[i]))) {
            if (isfinite(a[i])) norm += (double)a[i] * a[i];
            continue;
        }
        if (!isfinite(a[i]) || !isfinite(b[i])) return INFINITY;
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        norm += (double)b[i] * b[i];
    }
    return difference == 0 ? 0 : norm == 0 ? INFINITY : sqrt(difference / norm);
}

static void expect(const char *what, double got, double limit) {
    if (got <= limit) return;
    printf("FAIL %s: %s off the oracle by %.3g, at most %.3g allowed\n", isa.name, what, got, limit);
    failures++;
}

static double thread_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

/* Nanoseconds of processor time of one call: the best of 10 batches of at least 2 ms. */
#define TIME(ns, call)                                                                                             \
    do {                                                                                                           \
        double taken_ = 0;                                                                                         \
        int64_t calls_ = 1;                                                                                        \
        (ns) = INFINITY;                                                                                           \
        for (int round_ = 0; round_ < 10; round_ += taken_ >= 2e6) {                                               \
            double start_ = thread_ns();                                                                           \
            for (int64_t i_ = 0; i_ < calls_; i_++) call;                                                          \
            taken_ = thread_ns() - start_;                                                                         \
            if (taken_ < 2e6) calls_ *= 2;                                                                         \
            else if (taken_ / (double)calls_ < (ns)) (ns) = taken_ / (double)calls_;                               \
        }                                                                                                          \
    } while (0)
/* Prints the times of the oracle and the kernel, and the kernel's `work` per nanosecond. */
#define BENCH(work, unit, title, of_ref, of_isa)                                                                   \
    do {                                                                                                           \
        if (bench) {                                                                                               \
            double c_, v_;                                                                                         \
            TIME(c_, of_ref);                                                                                      \
            TIME(v_, of_isa);                                                                                      \
            printf("%-40s c %10.0f ns   %s %10.0f ns   x%5.1f   %7.2f %s\n", title, c_, isa.name, v_, c_ / v_,     \
                   (double)(work) / v_, unit);                                                                     \
        }                                                                                                          \
    } while (0)

static const char *name_of(int format) {
    return xl_format_get(format)->name;
}

static size_t bytes_of(int format, size_t n) {
    return xl_format_row_bytes((xl_format_id)format, (int64_t)n);
}

static void check_conversions(void) {
    for (int f = 0; f < XL_FORMAT_COUNT; f++) {
        char what[64];
        snprintf(what, sizeof what, "to_f32[%s]", name_of(f));
        size_t all = 65536 + 37, unit = xl_format_get(f)->block_bytes;
        region src = make(bytes_of(f, all)), a = make(all * 4), b = make(all * 4);
        for (size_t i = 0; i + unit <= src.bytes; i += unit) {
            /* Every value of two bytes, and random ones of larger types. */
            uint32_t bits = unit == 2 ? (uint32_t)(i / 2) : (uint32_t)xl_rng_next(&rng);
            for (size_t j = 0; j < unit; j++) src.data[i + j] = (char)(j < 4 ? bits >> 8 * j : xl_rng_next(&rng));
        }
        ref.to_f32[f](src.data, floats(a), all);
        isa.to_f32[f](src.data, floats(b), all);
        expect(what, distance(floats(b), floats(a), all), 0);
        for (size_t n = 0; n < 40; n++) {
            region out = make(n * 4), in = make(bytes_of(f, n) + 1);
            memcpy(in.data, src.data + 256 * unit,
                   bytes_of(f, n)); /* an odd address: the end is one byte further */
            isa.to_f32[f](in.data, floats(out), n);
            ref.to_f32[f](in.data, floats(a), n);
            expect(what, distance(floats(out), floats(a), n), 0);
            drop(in, what), drop(out, what);
        }
        BENCH(all, "values/ns", what, ref.to_f32[f](src.data, floats(a), all),
              isa.to_f32[f](src.data, floats(b), all));
        drop(a, what), drop(b, what), drop(src, what);

        snprintf(what, sizeof what, "from_f32[%s]", name_of(f));
        for (size_t n = 0; n < 3000; n += n < 40 ? 1 : 739) {
            region in = make(n * 4), x = make(bytes_of(f, n)), y = make(bytes_of(f, n));
            for (size_t i = 0; i < n; i++) {
                uint32_t bits = (uint32_t)xl_rng_next(&rng);
                if (i % 2) bits = (bits & 0x8fffffff) | 0x30000000; /* where float16 is normal or subnormal */
                memcpy(in.data + 4 * i, &bits, 4);
                if (xl_format_get(f)->block > 1 && !isfinite(floats(in)[i])) floats(in)[i] = 1;
            }
            ref.from_f32[f](floats(in), x.data, n);
            isa.from_f32[f](floats(in), y.data, n);
            if (memcmp(x.data, y.data, x.bytes)) expect(what, INFINITY, 0);
            drop(in, what), drop(x, what), drop(y, what);
        }
    }
}

/* A block format must keep each value within half a step of its block. */
static void check_rounding(void) {
    enum { N = 200 };
    const xl_format_row *q = xl_format_get(XL_FORMAT_Q8_0);
    for (int round = 0; round < 50; round++) {
        float values[N], back[N];
        char blocks[N * 2];
        size_t n = 1 + xl_rng_next(&rng) % N;
        for (size_t i = 0; i < n; i++) values[i] = (float)(xl_rng_normal(&rng) * pow(10, round % 9 - 4));
        if (round == 7) memset(values, 0, sizeof values);
        q->from_f32(values, blocks, n);
        q->to_f32(blocks, back, n);
        for (size_t i = 0; i < n; i++) {
            size_t first = i / (size_t)q->block * (size_t)q->block;
            double most = 0;
            for (size_t j = first; j < n && j < first + (size_t)q->block; j++) most = fmax(most, fabs(values[j]));
            /* Half a step, plus the error of the scale, which is stored as float16 (normal or subnormal). */
            double allowed = most / 127 * 0.5 + most * 0x1p-11 * 1.01 + 127 * 0x1p-25;
            if (!(fabs((double)back[i] - values[i]) <= allowed)) expect("from_f32[q8_0] rounding", INFINITY, 0);
        }
    }
}

/* The formats of four and six bits promise that the squared errors of a group with one scale are together no
 * larger than plain rounding by half a step would give, and that values with a larger weight have smaller
 * errors. */
static void check_fits(void) {
    enum { N = 512 };
    for (int f = 0; f < XL_FORMAT_COUNT; f++) {
        const xl_format_row *q = xl_format_get(f);
        if (!q->from_f32_weighted) continue;
        double levels = f == XL_FORMAT_Q6_K ? 32 : 8, plain = 0, weighted = 0;
        for (int round = 0; round < 50; round++) {
            float values[N], importance[N], back[N];
            char blocks[N], again[N];
            size_t n = 1 + xl_rng_next(&rng) % N;
            double size = round == 8 ? 3 : pow(10, round % 7 - 4);
            for (size_t i = 0; i < N; i++) {
                values[i] = (float)(xl_rng_normal(&rng) * size);
                importance[i] = i % 3 ? 0.01f : 1;
            }
            if (round == 7) memset(values, 0, sizeof values);
            if (round == 8)
                for (size_t i = 0; i < N; i++) values[i] = 3;
            q->from_f32(values, blocks, n);
            q->to_f32(blocks, back, n);
            size_t group = 32;
            for (size_t first = 0; first < n; first += group) {
                double most = 0, error = 0;
                size_t count = n - first < group ? n - first : group;
                for (size_t i = first; i < first + count; i++) {
                    most = fmax(most, fabs(values[i]));
                    error += ((double)values[i] - back[i]) * ((double)values[i] - back[i]);
                    if (i % 3 == 0) plain += pow((values[i] - (double)back[i]) / size, 2);
                }
                /* A value may be limited by a whole step, and scales in units of the block have an error of their
                 * own. */
                double half = most / levels / 2 * 1.1 + 1e-7;
                if (!(error <= ((double)count + 3) * half * half)) expect(q->name, error, 0);
            }
            q->from_f32_weighted(values, importance, again, n);
            q->to_f32(again, back, n);
            for (size_t i = 0; i < n; i += 3) weighted += pow((values[i] - (double)back[i]) / size, 2);
        }
        if (!(weighted < 0.97 * plain)) expect("importance", weighted / plain, 0.97);
    }
}

/* Computes y = w x with the preparation that the format has in this table. */
static void multiply(const xl_kernels *table, const xl_matrix *w, const float *x, float *y) {
    region prepared = make(xl_prepared_bytes(w->cols));
    const void *vector = x;
    if (table->prepare[w->format]) {
        table->prepare[w->format](x, w->cols, prepared.data);
        vector = prepared.data;
    }
    table->matvec[w->format](w, vector, y);
    drop(prepared, "prepare");
}

/* Random rows of a format; the memory between rows is poisoned. */
static xl_matrix random_matrix(region *r, int format, int64_t rows, int64_t cols, size_t gap, size_t odd) {
    size_t bytes = bytes_of(format, (size_t)cols), stride = bytes + gap * xl_format_get(format)->block_bytes;
    *r = make((size_t)(rows - 1) * stride + bytes + odd);
    for (int64_t i = 0; i < rows; i++) {
        region row = random_floats((size_t)cols, 1);
        ref.from_f32[format](floats(row), r->data + (size_t)i * stride, (size_t)cols);
        drop(row, "row");
    }
    return (xl_matrix){
        .data = r->data, .format = (xl_format_id)format, .rows = rows, .cols = cols, .stride = stride};
}

static void check_matvec(void) {
    static const int64_t shapes[][3] = {{1, 1, 0},  {3, 7, 2},    {4, 8, 0},    {5, 15, 0},   {8, 16, 4},
                                        {9, 33, 0}, {13, 100, 1}, {16, 256, 0}, {2, 1000, 3}, {31, 71, 9}};
    for (int f = 0; f < XL_FORMAT_COUNT; f++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            for (size_t odd = 0; odd < 2; odd++) {
                int64_t rows = shapes[s][0], cols = shapes[s][1];
                char what[64];
                snprintf(what, sizeof what, "matvec[%s] %dx%d", name_of(f), (int)rows, (int)cols);
                region data, x = random_floats((size_t)cols, 1);
                region y = make((size_t)rows * 4), z = make((size_t)rows * 4);
                xl_matrix w = random_matrix(&data, f, rows, cols, (size_t)shapes[s][2], odd);
                multiply(&ref, &w, floats(x), floats(y));
                multiply(&isa, &w, floats(x), floats(z));
                expect(what, distance(floats(z), floats(y), (size_t)rows), rows < 4 ? 2e-5 : 2e-6);
                drop(data, what), drop(x, what), drop(y, what), drop(z, what);
            }
    for (int f = 0; bench && f < XL_FORMAT_COUNT; f++)
        for (int64_t n = 256; n <= 4096; n *= 4) {
            char what[64];
            snprintf(what, sizeof what, "matvec[%s] %dx%d", name_of(f), (int)n, (int)n);
            region data, x = random_floats((size_t)n, 1), y = make((size_t)n * 4);
            xl_matrix w = random_matrix(&data, f, n, n, 0, 0);
            BENCH((double)data.bytes, "GB/s", what, multiply(&ref, &w, floats(x), floats(y)),
                  multiply(&isa, &w, floats(x), floats(y)));
            drop(data, what), drop(x, what), drop(y, what);
        }
}

static void check_norms(void) {
    for (int64_t n = 1; n <= 600; n += n < 40 ? 1 : 131)
        for (int bias = 0; bias < 2; bias++) {
            size_t heads = (size_t)(n % 3 + 1), all = (size_t)n * heads;
            region x = random_floats(all, 3), w = random_floats(all, 1), b = random_floats(all, 1);
            region y = make(all * 4), z = copy_of(x);
            for (size_t i = 0; i < all; i++) floats(x)[i] += 2, floats(z)[i] += 2;
            const float *bias_or_none = bias ? floats(b) : NULL;
            ref.rms_norm(floats(x), floats(w), bias_or_none, 1e-6, n, floats(y));
            isa.rms_norm(floats(z), floats(w), bias_or_none, 1e-6, n, floats(z)); /* in place */
            expect("rms_norm", distance(floats(z), floats(y), (size_t)n), 5e-6);
            memcpy(z.data, x.data, x.bytes);
            ref.head_norm(floats(x), floats(w), bias_or_none, 1e-5, (int64_t)heads, n, floats(y));
            isa.head_norm(floats(z), floats(w), bias_or_none, 1e-5, (int64_t)heads, n, floats(z));
            /* One or two nearly equal values, minus their mean, leave only rounding errors. */
            if (n > 2) expect("head_norm", distance(floats(z), floats(y), all), 5e-6);
            if (n == 32 && bias) {
                BENCH((double)n, "values/ns", "rms_norm 32",
                      ref.rms_norm(floats(x), floats(w), NULL, 1e-6, n, floats(y)),
                      isa.rms_norm(floats(x), floats(w), NULL, 1e-6, n, floats(y)));
            }
            drop(x, "norm"), drop(w, "norm"), drop(b, "norm"), drop(y, "norm"), drop(z, "norm");
        }
    if (bench) {
        region x = random_floats(2048, 1), y = make(2048 * 4);
        BENCH(2048, "values/ns", "rms_norm 2048", ref.rms_norm(floats(x), floats(x), NULL, 1e-6, 2048, floats(y)),
              isa.rms_norm(floats(x), floats(x), NULL, 1e-6, 2048, floats(y)));
        BENCH(2048, "values/ns", "head_norm 8x256",
              ref.head_norm(floats(x), floats(x), NULL, 1e-6, 8, 256, floats(y)),
              isa.head_norm(floats(x), floats(x), NULL, 1e-6, 8, 256, floats(y)));
        drop(x, "norm"), drop(y, "norm");
    }
}

/* Returns the largest relative error of any value; values below 1e-35 count as 0. */
static double worst(const float *a, const float *b, size_t n) {
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        if (a[i] == b[i] || (isnan(a[i]) && isnan(b[i]))) continue;
        if (!isfinite(a[i]) || !isfinite(b[i])) return INFINITY;
        if (fabsf(a[i]) < 1e-35f && fabsf(b[i]) < 1e-35f) continue;
        double relative = fabs((double)a[i] - b[i]) / fabs((double)b[i]);
        if (relative > most) most = relative;
    }
    return most;
}

static void check_activations(void) {
    for (int64_t n = 0; n <= 5000; n += n < 40 ? 1 : 1239) {
        region x = random_floats((size_t)n, n % 2 ? 1 : 30), up = random_floats((size_t)n, 1);
        for (int64_t i = 0; i < n; i++)
            if (i % 7 == 0) floats(x)[i] *= 1e-4f;
        if (n > 16) {
            floats(x)[1] = INFINITY, floats(x)[3] = -INFINITY, floats(x)[5] = NAN, floats(x)[8] = 0;
            floats(x)[10] = 120, floats(x)[12] = -120, floats(x)[15] = -0.0f;
        }
        region a = copy_of(x), b = copy_of(x);
        ref.soft_cap(floats(a), 15, n);
        isa.soft_cap(floats(b), 15, n);
        expect("soft_cap", worst(floats(b), floats(a), (size_t)n), 5e-7);
        ref.sigmoid_mul(floats(x), floats(up), floats(a), n);
        isa.sigmoid_mul(floats(x), floats(up), floats(b), n);
        expect("sigmoid_mul", worst(floats(b), floats(a), (size_t)n), 5e-7);
        ref.silu_mul(floats(x), floats(up), floats(a), n);
        memcpy(b.data, x.data, x.bytes);
        isa.silu_mul(floats(b), floats(up), floats(b), n); /* over gate */
        expect("silu_mul", worst(floats(b), floats(a), (size_t)n), 5e-7);
        memcpy(a.data, up.data, up.bytes), memcpy(b.data, up.data, up.bytes);
        ref.add(floats(x), floats(a), n);
        isa.add(floats(x), floats(b), n);
        expect("add", worst(floats(b), floats(a), (size_t)n), 0);
        if (n > 4000) {
            BENCH((double)n, "values/ns", "soft_cap", ref.soft_cap(floats(a), 15, n),
                  isa.soft_cap(floats(b), 15, n));
            BENCH((double)n, "values/ns", "silu_mul", ref.silu_mul(floats(up), floats(up), floats(a), n),
                  isa.silu_mul(floats(up), floats(up), floats(b), n));
        }
        drop(x, "activations"), drop(up, "activations"), drop(a, "activations"), drop(b, "activations");
    }
}

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

static void check_cell(void) {
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
        const xl_mlstm_step step = {.dqk = dqk,
                                    .dv = dv,
                                    .q = floats(x.q),
                                    .k = floats(x.k),
                                    .v = floats(x.v),
                                    .igate = 0,
                                    .fgate = 5,
                                    .c = floats(x.c),
                                    .n = floats(x.n),
                                    .m = floats(x.m),
                                    .eps = 1e-6f,
                                    .h = floats(x.h)};
        BENCH(8.0 * (double)(dqk * dv), "GB/s", what, ref.mlstm_step(&step), isa.mlstm_step(&step));
        drop_cell(&x);
    }
}

/* Packs x [n, cols] for the table, panel by panel. */
static region pack(const xl_gemm *gemm, const float *x, int64_t ldx, int64_t n, int64_t cols) {
    int64_t step = gemm->tokens, panels = (n + step - 1) / step;
    size_t token = gemm->packed_bytes(cols);
    region r = make((size_t)(panels * step) * token);
    for (int64_t t = 0; t < n; t += step)
        gemm->pack(x + t * ldx, ldx, n - t < step ? n - t : step, cols, r.data + (size_t)t * token);
    return r;
}

/* y = or += x w' in that arithmetic, through its own packing. */
static void product(const xl_kernels *table, xl_compute compute, const xl_matrix *w, const float *x, int64_t ldx,
                    int64_t n, float *y, int64_t ldy, bool accumulate) {
    const xl_gemm *gemm = &table->gemm[compute];
    region packed = pack(gemm, x, ldx, n, w->cols), scratch = make(XL_GEMM_SCRATCH);
    gemm->multiply(table, &(xl_product){.w = *w,
                                        .packed = packed.data,
                                        .n = n,
                                        .y = y,
                                        .ldy = ldy,
                                        .accumulate = accumulate,
                                        .scratch = scratch.data});
    drop(packed, "packed tokens"), drop(scratch, "scratch of a product");
}

static const struct {
    const char *name;
    double rounding; /* relative L2 distance that rounding the operands may make */
} computes[] = {{"f32", 2e-6}, {"bf16", 6e-3}, {"int8", 2e-2}};

static void check_product(int compute, int format, int64_t n, int64_t rows, int64_t cols, bool accumulate) {
    int64_t ldx = cols + 3, ldy = rows + 2;
    char what[64];
    snprintf(what, sizeof what, "gemm %s[%s] %dx%dx%d", computes[compute].name, name_of(format), (int)n, (int)rows,
             (int)cols);
    region data, x = random_floats((size_t)(n * ldx), 1), y = random_floats((size_t)(n * ldy - 2), 1);
    region z = copy_of(y), exact = copy_of(y), one = make((size_t)rows * 4);
    xl_matrix w = random_matrix(&data, format, rows, cols, 3, (size_t)(n % 2));
    for (int64_t t = 0; t < n; t++) {
        multiply(&ref, &w, floats(x) + t * ldx, floats(one));
        for (int64_t r = 0; r < rows; r++)
            floats(exact)[t * ldy + r] = floats(one)[r] + (accumulate ? floats(y)[t * ldy + r] : 0);
    }
    product(&ref, (xl_compute)compute, &w, floats(x), ldx, n, floats(y), ldy, accumulate);
    product(&isa, (xl_compute)compute, &w, floats(x), ldx, n, floats(z), ldy, accumulate);
    /* What lies between rows of y is compared too: it must not change. A few values may nearly cancel. */
    double factor = rows * n < 64 ? 8 : 1;
    expect(what, distance(floats(z), floats(y), (size_t)(n * ldy - 2)), 2e-6 * factor);
    expect("the oracle's product, from float64", distance(floats(y), floats(exact), (size_t)(n * ldy - 2)),
           computes[compute].rounding * factor);
    drop(data, what), drop(x, what), drop(y, what), drop(z, what), drop(exact, what), drop(one, what);
}

/* A value that is not finite makes every product with it so, and no other. */
static void check_not_finite(int compute) {
    enum { N = 20, ROWS = 40, COLS = 70, TOKEN = 3 };
    for (int i = 0; i < 2; i++) {
        region data, x = random_floats(N * COLS, 1), y = make(N * ROWS * 4);
        xl_matrix w = random_matrix(&data, XL_FORMAT_BF16, ROWS, COLS, 0, 0);
        floats(x)[TOKEN * COLS + 33] = i ? NAN : INFINITY;
        product(&isa, (xl_compute)compute, &w, floats(x), COLS, N, floats(y), ROWS, false);
        for (int j = 0; j < N * ROWS; j++)
            if (isfinite(floats(y)[j]) == (j / ROWS == TOKEN)) expect("gemm of what is not finite", INFINITY, 0);
        drop(data, "gemm"), drop(x, "gemm"), drop(y, "gemm");
    }
}

static void check_gemm(void) {
    static const int64_t shapes[][3] = {{1, 1, 1},     {2, 5, 7},     {3, 300, 530},  {12, 32, 256}, {6, 16, 512},
                                        {17, 33, 257}, {64, 96, 256}, {1, 40, 300},   {25, 65, 31},  {37, 70, 1100},
                                        {32, 64, 544}, {48, 31, 64},  {13, 129, 2080}};
    for (int c = 0; c < XL_COMPUTE_COUNT; c++) {
        for (int f = 0; f < XL_FORMAT_COUNT; f++)
            for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
                for (int accumulate = 0; accumulate < 2; accumulate++)
                    check_product(c, f, shapes[s][0], shapes[s][1], shapes[s][2], accumulate);
        check_not_finite(c);
    }
    for (int c = 0; bench && c < XL_COMPUTE_COUNT; c++)
        for (int f = 0; f < XL_FORMAT_COUNT; f++)
            for (int64_t n = 64; n <= 512; n *= 8) {
                int64_t size = 1024;
                char what[64];
                snprintf(what, sizeof what, "gemm %s[%s] %dx1024x1024", computes[c].name, name_of(f), (int)n);
                region data, x = random_floats((size_t)(n * size), 1);
                region y = make((size_t)(n * size) * 4), scratch = make(XL_GEMM_SCRATCH);
                region packed[] = {pack(&ref.gemm[c], floats(x), size, n, size),
                                   pack(&isa.gemm[c], floats(x), size, n, size)};
                xl_product p = {.w = random_matrix(&data, f, size, size, 0, 0),
                                .n = n,
                                .y = floats(y),
                                .ldy = size,
                                .scratch = scratch.data};
                xl_product q = p;
                p.packed = packed[0].data, q.packed = packed[1].data;
                BENCH(2.0 * (double)(size * size * n), "GFLOP/s", what, ref.gemm[c].multiply(&ref, &p),
                      isa.gemm[c].multiply(&isa, &q));
                drop(data, what), drop(x, what), drop(y, what), drop(scratch, what);
                drop(packed[0], what), drop(packed[1], what);
            }
}

int main(int argc, char **argv) {
    uint64_t seed = 1;
    const char *mask = argc > 1 ? argv[1] : "c";
    for (int i = 2; i < argc; i++) {
        if (!strcmp(argv[i], "--bench")) bench = true;
        if (!strcmp(argv[i], "--seed") && i + 1 < argc) seed = strtoull(argv[++i], NULL, 10);
    }
    int flags = xl_cpu_flags_masked(mask);
    if (flags < 0) {
        fprintf(stderr, "check: '%s' is no instruction set\n", mask);
        return 2;
    }
    xl_kernels_init(&ref, 0);
    xl_kernels_init(&isa, (unsigned)flags);
    if (strcmp(isa.name, mask)) {
        printf("this processor has no %s\n", mask);
        return 77;
    }
    xl_rng_seed(&rng, seed);
    check_conversions();
    check_rounding();
    check_fits();
    check_matvec();
    check_norms();
    check_activations();
    check_cell();
    check_gemm();
    bench_cell();
    printf("%s: %d failures\n", isa.name, failures);
    return failures > 0;
}

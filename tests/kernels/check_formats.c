/* Conversions between formats of weights: bits, rounding, the fit of blocks. */
#include "check.h"

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
        region in = random_floats(all, 0.02), out = make(bytes_of(f, all));
        BENCH(all, "values/ns", what, ref.from_f32[f](floats(in), out.data, all),
              isa.from_f32[f](floats(in), out.data, all));
        drop(in, what), drop(out, what);
    }
}

/* Blocks are made with the oracle's bits, for values as weights are and for others: zeros, a single value, equal
 * ones, two ends that are as far, the smallest and the largest that there are. */
static void check_blocks(void) {
    enum { KINDS = 8, COUNT = 3 * XL_LONG_BLOCK };
    for (int f = 0; f < XL_FORMAT_COUNT; f++) {
        const xl_format_row *row = xl_format_get(f);
        if (row->block == 1) continue;
        for (int round = 0; round < 40 * KINDS; round++) {
            const int kind = round % KINDS;
            const size_t n = 1 + xl_rng_next(&rng) % COUNT;
            region in = random_floats(n, pow(10, round % 5 - 3)), weight = random_floats(n, 1);
            region x = make(bytes_of(f, n)), y = make(bytes_of(f, n));
            for (size_t i = 0; i < n; i++) {
                float *v = &floats(in)[i], *w = &floats(weight)[i];
                *w = i % 7 ? *w * *w : 0;
                if (kind == 1) *v = 0;
                if (kind == 2) *v = i % 37 == 5 ? -0.25f : 0;
                if (kind == 3) *v = 0.125f;
                if (kind == 4) *v = i % 2 ? 0.5f : -0.5f;
                if (kind == 5) *v *= 1e-38f;
                if (kind == 6) *v = copysignf(fminf(fabsf(*v) * 1e38f, row->largest), *v);
                if (kind == 7) *v = floorf(*v * 4) / 4;
            }
            ref.from_f32[f](floats(in), x.data, n);
            isa.from_f32[f](floats(in), y.data, n);
            if (memcmp(x.data, y.data, x.bytes)) expect(row->name, INFINITY, 0);
            if (row->from_f32_weighted) {
                ref.from_f32_weighted[f](floats(in), floats(weight), x.data, n);
                isa.from_f32_weighted[f](floats(in), floats(weight), y.data, n);
                if (memcmp(x.data, y.data, x.bytes)) expect("from_f32_weighted", INFINITY, 0);
            }
            drop(in, row->name), drop(weight, row->name), drop(x, row->name), drop(y, row->name);
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
            const size_t group = 32, block = (size_t)q->block;
            for (size_t first = 0; first < n; first += group) {
                double most = 0, error = 0, of_block = 0;
                size_t count = n - first < group ? n - first : group;
                for (size_t i = first; i < first + count; i++) {
                    most = fmax(most, fabs(values[i]));
                    error += ((double)values[i] - back[i]) * ((double)values[i] - back[i]);
                    if (i % 3 == 0) plain += pow((values[i] - (double)back[i]) / size, 2);
                }
                for (size_t i = first / block * block; i < n && i < (first / block + 1) * block; i++)
                    of_block = fmax(of_block, fabs(values[i]));
                /* A value may be limited by a whole step. A scale that is stored in units of the block is off by up
                 * to half of one, and the largest numbers by that many times: among much larger groups a group of
                 * small values may come out as zeros. */
                double units = f == XL_FORMAT_Q6_K ? 127 : f == XL_FORMAT_Q4_K ? 63 : INFINITY;
                double half = (most / levels / 2 + of_block / units / 2) * 1.1 + 1e-7;
                if (!(error <= ((double)count + 3) * half * half)) expect(q->name, error, 0);
            }
            q->from_f32_weighted(values, importance, again, n);
            q->to_f32(again, back, n);
            for (size_t i = 0; i < n; i += 3) weighted += pow((values[i] - (double)back[i]) / size, 2);
        }
        if (!(weighted < 0.97 * plain)) expect("importance", weighted / plain, 0.97);
    }
}

void check_formats(void) {
    check_conversions();
    check_blocks();
    check_rounding();
    check_fits();
}

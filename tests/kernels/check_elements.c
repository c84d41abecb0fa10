/* Norms and activations, value by value. */
#include "check.h"

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

void check_elements(void) {
    check_norms();
    check_activations();
}

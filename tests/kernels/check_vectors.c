/* Products of a matrix with one vector and with several. */
#include "check.h"

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

/* Several vectors at once have the bits of one after the other. */
static void check_matvecs(void) {
    enum { MOST = 37 };
    static const int64_t shapes[][3] = {{1, 1, 0},    {8, 7, 2},   {9, 33, 0},    {16, 256, 4},
                                        {19, 100, 1}, {31, 71, 9}, {67, 1645, 3}, {24, 800, 0}};
    for (int f = 0; f < XL_FORMAT_COUNT; f++) {
        for (size_t s = 0; isa.matvecs[f] && s < sizeof shapes / sizeof *shapes; s++) {
            for (int64_t n = 1; n <= MOST; n += n < 13 ? 1 : 6) {
                const int64_t rows = shapes[s][0], cols = shapes[s][1];
                const void *xs[MOST];
                float *ys[MOST];
                region data, x[MOST], prepared[MOST], y[MOST], z = make((size_t)rows * 4);
                char what[64];
                snprintf(what, sizeof what, "matvecs[%s] %dx%d, %d", name_of(f), (int)rows, (int)cols, (int)n);
                const xl_matrix w = random_matrix(&data, f, rows, cols, (size_t)shapes[s][2], n & 1);
                for (int64_t i = 0; i < n; i++) {
                    x[i] = random_floats((size_t)cols, 1);
                    prepared[i] = make(xl_prepared_bytes(cols));
                    y[i] = make((size_t)rows * 4);
                    if (isa.prepare[f]) isa.prepare[f](floats(x[i]), cols, prepared[i].data);
                    xs[i] = isa.prepare[f] ? (const void *)prepared[i].data : x[i].data;
                    ys[i] = floats(y[i]);
                }
                isa.matvecs[f](&w, xs, n, ys);
                for (int64_t i = 0; i < n; i++) {
                    multiply(&isa, &w, floats(x[i]), floats(z));
                    if (memcmp(z.data, y[i].data, (size_t)rows * 4)) expect(what, 1, 0);
                    drop(x[i], what), drop(prepared[i], what), drop(y[i], what);
                }
                drop(data, what), drop(z, what);
            }
        }
    }
}

/* Eight vectors, each in turn with the oracle and together. */
static void bench_matvecs(int f, int64_t rows, int64_t cols) {
    enum { COUNT = 8 };
    const void *xs[COUNT];
    float *ys[COUNT];
    region data, x[COUNT], prepared[COUNT], y[COUNT];
    const xl_matrix w = random_matrix(&data, f, rows, cols, 0, 0);
    char what[64];
    snprintf(what, sizeof what, "matvecs[%s] %dx%d, %d", name_of(f), (int)rows, (int)cols, COUNT);
    for (int i = 0; i < COUNT; i++) {
        x[i] = random_floats((size_t)cols, 1);
        prepared[i] = make(xl_prepared_bytes(cols));
        y[i] = make((size_t)rows * 4);
        if (isa.prepare[f]) isa.prepare[f](floats(x[i]), cols, prepared[i].data);
        xs[i] = isa.prepare[f] ? (const void *)prepared[i].data : x[i].data;
        ys[i] = floats(y[i]);
    }
    BENCH(2.0 * COUNT * (double)(rows * cols), "GFLOP/s", what,
          for (int i = 0; i < COUNT; i++) multiply(&ref, &w, floats(x[i]), ys[i]),
          isa.matvecs[f](&w, xs, COUNT, ys));
    for (int i = 0; i < COUNT; i++) drop(x[i], what), drop(prepared[i], what), drop(y[i], what);
    drop(data, what);
}

void check_vectors(void) {
    check_matvec();
    check_matvecs();
    for (int f = 0; bench && f < XL_FORMAT_COUNT; f++) {
        if (!isa.matvecs[f]) continue;
        bench_matvecs(f, 256, 768);
        bench_matvecs(f, 96, 2048);
    }
}

/* Products of a matrix with many vectors, in each arithmetic, and with few in 8-bit integers. */
#include "check.h"

/* Packs x [n, cols] for the table, panel by panel; where columns can be packed by themselves, every second panel in
 * two parts. */
static region pack(const xl_gemm *gemm, const float *x, int64_t ldx, int64_t n, int64_t cols) {
    int64_t step = gemm->tokens, panels = (n + step - 1) / step;
    size_t token = gemm->packed_bytes(cols);
    region r = make((size_t)(panels * step) * token);
    for (int64_t t = 0; t < n; t += step) {
        const int64_t count = n - t < step ? n - t : step;
        const bool parts = gemm->columns && (n + t / step) % 2;
        const int64_t first = parts ? cols / 2 / gemm->columns * gemm->columns : 0;
        char *panel = r.data + (size_t)t * token;
        if (first) gemm->pack(x + t * ldx, ldx, count, first, panel);
        if (first < cols)
            gemm->pack(x + t * ldx + first, ldx, count, cols - first,
                       panel + (first ? (size_t)step * gemm->packed_bytes(first) : 0));
    }
    return r;
}

typedef void multiply_function(const xl_kernels *table, const xl_product *p);

/* y = or += x w' by one of the functions of that arithmetic, through its own packing. */
static void product_by(multiply_function *by, const xl_kernels *table, xl_compute compute, const xl_matrix *w,
                       const float *x, int64_t ldx, int64_t n, float *y, int64_t ldy, bool accumulate) {
    region packed = pack(&table->gemm[compute], x, ldx, n, w->cols), scratch = make(XL_GEMM_SCRATCH);
    by(table, &(xl_product){.w = *w,
                            .packed = packed.data,
                            .n = n,
                            .y = y,
                            .ldy = ldy,
                            .accumulate = accumulate,
                            .scratch = scratch.data});
    drop(packed, "packed tokens"), drop(scratch, "scratch of a product");
}

static void product(const xl_kernels *table, xl_compute compute, const xl_matrix *w, const float *x, int64_t ldx,
                    int64_t n, float *y, int64_t ldy, bool accumulate) {
    product_by(table->gemm[compute].multiply, table, compute, w, x, ldx, n, y, ldy, accumulate);
}

/* How much larger the terms of n products of w [rows, cols] are than their sums `exact`, at least 1: the root of
 * all squared terms over that of all squared sums. Rounding an operand, or a partial sum, puts a value off by a
 * share of its terms. They are of both signs and rounded independently, so that of many values the sums are off by
 * about the same share; few, and one above all, may nearly cancel, and what rounding did is then large beside what
 * is left. before: what the sums were added to, or NULL; rows of it and of `exact` are ldy apart, those of x ldx.
 */
static double cancellation(const xl_matrix *w, const float *x, int64_t ldx, int64_t n, const float *before,
                           const float *exact, int64_t ldy) {
    double terms = 0, sums = 0;
    region row = make((size_t)w->cols * 4);
    for (int64_t r = 0; r < w->rows; r++) {
        ref.to_f32[w->format]((const char *)w->data + (size_t)r * w->stride, floats(row), (size_t)w->cols);
        for (int64_t t = 0; t < n; t++) {
            for (int64_t j = 0; j < w->cols; j++) terms += pow((double)floats(row)[j] * x[t * ldx + j], 2);
            if (before) terms += pow(before[t * ldy + r], 2);
            sums += pow(exact[t * ldy + r], 2);
        }
    }
    drop(row, "a row of weights");
    return terms > sums ? sqrt(terms / sums) : 1;
}

static const struct {
    const char *name;
    double rounding; /* share of the terms by which rounding the operands may put a product off */
} computes[] = {{"f32", 2e-6}, {"bf16", 1.01 * 0x1p-7 /* half a unit, 2^-8, of each of two */}, {"int8", 2e-2}};

/* The product of few tokens is near the other one, `want`, and every token and every row has in it the bits that it
 * has beside others. before: what the sums are added to; all: values of it. */
static void check_few_tokens(xl_compute compute, const xl_matrix *w, const float *x, int64_t ldx, int64_t n,
                             region before, const float *want, int64_t ldy, bool accumulate, double limit) {
    const xl_gemm *gemm = &isa.gemm[compute];
    const size_t all = (size_t)(n * ldy - 2);
    if (n > gemm->few) return;
    region y = copy_of(before), alone = copy_of(before);
    product_by(gemm->multiply_few, &isa, compute, w, x, ldx, n, floats(y), ldy, accumulate);
    expect("the product of few tokens", distance(floats(y), want, all), limit);
    for (int64_t t = 0; t < n; t++)
        product_by(gemm->multiply_few, &isa, compute, w, x + t * ldx, ldx, 1, floats(alone) + t * ldy, ldy,
                   accumulate);
    if (memcmp(y.data, alone.data, all * sizeof(float))) expect("few tokens, each alone", INFINITY, 0);
    for (int64_t r = 1; r < w->rows; r += w->rows / 2 + 1) {
        const xl_matrix rest = {.data = (const char *)w->data + (size_t)r * w->stride,
                                .format = w->format,
                                .rows = w->rows - r,
                                .cols = w->cols,
                                .stride = w->stride};
        for (size_t i = 0; i < all; i++) floats(alone)[i] = floats(before)[i];
        product_by(gemm->multiply_few, &isa, compute, &rest, x, ldx, n, floats(alone) + r, ldy, accumulate);
        for (int64_t t = 0; t < n; t++)
            if (memcmp(floats(y) + t * ldy + r, floats(alone) + t * ldy + r, (size_t)rest.rows * sizeof(float)))
                expect("few tokens, some of the rows", INFINITY, 0);
    }
    drop(y, "few tokens"), drop(alone, "few tokens alone");
}

static void check_product(int compute, int format, int64_t n, int64_t rows, int64_t cols, bool accumulate) {
    int64_t ldx = cols + 3, ldy = rows + 2;
    char what[64];
    snprintf(what, sizeof what, "gemm %s[%s] %dx%dx%d", computes[compute].name, name_of(format), (int)n, (int)rows,
             (int)cols);
    region data, x = random_floats((size_t)(n * ldx), 1), y = random_floats((size_t)(n * ldy - 2), 1);
    region z = copy_of(y), exact = copy_of(y), before = copy_of(y), one = make((size_t)rows * 4);
    xl_matrix w = random_matrix(&data, format, rows, cols, 3, (size_t)(n % 2));
    for (int64_t t = 0; t < n; t++) {
        multiply(&ref, &w, floats(x) + t * ldx, floats(one));
        for (int64_t r = 0; r < rows; r++)
            floats(exact)[t * ldy + r] = floats(one)[r] + (accumulate ? floats(y)[t * ldy + r] : 0);
    }
    product(&ref, (xl_compute)compute, &w, floats(x), ldx, n, floats(y), ldy, accumulate);
    product(&isa, (xl_compute)compute, &w, floats(x), ldx, n, floats(z), ldy, accumulate);
    /* What lies between rows of y is compared too: it must not change. */
    double factor = cancellation(&w, floats(x), ldx, n, accumulate ? floats(before) : NULL, floats(exact), ldy);
    expect(what, distance(floats(z), floats(y), (size_t)(n * ldy - 2)), 2e-6 * factor);
    expect("the oracle's product, from float64", distance(floats(y), floats(exact), (size_t)(n * ldy - 2)),
           computes[compute].rounding * factor);
    check_few_tokens((xl_compute)compute, &w, floats(x), ldx, n, before, floats(y), ldy, accumulate, 2e-6 * factor);
    drop(data, what), drop(x, what), drop(y, what), drop(z, what), drop(exact, what), drop(before, what),
        drop(one, what);
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
        if (N <= isa.gemm[compute].few) {
            product_by(isa.gemm[compute].multiply_few, &isa, (xl_compute)compute, &w, floats(x), COLS, N, floats(y),
                       ROWS, false);
            for (int j = 0; j < N * ROWS; j++)
                if (isfinite(floats(y)[j]) == (j / ROWS == TOKEN)) expect("few of what is not finite", INFINITY, 0);
        }
        drop(data, "gemm"), drop(x, "gemm"), drop(y, "gemm");
    }
}

/* y [n, rows] = or += few vectors in 8-bit integers, prepared by the table itself. */
static void multiply_few(const xl_kernels *table, const xl_matrix *w, const float *x, int64_t n, float *y,
                         int64_t ldy, bool accumulate) {
    const int64_t blocks = xl_int8_blocks(w->cols);
    region prepared = make((size_t)(n * blocks) * sizeof(xl_int8_block));
    xl_int8_block *to = (xl_int8_block *)(void *)prepared.data;
    for (int64_t t = 0; t < n; t++) table->prepare_int8(x + t * w->cols, w->cols, to + t * blocks);
    table->multiply_int8[w->format](
        &(xl_product){.w = *w, .packed = to, .n = n, .y = y, .ldy = ldy, .accumulate = accumulate});
    drop(prepared, "prepare_int8");
}

static void check_few(int format, int64_t n, int64_t rows, int64_t cols, bool accumulate) {
    const int64_t ldy = rows + 3;
    const size_t all = (size_t)(n * ldy - 3);
    char what[64];
    snprintf(what, sizeof what, "few int8[%s] %dx%dx%d", name_of(format), (int)n, (int)rows, (int)cols);
    region data, x = random_floats((size_t)(n * cols), 1), y = random_floats(all, 1), z = copy_of(y);
    region one = make((size_t)rows * 4), exact = copy_of(y), before = copy_of(y), alone = copy_of(y);
    xl_matrix w = random_matrix(&data, format, rows, cols, 2, (size_t)(n % 2));
    multiply_few(&ref, &w, floats(x), n, floats(y), ldy, accumulate);
    multiply_few(&isa, &w, floats(x), n, floats(z), ldy, accumulate);
    for (int64_t t = 0; t < n; t++)
        multiply_few(&isa, &w, floats(x) + t * cols, 1, floats(alone) + t * ldy, ldy, accumulate);
    if (memcmp(z.data, alone.data, all * sizeof(float))) expect("few int8, each alone", INFINITY, 0);
    for (int64_t t = 0; t < n; t++) {
        multiply(&ref, &w, floats(x) + t * cols, floats(one));
        for (int64_t r = 0; r < rows; r++)
            floats(exact)[t * ldy + r] = floats(one)[r] + (accumulate ? floats(exact)[t * ldy + r] : 0);
    }
    const double factor =
        cancellation(&w, floats(x), cols, n, accumulate ? floats(before) : NULL, floats(exact), ldy);
    expect(what, distance(floats(z), floats(y), all), 2e-6 * factor);
    expect("the oracle's few int8, from float64", distance(floats(y), floats(exact), all), 2e-2 * factor);
    drop(data, what), drop(x, what), drop(y, what), drop(z, what), drop(one, what), drop(exact, what);
    drop(before, what), drop(alone, what);
}

/* Blocks as they are rounded, sums included: both tables give the same. Bytes of the largest magnitude that a file
 * can hold fit into whatever the sums are made in. */
static void check_few_extremes(int format) {
    enum { ROWS = 16, COLS = 512, N = 4 };
    region data, x = random_floats(N * COLS, 1), y = make(N * ROWS * 4), z = make(N * ROWS * 4);
    xl_matrix w = random_matrix(&data, format, ROWS, COLS, 0, 0);
    for (size_t i = 0; i < data.bytes; i++) {
        const size_t at = i % xl_format_get(format)->block_bytes;
        if (format == XL_FORMAT_Q8_0 ? at >= 2 : format == XL_FORMAT_Q4_0 ? at >= 2 : at >= 20)
            data.data[i] = (char)(format == XL_FORMAT_Q8_0 ? 0x80 : 0xff);
    }
    for (int i = 0; i < N * COLS; i++) floats(x)[i] = i / COLS % 2 ? -1.5f : 1.5f;
    floats(x)[3 * COLS + 40] = NAN;
    multiply_few(&ref, &w, floats(x), N, floats(y), ROWS, false);
    multiply_few(&isa, &w, floats(x), N, floats(z), ROWS, false);
    expect("few int8 of extremes", distance(floats(z), floats(y), N * ROWS), 2e-6);
    for (int i = 0; i < N * ROWS; i++)
        if (isfinite(floats(z)[i]) == (i / ROWS == 3)) expect("few int8 of what is not finite", INFINITY, 0);
    drop(data, "few"), drop(x, "few"), drop(y, "few"), drop(z, "few");
}

static void bench_few(int format, int64_t n, int64_t size) {
    char what[64];
    if (!bench) return;
    snprintf(what, sizeof what, "few int8[%s] %dx%dx%d", name_of(format), (int)n, (int)size, (int)size);
    region data, x = random_floats((size_t)(n * size), 1), y = make((size_t)(n * size) * 4);
    xl_matrix w = random_matrix(&data, format, size, size, 0, 0);
    region prepared = make((size_t)(n * xl_int8_blocks(size)) * sizeof(xl_int8_block));
    xl_int8_block *to = (xl_int8_block *)(void *)prepared.data;
    for (int64_t t = 0; t < n; t++) isa.prepare_int8(floats(x) + t * size, size, to + t * xl_int8_blocks(size));
    const xl_product p = {.w = w, .packed = to, .n = n, .y = floats(y), .ldy = size};
    BENCH((double)data.bytes, "GB/s", what, ref.multiply_int8[format](&p), isa.multiply_int8[format](&p));
    drop(prepared, what), drop(data, what), drop(x, what), drop(y, what);
}

static void check_few_int8(void) {
    static const int64_t shapes[][2] = {{1, 1},    {5, 31},   {8, 32},   {16, 256},
                                        {13, 300}, {40, 544}, {9, 1100}, {64, 2080}};
    for (int f = 0; f < XL_FORMAT_COUNT; f++) {
        if (!isa.multiply_int8[f]) continue;
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            for (int64_t n = 1; n <= 9; n++) check_few(f, n, shapes[s][0], shapes[s][1], n % 3 == 1);
        check_few_extremes(f);
        for (int64_t n = 1; n <= 8; n *= 2) bench_few(f, n, 1024);
        bench_few(f, 1, 4096); /* weights that do not fit into a core's own caches */
    }
}

/* Whether a smaller table has the same products in this arithmetic, and is checked for them; NULL: there is none.
 */
static bool checked_elsewhere(const xl_kernels *smaller, int compute) {
    if (!smaller || bench || memcmp(&isa.gemm[compute], &smaller->gemm[compute], sizeof isa.gemm[compute]) != 0)
        return false;
    return compute != XL_COMPUTE_INT8 ||
           (isa.prepare_int8 == smaller->prepare_int8 &&
            !memcmp(isa.multiply_int8, smaller->multiply_int8, sizeof isa.multiply_int8));
}

static void check_gemm(const xl_kernels *smaller) {
    static const int64_t shapes[][3] = {
        {1, 1, 1},     {2, 5, 7},      {3, 300, 530},  {12, 32, 256}, {6, 16, 512}, {17, 33, 257},   {64, 96, 256},
        {1, 40, 300},  {25, 65, 31},   {37, 70, 1100}, {32, 64, 544}, {48, 31, 64}, {13, 129, 2080}, {2, 5, 41000},
        {520, 40, 33}, {260, 290, 70}, {4, 48, 96},    {5, 33, 257},  {7, 32, 64},  {8, 50, 300},    {9, 16, 128}};
    for (int c = 0; c < XL_COMPUTE_COUNT; c++) {
        if (checked_elsewhere(smaller, c)) continue;
        for (int f = 0; f < XL_FORMAT_COUNT; f++)
            for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
                /* Whether a sum is added to what is there is asked where it is stored, which no format changes:
                 * with large shapes the formats take turns, and so do the shapes of a format. */
                const bool large = shapes[s][0] * shapes[s][1] * shapes[s][2] > 500000;
                for (int accumulate = 0; accumulate < 2; accumulate++)
                    if (!large || accumulate == (f + (int)s) % 2)
                        check_product(c, f, shapes[s][0], shapes[s][1], shapes[s][2], accumulate);
            }
        check_not_finite(c);
    }
    for (int c = 0; bench && c < XL_COMPUTE_COUNT; c++)
        for (int f = 0; f < XL_FORMAT_COUNT; f++)
            for (int64_t n = 16; n <= 512; n = n == 16 ? 64 : 8 * n) {
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
                      n <= isa.gemm[c].few ? isa.gemm[c].multiply_few(&isa, &q) : isa.gemm[c].multiply(&isa, &q));
                drop(data, what), drop(x, what), drop(y, what), drop(scratch, what);
                drop(packed[0], what), drop(packed[1], what);
            }
}

void check_products(const xl_kernels *smaller) {
    check_gemm(smaller);
    if (!checked_elsewhere(smaller, XL_COMPUTE_INT8)) check_few_int8();
}

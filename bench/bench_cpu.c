/* The CPU engine beside the limits of its machine, in one interleaved run: all checkpoints and formats are open at
 * the same time, and a round takes a sample of each row.
 *
 *   bench_cpu [-t SECONDS] [-s STEPS] LARGE SMALL
 *
 * Rows: products of one vector with a matrix of 4096 rows of 14336 columns; decode and prefill of 512 tokens of
 * LARGE in every weight format and arithmetic; both with 1, 2, 4, … threads; decode of 1, 8 and 32 sequences at
 * once; and prefill of 512 to 16384 tokens of SMALL. Rounds go on until SECONDS (default 300) are over, three at
 * least. The limit that bounds a row is measured by the same threads before each sample and after it. CSV on
 * standard output: the median, the lowest and the highest rate of each row, the median of its limit, and of the
 * samples' shares of what was measured around them the median, the lowest and the highest. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xlstm/batch.h>
#include <xlstm/roofline.h>
#include <xlstm/xlstm.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/memory.h"
#include "base/pool.h"
#include "base/rng.h"
#include "kernels/kernels.h"

enum {
    ROWS_MAX = 160,
    ROUNDS_MAX = 60,
    SEQUENCES_MAX = 32,
    LENGTH_MAX = 16384,
    MODELS_MAX = 8,
    THREAD_COUNTS = 12
};
enum { MATRIX_ROWS = 4096, MATRIX_COLS = 14336, PREFILL = 512 };

typedef struct model {
    const char *weights, *size;
    xlstm_model *model;
    xlstm_model_info info;
    const xlstm_hparams *hp;
    xlstm_session *sequences[SEQUENCES_MAX];
} model;

/* A product of one matrix and one vector by the threads of the pool. */
typedef struct product {
    xl_matrix w;
    bool int8;
    float *x, *y;
    void *prepared;
} product;

typedef enum row_kind { PRODUCT, DECODE, PREFILL_OF, BATCH } row_kind;

typedef struct row {
    row_kind kind;
    model *model; /* NULL: a product */
    product product;
    const char *compute;
    int threads, sequences;
    int64_t tokens;
    xlstm_session *session;
    xlstm_batch *batch;
    double work;              /* of a token, in what bounds the row: bytes read, or operations */
    double operations, bytes; /* of a token */
    unsigned limit;           /* XLSTM_LIMIT_* */
    const char *unit;
    double rates[ROUNDS_MAX], limits[ROUNDS_MAX], shares[ROUNDS_MAX];
} row;

static row rows[ROWS_MAX];
static int row_count;
static model models[MODELS_MAX];
static int model_count;
static int counts[THREAD_COUNTS], count_count;
static xlstm_probe *probes[THREAD_COUNTS];
static uint64_t cached_bytes;
static int32_t ids[LENGTH_MAX];
static float *logits;
static xl_kernels kernels;
static int steps = 8;

static void die(const xlstm_error *err) {
    fprintf(stderr, "bench_cpu: %s\n", err->text);
    exit(1);
}

static void *need(void *p) {
    if (p) return p;
    fprintf(stderr, "bench_cpu: out of memory\n");
    exit(1);
}

static model *open_model(const char *folder, const char *size, const char *weights) {
    xlstm_error err;
    xlstm_settings settings;
    model *m = &models[model_count++];
    *m = (model){.weights = weights, .size = size};
    xlstm_settings_init(&settings, NULL);
    if (xlstm_settings_parse(&settings, XLSTM_TUNE_WEIGHTS, weights, &err)) die(&err);
    const xlstm_model_options options = {.settings = &settings};
    if (xlstm_model_open(&m->model, folder, &options, &err)) die(&err);
    xlstm_model_get_info(m->model, &m->info);
    m->hp = xlstm_model_hparams(m->model);
    return m;
}

/* Operations of the linear layers for a token; the head's once a prompt. */
static double operations(const xlstm_hparams *hp, double tokens) {
    double d = (double)hp->embedding_dim, block = d * (2 * (double)hp->qk_dim + 3 * (double)hp->v_dim +
                                                       2 * (double)hp->num_heads + 3 * (double)hp->ffn_dim);
    return 2 * ((double)hp->num_blocks * block + d * (double)hp->vocab_size / tokens);
}

static xlstm_settings settings_of(const model *m, const char *compute, int threads) {
    xlstm_error err;
    xlstm_settings settings;
    xlstm_settings_init(&settings, m->hp);
    xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, threads);
    xlstm_settings_set(&settings, XLSTM_TUNE_DECODE_WORKERS, threads);
    if (xlstm_settings_parse(&settings, XLSTM_TUNE_COMPUTE, compute, &err)) die(&err);
    return settings;
}

static row *add_row(row_kind kind, model *m, const char *compute, int threads) {
    if (row_count == ROWS_MAX) {
        fprintf(stderr, "bench_cpu: more than %d rows\n", ROWS_MAX);
        exit(1);
    }
    rows[row_count] = (row){.kind = kind, .model = m, .compute = compute, .threads = threads, .sequences = 1};
    return &rows[row_count++];
}

static void add_decode(model *m, const char *compute, int threads) {
    xlstm_error err;
    row *r = add_row(DECODE, m, compute, threads);
    const xlstm_settings settings = settings_of(m, compute, threads);
    if (xlstm_session_create(&r->session, m->model, &settings, &err)) die(&err);
    r->tokens = steps;
    r->work = r->bytes = (double)(m->info.decode_read_bytes + 2 * m->info.state_bytes);
    r->operations = operations(m->hp, 1);
}

static void add_prefill(model *m, const char *compute, int threads, int64_t tokens) {
    xlstm_error err;
    row *r = add_row(PREFILL_OF, m, compute, threads);
    const xlstm_settings settings = settings_of(m, compute, threads);
    if (xlstm_session_create(&r->session, m->model, &settings, &err)) die(&err);
    r->tokens = tokens;
    r->work = r->operations = operations(m->hp, (double)tokens);
    r->bytes = (double)m->info.decode_read_bytes / PREFILL; /* weights are read once a segment */
}

static void add_batch(model *m, const char *compute, int threads, int sequences) {
    xlstm_error err;
    row *r = add_row(BATCH, m, compute, threads);
    const xlstm_settings settings = settings_of(m, compute, threads);
    if (xlstm_batch_create(&r->batch, m->model, &settings, &err)) die(&err);
    for (int i = 0; i < sequences; i++)
        if (!m->sequences[i] && xlstm_session_create(&m->sequences[i], m->model, NULL, &err)) die(&err);
    r->sequences = sequences;
    r->tokens = steps;
    r->work = r->bytes = (double)m->info.decode_read_bytes / sequences + 2 * (double)m->info.state_bytes;
    r->operations = operations(m->hp, 1);
}

static void add_products(xl_format_id format, int threads) {
    static const float *x;
    static float *y;
    const size_t stride = xl_format_row_bytes(format, MATRIX_COLS);
    char *data = need(xl_aligned_alloc(MATRIX_ROWS, stride));
    if (!x) {
        float *values = need(xl_aligned_alloc(MATRIX_COLS, sizeof(float)));
        for (int i = 0; i < MATRIX_COLS; i++) values[i] = (float)(i % 31) - 15;
        x = values;
        y = need(xl_aligned_alloc(MATRIX_ROWS, sizeof(float)));
    }
    kernels.from_f32[format](x, data, MATRIX_COLS);
    for (size_t i = 1; i < MATRIX_ROWS; i++) memcpy(data + i * stride, data, stride);
    for (int int8 = 0; int8 <= (kernels.multiply_int8[format] != NULL); int8++) {
        row *r = add_row(PRODUCT, NULL, int8 ? "int8" : "f32", threads);
        r->product = (product){.w = {data, format, MATRIX_ROWS, MATRIX_COLS, stride},
                               .int8 = int8,
                               .x = (float *)(uintptr_t)x,
                               .y = y,
                               .prepared = need(xl_aligned_alloc(xl_prepared_bytes(MATRIX_COLS), 1))};
        r->tokens = 1;
        r->work = r->bytes = (double)(MATRIX_ROWS * stride);
        r->operations = 2.0 * MATRIX_ROWS * MATRIX_COLS;
    }
}

enum { TASK_ROWS = 128 };

static void run_rows(void *ctx, int64_t task, int thread) {
    const product *p = ctx;
    const xl_matrix w = xl_matrix_rows(&p->w, task * TASK_ROWS, TASK_ROWS);
    float *y = p->y + task * TASK_ROWS;
    (void)thread;
    if (p->int8)
        kernels.multiply_int8[w.format](
            &(xl_product){.w = w, .packed = p->prepared, .n = 1, .y = y, .ldy = MATRIX_ROWS});
    else kernels.matvec[w.format](&w, kernels.prepare[w.format] ? p->prepared : p->x, y);
}

/* Products a second: the best of some tens of milliseconds, as a peer's benchmark of kernels gives. */
static double run_product(const row *r) {
    const product *p = &r->product;
    double until = xl_now_s() + 0.06, best = INFINITY;
    while (xl_now_s() < until) {
        const double start = xl_now_s();
        if (p->int8) kernels.prepare_int8(p->x, MATRIX_COLS, p->prepared);
        else if (kernels.prepare[p->w.format]) kernels.prepare[p->w.format](p->x, MATRIX_COLS, p->prepared);
        xl_pool_run(xl_pool_shared(), r->threads, MATRIX_ROWS / TASK_ROWS, run_rows, (void *)(uintptr_t)p);
        best = fmin(best, xl_now_s() - start);
    }
    return 1 / best;
}

/* Tokens (of all sequences) a second. */
static double run(const row *r) {
    xlstm_error err;
    if (r->kind == PRODUCT) return run_product(r);
    double start = xl_now_s();
    if (r->kind == PREFILL_OF) {
        xlstm_session_reset(r->session);
        if (xlstm_prefill(r->session, ids, (size_t)r->tokens, XLSTM_LOGITS_LAST, logits, &err)) die(&err);
        return (double)r->tokens / (xl_now_s() - start);
    }
    for (int64_t i = -1; i < r->tokens; i++) {
        if (i == 0) start = xl_now_s();
        if (r->kind == DECODE) {
            if (xlstm_decode(r->session, ids[i + 1], logits, &err)) die(&err);
            continue;
        }
        xlstm_batch_item items[SEQUENCES_MAX];
        for (int s = 0; s < r->sequences; s++)
            items[s] = (xlstm_batch_item){r->model->sequences[s], &ids[i + 1 + s], 1, XLSTM_LOGITS_LAST};
        if (xlstm_batch_run(r->batch, items, (size_t)r->sequences, logits, &err)) die(&err);
    }
    return (double)(r->tokens * r->sequences) / (xl_now_s() - start);
}

static const char *name_of_compute(int64_t compute) {
    return xlstm_tunable_get(XLSTM_TUNE_COMPUTE)->choices[compute];
}

/* The arithmetic in force. */
static const char *computed_in(const row *r) {
    if (r->kind != PREFILL_OF || strcmp(r->compute, "auto") != 0) return r->compute;
    return name_of_compute(r->model->info.auto_compute);
}

static void choose_limit(row *r) {
    if (r->kind != PREFILL_OF) {
        bool cached = r->work * r->sequences <= (double)cached_bytes;
        r->unit = cached ? "GB/s of cache" : "GB/s of memory";
        r->limit = cached ? XLSTM_LIMIT_CACHED : XLSTM_LIMIT_STREAM;
        return;
    }
    const char *compute = computed_in(r);
    r->unit = "GFLOP/s";
    r->limit = !strcmp(compute, "bf16")   ? XLSTM_LIMIT_BF16
               : !strcmp(compute, "int8") ? XLSTM_LIMIT_INT8
                                          : XLSTM_LIMIT_SGEMM;
}

/* What the machine gives the row now, in its work a second. */
static double measure_limit(const row *r) {
    enum { MILLISECONDS = 30 };
    xlstm_error err;
    xlstm_roofline now;
    xlstm_probe *probe = probes[count_count - 1];
    for (int i = 0; i < count_count; i++)
        if (counts[i] == r->threads) probe = probes[i];
    if (xlstm_probe_measure(probe, r->limit, MILLISECONDS * 1e-3, &now, &err)) die(&err);
    return xlstm_roofline_rate(&now, r->limit) * 1e9;
}

static bool same_limit(const row *a, const row *b) {
    return a->limit == b->limit && a->threads == b->threads;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_row(row *r, int rounds) {
    static const char *const kinds[] = {"product", "decode", "prefill", "decode of many"};
    qsort(r->rates, (size_t)rounds, sizeof *r->rates, compare);
    qsort(r->limits, (size_t)rounds, sizeof *r->limits, compare);
    qsort(r->shares, (size_t)rounds, sizeof *r->shares, compare);
    const double median = r->rates[rounds / 2];
    printf("%s,%s,%s,%s,%s,%d,%lld,%d,%d,%.2f,%.2f,%.2f,%.2f,%s,%.2f,%.3f,%.1f,%.2f,%.3f,%.3f\n", kinds[r->kind],
           r->model ? r->model->size : "4096x14336",
           r->model ? r->model->weights : xl_format_get((int)r->product.w.format)->name, computed_in(r),
           kernels.name, r->threads, (long long)r->tokens, r->sequences, rounds, median, r->rates[0],
           r->rates[rounds - 1], median * r->work * 1e-9, r->unit, r->limits[rounds / 2] * 1e-9,
           r->shares[rounds / 2], median * r->operations * 1e-9, r->operations / r->bytes, r->shares[0],
           r->shares[rounds - 1]);
}

static void make_rows(const char *large, const char *small, int all) {
    static const char *const formats[] = {"stored", "q8_0", "q6_k", "q4_k", "q4_0"};
    for (int f = 0; f < XL_FORMAT_COUNT; f++) {
        if (f == XL_FORMAT_F16) continue;
        add_products((xl_format_id)f, all < 2 ? 1 : 2);
        if (all > 2) add_products((xl_format_id)f, all);
    }
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        model *m = open_model(large, "large", formats[f]);
        add_decode(m, "f32", all);
        add_prefill(m, "f32", all, PREFILL);
        add_prefill(m, "bf16", all, PREFILL);
        if (f) add_decode(m, "int8", all);
        add_prefill(m, "int8", all, PREFILL);
        for (int i = 0; i + 1 < count_count && (f == 0 || f == 3); i++) {
            add_decode(m, f ? "int8" : "f32", counts[i]);
            if (f == 0) add_prefill(m, "auto", counts[i], PREFILL);
        }
        for (int n = 1; n <= SEQUENCES_MAX && (f == 0 || f == 3); n = n == 1 ? 8 : n * 4)
            add_batch(m, f ? "int8" : "auto", all, n);
    }
    model *m = open_model(small, "small", "stored");
    add_decode(m, "f32", all);
    for (int64_t n = PREFILL; n <= LENGTH_MAX; n = n == 2048 ? LENGTH_MAX : n * 4) add_prefill(m, "auto", all, n);
}

int main(int argc, char **argv) {
    double seconds = 300;
    int option, rounds = 0;
    while ((option = getopt(argc, argv, "t:s:")) != -1) {
        if (option == 't') seconds = atof(optarg);
        if (option == 's') steps = atoi(optarg);
        if (option == '?' || !(seconds > 0) || steps < 1 || steps > LENGTH_MAX / 2) optind = argc;
    }
    if (optind != argc - 2) {
        fprintf(stderr, "usage: bench_cpu [-t SECONDS] [-s STEPS] LARGE SMALL\n");
        return 2;
    }
    const double begin = xl_now_s();
    const int all = xl_cpu_useful();
    xl_kernels_init(&kernels, xl_cpu_flags());
    for (int n = 1; n < all && count_count < THREAD_COUNTS - 1; n *= 2) counts[count_count++] = n;
    counts[count_count++] = all;
    xlstm_error err;
    xlstm_roofline sizes;
    for (int i = 0; i < count_count; i++)
        if (xlstm_probe_open(&probes[i], NULL, counts[i], &err)) die(&err);
    if (xlstm_probe_measure(probes[0], 0, 1, &sizes, &err)) die(&err);
    cached_bytes = sizes.cached_bytes;
    make_rows(argv[optind], argv[optind + 1], all);
    for (int i = 0; i < row_count; i++) choose_limit(&rows[i]);
    int64_t vocabulary = INT64_MAX;
    for (int i = 0; i < model_count; i++)
        if (models[i].hp->vocab_size < vocabulary) vocabulary = models[i].hp->vocab_size;
    xl_rng rng;
    xl_rng_seed(&rng, 1);
    for (int i = 0; i < LENGTH_MAX; i++) ids[i] = (int32_t)xl_rng_below(&rng, (uint64_t)vocabulary);
    int64_t most = 0;
    for (int i = 0; i < model_count; i++)
        if (models[i].hp->vocab_size > most) most = models[i].hp->vocab_size;
    logits = need(xl_aligned_alloc((size_t)most * SEQUENCES_MAX, sizeof *logits));

    double longest = 0;
    for (; rounds < ROUNDS_MAX; rounds++) {
        const double start = xl_now_s();
        if (rounds >= 3 && start + longest - begin > seconds) break;
        const row *last = NULL;
        double before = 0;
        for (int i = 0; i < row_count; i++) {
            row *r = &rows[rounds % 2 ? row_count - 1 - i : i];
            if (!rounds) (void)run(r); /* warm-up */
            if (!last || !same_limit(last, r)) before = measure_limit(r);
            r->rates[rounds] = run(r);
            const double after = measure_limit(r);
            r->limits[rounds] = (before + after) / 2;
            r->shares[rounds] = r->rates[rounds] * r->work / r->limits[rounds];
            before = after;
            last = r;
        }
        const double took = xl_now_s() - start;
        longest = rounds ? fmax(longest, took) : 0;
        fprintf(stderr, "round %d: %.1f s\n", rounds + 1, took);
    }
    printf("what,model,weights,compute,kernels,threads,tokens,sequences,rounds,median_per_s,low_per_s,high_per_s,"
           "reached,unit,limit,share,gflop_s,flop_per_byte,share_low,share_high\n");
    for (int i = 0; i < row_count; i++) print_row(&rows[i], rounds);
    return 0;
}

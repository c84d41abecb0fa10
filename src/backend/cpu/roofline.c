/* The limits of the processor and its memory, measured with the threads and kernels that run the model. */
#include <math.h>
#include <string.h>

#include "backend/cpu/cpu_impl.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"
#include "base/system.h"

enum {
    TOKENS = 512,
    SIZE = 1024,        /* rows and columns of the weights */
    GUESSED_CACHE = 32, /* MiB, where the system does not say */
    STREAMS = 8,
    LINE_WORDS = XL_CACHE_LINE / sizeof(uint64_t),
    AHEAD_WORDS = 128
};

/* What the threads of one measurement share. Each repeats its own part until the time is up. A round is timed by
 * the first thread between two barriers, so that the slowest thread counts. */
typedef struct job {
    const uint64_t *words; /* [threads][words_each] */
    size_t words_each;
    const xl_kernels *kernels;
    xl_compute compute;
    xl_matrix w;   /* [SIZE, SIZE] */
    void *packed;  /* TOKENS rows of SIZE values, packed */
    char *scratch; /* [threads][XL_GEMM_SCRATCH] */
    float *y;      /* [threads][TOKENS, SIZE] */
    int repeats;   /* of the part in a round */
    double until, best;
    bool over;
    uint64_t sink[XL_POOL_MAX]; /* keeps the compiler from dropping the reads */
} job;

/* Eight streams are read at a time, as the engine reads weights: a single one leaves a third of the bandwidth
 * unused. Their sums are independent, so that the loads bound the speed and not their use. */
static uint64_t read_words(const uint64_t *p, size_t n) {
    uint64_t sum[STREAMS] = {0}, all = 0;
    size_t each = n / STREAMS;
    for (size_t i = 0; i + LINE_WORDS <= each; i += LINE_WORDS)
        for (size_t s = 0; s < STREAMS; s++) {
            const uint64_t *line = p + s * each + i;
            __builtin_prefetch(line + AHEAD_WORDS);
            for (size_t l = 0; l < LINE_WORDS; l += 2) sum[s] ^= line[l] ^ line[l + 1];
        }
    for (int s = 0; s < STREAMS; s++) all ^= sum[s];
    return all;
}

static void work(job *j, int thread) {
    for (int i = 0; i < j->repeats; i++) {
        if (j->words_each) {
            j->sink[thread] ^= read_words(j->words + (size_t)thread * j->words_each, j->words_each);
        } else {
            float *y = j->y + (size_t)thread * TOKENS * SIZE;
            j->kernels->gemm[j->compute].multiply(
                j->kernels, &(xl_product){.w = j->w,
                                          .packed = j->packed,
                                          .n = TOKENS,
                                          .y = y,
                                          .ldy = SIZE,
                                          .scratch = j->scratch + (size_t)thread * XL_GEMM_SCRATCH});
        }
    }
}

static void run_rounds(void *ctx, xl_team *team, int thread) {
    job *j = ctx;
    work(j, thread); /* warm-up: pages, caches, clocks */
    do {
        xl_team_barrier(team);
        double start = xl_now_s();
        work(j, thread);
        xl_team_barrier(team);
        if (thread == 0) {
            double now = xl_now_s();
            if (now - start < j->best) j->best = now - start;
            j->over = now >= j->until;
        }
        xl_team_barrier(team);
    } while (!j->over);
}

/* Seconds of the best round; *threads becomes the number that took part. */
static double measure(job *j, int *threads, double seconds) {
    j->best = INFINITY;
    j->until = xl_now_s() + seconds;
    *threads = xl_pool_parallel(xl_pool_shared(), *threads, run_rounds, j);
    return j->best;
}

typedef struct fill {
    uint64_t *words;
    size_t words_each;
} fill;

/* Each thread touches its own part first, so that the memory is near to it. */
static void fill_part(void *ctx, xl_team *team, int thread) {
    const fill *f = ctx;
    memset(f->words + (size_t)thread * f->words_each, 1, f->words_each * sizeof *f->words);
}

/* GB/s of reading `bytes`, rounded down to whole lines a thread. */
static int measure_read(uint64_t *bytes, int *threads, double seconds, double *gb_s, xlstm_error *err) {
    size_t each = (size_t)(*bytes / (uint64_t)*threads / (STREAMS * XL_CACHE_LINE)) * (STREAMS * LINE_WORDS);
    uint64_t *words = xl_aligned_alloc(each * (size_t)*threads, sizeof *words);
    if (!words)
        return xl_fail(err, XLSTM_ENOMEM, "out of memory for %llu bytes to read", (unsigned long long)*bytes);
    fill parts = {words, each};
    *threads = xl_pool_parallel(xl_pool_shared(), *threads, fill_part, &parts);
    *bytes = (uint64_t)each * sizeof *words * (uint64_t)*threads;
    /* A round lasts at least some milliseconds, so that clock and barriers do not count. */
    job j = {.words = words, .words_each = each, .repeats = (int)(((uint64_t)64 << 20) / *bytes) + 1};
    *gb_s = (double)*bytes * j.repeats / measure(&j, threads, seconds) / 1e9;
    xl_aligned_free(words);
    return XLSTM_OK;
}

static int measure_gemm(const xl_kernels *kernels, xl_compute compute, xl_format_id format, int *threads,
                        double seconds, double *gflop_s, xlstm_error *err) {
    const xl_gemm *gemm = &kernels->gemm[compute];
    const int64_t panels = (TOKENS + gemm->tokens - 1) / gemm->tokens;
    const size_t stride = xl_format_row_bytes(format, SIZE), weights = SIZE * stride,
                 values = (size_t)SIZE * TOKENS;
    const size_t token = gemm->packed_bytes(SIZE), packed = (size_t)(panels * gemm->tokens) * token;
    const size_t each = values * sizeof(float) + XL_GEMM_SCRATCH;
    const size_t all = weights + packed + (size_t)*threads * each;
    char *memory = xl_aligned_alloc(all, 1);
    if (!memory) return xl_fail(err, XLSTM_ENOMEM, "out of memory for products of %zu bytes", all);
    char *end = memory + (size_t)*threads * each;
    float *x = (float *)(void *)memory; /* what the threads write later */
    for (size_t i = 0; i < values; i++) x[i] = (float)(i % 17) - 8;
    for (int64_t t = 0; t < TOKENS; t += gemm->tokens)
        gemm->pack(x + t * SIZE, SIZE, TOKENS - t < gemm->tokens ? TOKENS - t : gemm->tokens, SIZE,
                   end + (size_t)t * token);
    for (size_t r = 0; r < SIZE; r++) kernels->from_f32[format](x + r, end + packed + r * stride, SIZE);
    job j = {.kernels = kernels,
             .compute = compute,
             .w = {.data = end + packed, .format = format, .rows = SIZE, .cols = SIZE, .stride = stride},
             .packed = end,
             .y = x,
             .scratch = memory + (size_t)*threads * values * sizeof(float),
             .repeats = 1};
    double best = measure(&j, threads, seconds);
    *gflop_s = 2.0 * TOKENS * SIZE * SIZE * *threads / best / 1e9;
    xl_aligned_free(memory);
    return XLSTM_OK;
}

int xl_cpu_roofline(xlstm_roofline *out, xl_device *device, int threads, unsigned limits, double seconds,
                    xlstm_error *err) {
    xlstm_roofline r = {.threads = threads ? threads : xl_cpu_count(), .cache_bytes = xl_cache_bytes()};
    uint64_t cache = r.cache_bytes ? r.cache_bytes : (uint64_t)GUESSED_CACHE << 20;
    uint64_t quarter = xl_memory_available() / 4;
    r.stream_bytes = 8 * cache;
    if (quarter && r.stream_bytes > quarter) r.stream_bytes = quarter;
    r.cached_bytes = cache / 2;
    if (r.threads > XL_POOL_MAX) r.threads = XL_POOL_MAX;
    const xl_kernels *k = &device->kernels;
    int status = XLSTM_OK;
    if (limits & XLSTM_LIMIT_STREAM)
        status = measure_read(&r.stream_bytes, &r.threads, seconds, &r.stream_gb_s, err);
    if (!status && limits & XLSTM_LIMIT_CACHED)
        status = measure_read(&r.cached_bytes, &r.threads, seconds, &r.cached_gb_s, err);
    if (!status && limits & XLSTM_LIMIT_SGEMM)
        status = measure_gemm(k, XL_COMPUTE_F32, XL_FORMAT_F32, &r.threads, seconds, &r.sgemm_gflop_s, err);
    if (!status && limits & XLSTM_LIMIT_BF16)
        status = measure_gemm(k, XL_COMPUTE_BF16, XL_FORMAT_BF16, &r.threads, seconds, &r.bf16_gflop_s, err);
    if (!status && limits & XLSTM_LIMIT_INT8)
        status = measure_gemm(k, XL_COMPUTE_INT8, XL_FORMAT_Q8_0, &r.threads, seconds, &r.int8_gflop_s, err);
    if (!status) *out = r;
    return status;
}

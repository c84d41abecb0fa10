#include "tuner/measure/gauge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/pool.h"
#include "base/system.h"
#include "tuner/measure/stats.h"
#include "tuner/measure/timing.h"

#define ROUNDS 3        /* the best counts: it is free of interrupts */
#define ADDITIONS 60000 /* of each chain: some 150 microseconds */
/* Memory is read again and again for READ_S seconds, because a neighbour's traffic comes and goes within
 * milliseconds; the median counts, which tells states apart where the best of a few rounds does not. */
#define READ_S 0.016
#define READ_ROUNDS_LEAST 5
#define READ_ROUNDS_MOST 64
#define READ_LEAST ((size_t)32 << 20) /* twice what the cache holds, within these */
#define READ_MOST ((size_t)256 << 20)
#define LINE_BYTES 64
#define PAGE_BYTES 4096

struct tune_gauge {
    xl_pool *pool;
    int threads;
    double seconds[XL_POOL_MAX]; /* of each thread in the last region */
    uint64_t sum[XL_POOL_MAX];
    unsigned char *memory; /* [bytes]; NULL before the first reading, or where there is none */
    size_t bytes;
};

const char *tune_quantity_name(int quantity) {
    static const char *const names[TUNE_QUANTITIES] = {"together", "read_gb_s", "mhz"};
    return names[quantity];
}

void tune_quantity_print(char *text, size_t bytes, int quantity, double value) {
    static const char *const forms[TUNE_QUANTITIES] = {"each processor at %.0f %% beside the others",
                                                       "memory at %.1f GB/s", "%.0f MHz"};
    snprintf(text, bytes, forms[quantity], quantity == TUNE_TOGETHER ? 100 * value : value);
}

void tune_condition_init(tune_condition *condition) {
    for (int q = 0; q < TUNE_QUANTITIES; q++) condition->value[q] = NAN;
}

int tune_gauge_create(tune_gauge **out, int threads, xlstm_error *err) {
    tune_gauge *gauge = calloc(1, sizeof *gauge);
    if (!gauge) return xl_fail(err, XLSTM_ENOMEM, "gauge: out of memory");
    const int most = xl_cpu_count() < XL_POOL_MAX ? xl_cpu_count() : XL_POOL_MAX;
    gauge->threads = threads < 1 ? 1 : threads < most ? threads : most;
    gauge->pool = xl_pool_create();
    if (!gauge->pool) {
        free(gauge);
        return xl_fail(err, XLSTM_ENOMEM, "gauge: out of memory");
    }
    xl_pool_pin(gauge->pool, XL_PIN_SPREAD);
    *out = gauge;
    return XLSTM_OK;
}

void tune_gauge_destroy(tune_gauge *gauge) {
    if (!gauge) return;
    xl_pool_destroy(gauge->pool);
    if (gauge->memory) munmap(gauge->memory, gauge->bytes);
    free(gauge);
}

/* Memory that processes started from here do not inherit: what they take at most would otherwise never be less. */
static unsigned char *own_memory(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return NULL;
#ifdef MADV_DONTFORK
    (void)madvise(memory, bytes, MADV_DONTFORK);
#endif
    return memory;
}

/* Sixteen chains of additions keep a core's adders busy by themselves, so that a second thread on the same core
 * halves the speed; one chain would leave room for it. */
static double additions(void) {
    enum { CHAINS = 16 };
    double x[CHAINS];
    for (int i = 0; i < CHAINS; i++) x[i] = i;
    for (int n = 0; n < ADDITIONS; n++) {
        for (int i = 0; i < CHAINS; i++) x[i] += 1e-9;
    }
    double sum = 0;
    for (int i = 0; i < CHAINS; i++) sum += x[i];
    return sum;
}

static void compute(void *ctx, xl_team *team, int thread) {
    tune_gauge *gauge = ctx;
    xl_team_barrier(team);
    const double start = xl_now_s();
    gauge->sum[thread] += (uint64_t)additions(); /* so that it is not left out */
    gauge->seconds[thread] = xl_now_s() - start;
}

/* Mean over the threads that ran. */
static double mean_seconds(const tune_gauge *gauge, int threads) {
    double sum = 0;
    for (int i = 0; i < threads; i++) sum += gauge->seconds[i];
    return sum / threads;
}

static double together(tune_gauge *gauge) {
    double alone = INFINITY, all = INFINITY;
    for (int round = 0; round < ROUNDS; round++) {
        xl_pool_parallel(gauge->pool, 1, compute, gauge);
        alone = fmin(alone, gauge->seconds[0]);
        int used = xl_pool_parallel(gauge->pool, gauge->threads, compute, gauge);
        all = fmin(all, mean_seconds(gauge, used));
    }
    return alone / all;
}

/* The part of the memory that a thread reads, in lines. */
static void part_of(const tune_gauge *gauge, const xl_team *team, int thread, size_t *from, size_t *to) {
    const size_t lines = gauge->bytes / LINE_BYTES, threads = (size_t)xl_team_size(team);
    *from = lines * (size_t)thread / threads;
    *to = lines * ((size_t)thread + 1) / threads;
}

/* Writes to every page, so that it is there, and near the thread that will read it. */
static void touch(void *ctx, xl_team *team, int thread) {
    tune_gauge *gauge = ctx;
    size_t from, to;
    part_of(gauge, team, thread, &from, &to);
    for (size_t at = from * LINE_BYTES; at < to * LINE_BYTES; at += PAGE_BYTES) gauge->memory[at] = 1;
}

static void read_lines(void *ctx, xl_team *team, int thread) {
    tune_gauge *gauge = ctx;
    size_t from, to;
    part_of(gauge, team, thread, &from, &to);
    uint64_t sum = 0;
    xl_team_barrier(team);
    const double start = xl_now_s();
    for (size_t i = from; i < to; i++) sum += gauge->memory[i * LINE_BYTES];
    gauge->seconds[thread] = xl_now_s() - start;
    gauge->sum[thread] += sum;
}

static double reading(tune_gauge *gauge) {
    double rate[READ_ROUNDS_MOST];
    if (!gauge->memory) {
        const size_t wanted = 2 * (size_t)xl_cache_bytes();
        gauge->bytes = wanted < READ_LEAST ? READ_LEAST : wanted < READ_MOST ? wanted : READ_MOST;
        gauge->memory = own_memory(gauge->bytes);
        if (!gauge->memory) return NAN;
        xl_pool_parallel(gauge->pool, gauge->threads, touch, gauge);
    }
    const double start = xl_now_s();
    size_t n = 0;
    while (n < READ_ROUNDS_LEAST || (n < READ_ROUNDS_MOST && xl_now_s() - start < READ_S)) {
        int used = xl_pool_parallel(gauge->pool, gauge->threads, read_lines, gauge);
        rate[n++] = 1e-9 * (double)gauge->bytes / mean_seconds(gauge, used);
    }
    return tune_median(rate, n);
}

void tune_gauge_take(tune_gauge *gauge, tune_condition *out) {
    out->value[TUNE_TOGETHER] = gauge->threads > 1 ? together(gauge) : NAN;
    out->value[TUNE_READING] = reading(gauge);
    out->value[TUNE_FREQUENCY] = tune_frequency_mhz();
}

#include "tuner/measure/gauge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/pool.h"
#include "base/system.h"
#include "tuner/measure/timing.h"

#define ROUNDS 3        /* the best counts: it is free of interrupts */
#define ADDITIONS 60000 /* of each chain: some 150 microseconds */
#define READ_ROUNDS 2
#define READ_LEAST ((size_t)16 << 20) /* more than the cache holds, within these */
#define READ_MOST ((size_t)64 << 20)
#define LINE_BYTES 64

struct tune_gauge {
    xl_pool *pool;
    int threads;
    double seconds[XL_POOL_MAX]; /* of each thread in the last region */
    uint64_t sum[XL_POOL_MAX];
    const unsigned char *memory;
    size_t bytes;
};

const char *tune_quantity_name(int quantity) {
    static const char *const names[TUNE_QUANTITIES] = {"together", "read_gb_s", "mhz"};
    return names[quantity];
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
    free(gauge);
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

static void read_lines(void *ctx, xl_team *team, int thread) {
    tune_gauge *gauge = ctx;
    const size_t lines = gauge->bytes / LINE_BYTES, threads = (size_t)xl_team_size(team);
    const size_t from = lines * (size_t)thread / threads, to = lines * ((size_t)thread + 1) / threads;
    uint64_t sum = 0;
    xl_team_barrier(team);
    const double start = xl_now_s();
    for (size_t i = from; i < to; i++) sum += gauge->memory[i * LINE_BYTES];
    gauge->seconds[thread] = xl_now_s() - start;
    gauge->sum[thread] += sum;
}

static double reading(tune_gauge *gauge) {
    const size_t wanted = xl_cache_bytes() + xl_cache_bytes() / 2;
    gauge->bytes = wanted < READ_LEAST ? READ_LEAST : wanted < READ_MOST ? wanted : READ_MOST;
    unsigned char *memory = malloc(gauge->bytes);
    double best = INFINITY;
    if (!memory) return NAN;
    memset(memory, 1, gauge->bytes); /* so that it is there */
    gauge->memory = memory;
    for (int round = 0; round < READ_ROUNDS; round++) {
        int used = xl_pool_parallel(gauge->pool, gauge->threads, read_lines, gauge);
        best = fmin(best, mean_seconds(gauge, used));
    }
    free(memory);
    return 1e-9 * (double)gauge->bytes / best;
}

void tune_gauge_take(tune_gauge *gauge, tune_condition *out) {
    out->value[TUNE_TOGETHER] = gauge->threads > 1 ? together(gauge) : NAN;
    out->value[TUNE_READING] = reading(gauge);
    out->value[TUNE_FREQUENCY] = tune_frequency_mhz();
}

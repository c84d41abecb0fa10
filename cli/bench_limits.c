#include "cli/bench_limits.h"

#include <math.h>
#include <stdbool.h>

/* For each limit, before all samples and between two of them. */
static const double SECONDS_FIRST = 0.3, SECONDS_BETWEEN = 0.03;

int bench_limits_open(bench_limits *l, const char *device, xlstm_roofline *best, xlstm_error *err) {
    l->best = best;
    int status = xlstm_probe_open(&l->probe, device, 0, err);
    return status ? status : xlstm_probe_measure(l->probe, XLSTM_LIMIT_ALL, SECONDS_FIRST, best, err);
}

void bench_limits_close(bench_limits *l) {
    xlstm_probe_close(l->probe);
    l->probe = NULL;
}

void bench_limits_choose(const bench_limits *l, bench_row *row) {
    if (!l->probe) return;
    if (row->n_gen) {
        bool cached = row->work / (double)bench_tokens(row) <= (double)l->best->cached_bytes;
        row->limit = cached ? XLSTM_LIMIT_CACHED : XLSTM_LIMIT_STREAM;
        row->limit_of = cached ? "cache" : "read";
    } else {
        int64_t compute = xlstm_settings_get(&row->settings, XLSTM_TUNE_COMPUTE);
        bool bf16 = compute == XLSTM_COMPUTE_BF16, int8 = compute == XLSTM_COMPUTE_INT8;
        row->limit = bf16 ? XLSTM_LIMIT_BF16 : int8 ? XLSTM_LIMIT_INT8 : XLSTM_LIMIT_SGEMM;
        row->limit_of = bf16 ? "bf16" : int8 ? "int8" : "sgemm";
    }
    if (!(xlstm_roofline_rate(l->best, row->limit) > 0)) row->limit = 0;
}

/* Tokens per second of the row's test that its limit allows. */
static double allowed(const bench_row *row, const xlstm_roofline *r) {
    return xlstm_roofline_rate(r, row->limit) * 1e9 * (double)bench_tokens(row) / row->work;
}

int bench_limits_between(bench_limits *l, bench_row *done, const bench_row *next, xlstm_error *err) {
    const unsigned limits = (done ? done->limit : 0) | (next ? next->limit : 0);
    if (!l->probe || !limits) return XLSTM_OK;
    xlstm_roofline now, *best = l->best;
    int status = xlstm_probe_measure(l->probe, limits, SECONDS_BETWEEN, &now, err);
    if (status) return status;
    best->stream_gb_s = fmax(now.stream_gb_s, best->stream_gb_s);
    best->cached_gb_s = fmax(now.cached_gb_s, best->cached_gb_s);
    best->sgemm_gflop_s = fmax(now.sgemm_gflop_s, best->sgemm_gflop_s);
    best->bf16_gflop_s = fmax(now.bf16_gflop_s, best->bf16_gflop_s);
    best->int8_gflop_s = fmax(now.int8_gflop_s, best->int8_gflop_s);
    if (done && done->limit) done->limits_ts[done->samples - 1] = (l->before + allowed(done, &now)) / 2;
    if (next && next->limit) l->before = allowed(next, &now);
    return XLSTM_OK;
}

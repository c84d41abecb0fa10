/* The results of `xltune bench` and how they are printed; the columns follow those of llama-bench. */
#ifndef CLI_BENCH_TABLE_H
#define CLI_BENCH_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <xlstm/roofline.h>
#include <xlstm/xlstm.h>

/* One row: one test with one set of settings. */
typedef struct bench_row {
    xlstm_settings settings;   /* those in force */
    int64_t n_prompt, n_gen;   /* tokens of the prompt and tokens generated; one of the two is 0 */
    double *seconds;           /* of each sample, in the order in which they were taken */
    size_t samples, disturbed; /* those disturbed by something else on the machine are in both */
    uint64_t peak_bytes;       /* highest resident memory while the row was sampled; 0: unknown */
    double load_s;
    double work;          /* of the whole test: operations of prefill's products, or bytes that decode reads */
    unsigned limit;       /* the XLSTM_LIMIT_* that bounds the row; 0: not measured */
    double *limits_ts;    /* with a limit: tokens per second that it allowed around each sample */
    const char *limit_of; /* "sgemm", "bf16" or "int8" by the arithmetic of prefill; "read", or "cache" where
                             everything that decode reads fits into the cache */
} bench_row;

typedef struct bench_table {
    const char *model; /* the last part of the checkpoint's path */
    const char *model_path;
    xlstm_model_info info; /* of the checkpoint as it was opened first */
    char cpu[128];
    char time[32];           /* local time, ISO 8601 */
    xlstm_roofline roofline; /* limits of the machine; its `threads` is 0 where they were not measured */
    bench_row *rows;
    size_t count;
} bench_table;

/* Number of tokens that the row's test processes. */
int64_t bench_tokens(const bench_row *row);

/* Prints the table to `out`. `format` is "md", "csv", "json", "jsonl" or "sql". Rows without samples are left out.
 * Returns 0, or -1 when out of memory or where writing failed. */
int bench_print(const bench_table *table, const char *format, FILE *out);

#endif

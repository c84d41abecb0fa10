/* What `xltune bench` measured, and how it is printed: columns after llama-bench's manner. */
#ifndef CLI_BENCH_TABLE_H
#define CLI_BENCH_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <xlstm/roofline.h>
#include <xlstm/xlstm.h>

/* One row: one test under one configuration. */
typedef struct bench_row {
    xlstm_settings settings;   /* in force */
    int64_t n_prompt, n_gen;   /* one of them is 0 */
    double *seconds;           /* of each sample, in the order taken */
    size_t samples, disturbed; /* disturbed: by something else on the machine, and counted all the same */
    uint64_t peak_bytes;       /* most resident memory while it was sampled; 0: unknown */
    double load_s;
    double work;          /* of the whole test: operations of prefill's products, bytes that decode reads */
    double limit_ts;      /* tokens a second that the roofline allows; 0: not measured */
    const char *limit_of; /* "sgemm", "read", or "cache" where all that decode reads fits there */
} bench_row;

typedef struct bench_table {
    const char *model; /* last part of the checkpoint's path */
    const char *model_path;
    xlstm_model_info info; /* of the checkpoint as first opened */
    char cpu[128];
    char time[32];           /* local, ISO 8601 */
    xlstm_roofline roofline; /* the machine's limits; threads 0: not measured */
    bench_row *rows;
    size_t count;
} bench_table;

/* Tokens of the row's test. */
int64_t bench_tokens(const bench_row *row);

/* format: "md", "csv", "json", "jsonl" or "sql". Rows without samples are left out. 0, or -1 where writing failed.
 */
int bench_print(const bench_table *table, const char *format, FILE *out);

#endif

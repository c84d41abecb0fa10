/* How many measurements are saved by knowing what each parameter affects. An exhaustively measured space of the
 * engine is replayed with one strategy over the whole space, and with one strategy each for prefill and for
 * decode, told the recorded times. What counts is the number of measurements until the best point known is within
 * 1 % of the best of all.
 *
 *   bench_effects SUMMARY.csv [SEEDS]
 *
 * SUMMARY.csv is the summary.csv of a run folder; its tunables with more than one value are the space. Prints CSV:
 * way, seed, to_1_percent, to_end, found (share of the optimum). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/error.h"
#include "base/memory.h"
#include "tuner/driver/proposer.h"
#include "tuner/target/engine_space.h"

enum { COLUMNS = 64 };

typedef struct recording {
    tune_space *space;        /* its points are the rows */
    double *prefill, *decode; /* seconds, for each row */
    size_t rows;
    double best; /* seconds of a request */
} recording;

/* The rows of summary.csv that were measured. */
typedef struct table {
    xl_csv csv;
    size_t *row; /* [rows]: their rows in csv */
    size_t rows;
} table;

static const char *cell(const table *t, size_t row, int column) {
    return xl_csv_cell(&t->csv, t->row[row], column);
}

static int read_table(const char *path, table *t, xlstm_error *err) {
    int status = xl_csv_read(&t->csv, path, XL_CSV_BYTES, err);
    if (status) return status;
    const int state = xl_csv_column(&t->csv, "status");
    if (xl_csv_column(&t->csv, "prefill_s") < 0 || xl_csv_column(&t->csv, "decode_s") < 0 || state < 0)
        return xl_fail(err, XLSTM_EFORMAT, "%s: no prefill_s, decode_s and status in line 1: no summary.csv", path);
    if (t->csv.columns > COLUMNS) return xl_fail(err, XLSTM_EFORMAT, "%s: over %d columns", path, COLUMNS);
    t->row = xl_array(t->csv.rows, sizeof *t->row);
    if (!t->row) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    for (size_t i = 0; i < t->csv.rows; i++) {
        if (!strcmp(xl_csv_cell(&t->csv, i, state), "ok")) t->row[t->rows++] = i;
    }
    return t->rows ? XLSTM_OK : xl_fail(err, XLSTM_EFORMAT, "%s: no measured row", path);
}

static int compare(const void *a, const void *b) {
    double x = ((const tune_value *)a)->number, y = ((const tune_value *)b)->number;
    return (x > y) - (x < y);
}

/* The library knows what each parameter affects. */
static int add_parameter(recording *r, const table *t, int column, uint16_t *index, xlstm_error *err) {
    const xlstm_tunable *tunable = xlstm_tunable_find(t->csv.cells[column]);
    if (!tunable || tunable->choices) return XLSTM_OK;
    tune_value *values = xl_array(t->rows, sizeof *values);
    size_t n = 0;
    if (!values) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    for (size_t i = 0; i < t->rows; i++) {
        double x = strtod(cell(t, i, column), NULL);
        size_t k = 0;
        while (k < n && values[k].number != x) k++;
        if (k == n) values[n++] = (tune_value){.number = x};
    }
    qsort(values, n, sizeof *values, compare);
    const size_t param = tune_space_params(r->space);
    int status = n < 2 ? XLSTM_OK
                       : tune_space_add_list(r->space, tunable->name, tune_engine_affects(tunable), values, n, err);
    for (size_t i = 0; n > 1 && i < t->rows; i++) {
        double x = strtod(cell(t, i, column), NULL);
        uint16_t k = 0;
        while (values[k].number != x) k++;
        index[i * COLUMNS + param] = k;
    }
    free(values);
    return status;
}

static int load(const char *path, recording *r, xlstm_error *err) {
    table t = {0};
    uint16_t *index = NULL;
    int status = read_table(path, &t, err);
    if (status) goto out;
    r->rows = t.rows;
    r->space = tune_space_create();
    r->prefill = xl_array(t.rows, sizeof(double));
    r->decode = xl_array(t.rows, sizeof(double));
    index = xl_array(t.rows * COLUMNS, sizeof *index);
    if (!r->space || !r->prefill || !r->decode || !index) status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    for (size_t c = 0; !status && c < t.csv.columns; c++) status = add_parameter(r, &t, (int)c, index, err);
    if (status) goto out;
    const size_t params = tune_space_params(r->space);
    for (size_t i = 0; i < t.rows; i++) memmove(index + i * params, index + i * COLUMNS, params * sizeof *index);
    status = tune_space_seal_points(r->space, index, t.rows, err);
    if (!status && !tune_space_divides(r->space))
        status = xl_fail(err, XLSTM_EARG, "%s: its parameters are not all of prefill or of decode alone", path);
    r->best = INFINITY;
    const int prefill = xl_csv_column(&t.csv, "prefill_s"), decode = xl_csv_column(&t.csv, "decode_s");
    for (size_t i = 0; !status && i < t.rows; i++) {
        r->prefill[i] = strtod(cell(&t, i, prefill), NULL);
        r->decode[i] = strtod(cell(&t, i, decode), NULL);
        r->best = fmin(r->best, r->prefill[i] + r->decode[i]);
    }
out:
    free(index);
    free(t.row);
    xl_csv_free(&t.csv);
    return status;
}

static int replay(const recording *r, bool apart, uint64_t seed, xlstm_error *err) {
    tune_strategy_options o;
    tune_proposer *p = NULL;
    tune_strategy_options_init(&o);
    o.seed = seed;
    o.noise = 0;
    int status = tune_proposer_create(&p, "auto", r->space, apart, &o, err);
    double best = INFINITY;
    int n = 0, first = 0;
    bool *seen = calloc(tune_space_size(r->space), sizeof *seen);
    if (!status && !seen) status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    while (!status && !tune_proposer_done(p)) {
        uint32_t point;
        status = tune_proposer_ask(p, &point, err);
        if (status) break;
        double prefill = r->prefill[point], decode = r->decode[point], sum = prefill + decode;
        double told[TUNE_TOLD_COUNT] = {sum, prefill, decode};
        n += !seen[point];
        seen[point] = true;
        if (sum < best) best = sum;
        if (!first && best <= 1.01 * r->best) first = n;
        status = tune_proposer_tell(p, point, told, sum, err);
    }
    if (!status)
        printf("%s,%llu,%d,%d,%.5f\n", apart ? "apart" : "joint", (unsigned long long)seed, first, n,
               r->best / best);
    free(seen);
    tune_proposer_destroy(p);
    return status;
}

int main(int argc, char **argv) {
    recording r = {0};
    xlstm_error err = {0};
    if (argc < 2) {
        fprintf(stderr, "usage: bench_effects SUMMARY.csv [SEEDS]\n");
        return 2;
    }
    long seeds = argc > 2 ? strtol(argv[2], NULL, 10) : 100;
    int status = load(argv[1], &r, &err);
    printf("way,seed,to_1_percent,to_end,found\n");
    for (long seed = 0; !status && seed < seeds; seed++) {
        for (int apart = 0; !status && apart < 2; apart++) status = replay(&r, apart, (uint64_t)seed, &err);
    }
    if (status) fprintf(stderr, "bench_effects: %s\n", err.text);
    tune_space_destroy(r.space);
    free(r.prefill);
    free(r.decode);
    return status ? 1 : 0;
}

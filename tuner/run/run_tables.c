#include "tuner/run/run_tables.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "tuner/run/table.h"

enum { TRIALS, SUMMARY, TABLES };
static const char *const names[TABLES] = {"trials.jsonl", "summary.csv"};

static int no_memory(xlstm_error *err) {
    return xl_fail(err, XLSTM_ENOMEM, "tables of trials: out of memory");
}

static int failed(const char *path, xlstm_error *err) {
    return xl_fail(err, XLSTM_EIO, "%s: %s", path, strerror(errno));
}

void tune_run_tables_init(tune_run_tables *t) {
    *t = (tune_run_tables){.file = {-1, -1}};
}

void tune_run_tables_close(tune_run_tables *t) {
    for (int i = 0; i < TABLES; i++) {
        xl_output_abort(t->anew[i]);
        if (t->file[i] >= 0) close(t->file[i]);
        free(t->path[i]);
    }
    tune_run_tables_init(t);
}

static int put(const tune_run_tables *t, int table, const char *text, size_t bytes, xlstm_error *err) {
    if (t->anew[table]) return xl_output_write(t->anew[table], text, bytes, err);
    return xl_write_all(t->file[table], text, bytes) ? failed(t->path[table], err) : XLSTM_OK;
}

/* Puts what was printed into a text and frees it. */
static int put_printed(const tune_run_tables *t, FILE *out, char **text, const size_t *bytes, xlstm_error *err) {
    int status = xl_text_end(out, text) ? put(t, SUMMARY, *text, *bytes, err) : no_memory(err);
    free(*text);
    return status;
}

int tune_run_tables_begin(tune_run_tables *t, const char *folder, const tune_metrics *metrics,
                          const json_t *baseline, xlstm_error *err) {
    char *text = NULL;
    size_t bytes = 0;
    int status = XLSTM_OK;
    tune_run_tables_close(t);
    t->folder = folder;
    for (int i = 0; i < TABLES && !status; i++) {
        t->path[i] = xl_path_join(folder, names[i]);
        status = t->path[i] ? xl_output_open(&t->anew[i], t->path[i], err) : no_memory(err);
    }
    FILE *out = status ? NULL : open_memstream(&text, &bytes);
    if (!out) return status ? status : no_memory(err);
    tune_table_csv_header(out, metrics, baseline);
    return put_printed(t, out, &text, &bytes, err);
}

int tune_run_tables_add(tune_run_tables *t, const tune_metrics *metrics, const json_t *baseline,
                        const tune_trial_row *trial, const json_t *settings, const tune_sample_row *samples,
                        size_t count, xlstm_error *err) {
    json_t *row = tune_table_json(metrics, trial, settings, samples, count);
    char *line = row ? json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL, *text = NULL;
    size_t length = line ? strlen(line) : 0, bytes = 0;
    json_decref(row);
    if (!line) return no_memory(err);
    line[length] = '\n'; /* in the place of its end: the row is one write */
    int status = put(t, TRIALS, line, length + 1, err);
    free(line);
    FILE *out = status ? NULL : open_memstream(&text, &bytes);
    if (!out) return status ? status : no_memory(err);
    tune_table_csv_row(out, metrics, baseline, trial, settings);
    return put_printed(t, out, &text, &bytes, err);
}

int tune_run_tables_ready(tune_run_tables *t, xlstm_error *err) {
    for (int i = 0; i < TABLES; i++) {
        xl_output *anew = t->anew[i];
        t->anew[i] = NULL;
        int status = anew ? xl_output_commit(anew, err) : XLSTM_OK;
        if (status) return status;
        if (anew) t->file[i] = open(t->path[i], O_WRONLY | O_APPEND | O_CLOEXEC);
        if (t->file[i] < 0) return failed(t->path[i], err);
    }
    return XLSTM_OK;
}

int tune_run_tables_settle(const tune_run_tables *t, xlstm_error *err) {
    for (int i = 0; i < TABLES; i++) {
        if (t->file[i] >= 0 && fsync(t->file[i]) && errno != EINVAL && errno != ENOTSUP)
            return failed(t->path[i], err);
    }
    return XLSTM_OK;
}

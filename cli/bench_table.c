#include "cli/bench_table.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/memory.h"
#include "tuner/measure/stats.h"

int64_t bench_tokens(const bench_row *row) {
    return row->n_prompt ? row->n_prompt : row->n_gen;
}

/* Statistics of a row's speed in tokens a second. */
typedef struct speed {
    double *ts;
    double mean, sd, median;
    tune_interval interval; /* 95 % of the mean */
} speed;

static bool speed_of(const bench_row *row, speed *s) {
    s->ts = xl_array(row->samples, sizeof *s->ts);
    if (!s->ts) return false;
    for (size_t i = 0; i < row->samples; i++) s->ts[i] = (double)bench_tokens(row) / row->seconds[i];
    s->mean = tune_mean(s->ts, row->samples);
    s->sd = row->samples > 1 ? tune_sd(s->ts, row->samples) : 0;
    s->median = tune_median(s->ts, row->samples);
    s->interval = tune_mean_interval(s->ts, row->samples, 0.95);
    return true;
}

static void test_name(const bench_row *row, char *out, size_t size) {
    snprintf(out, size, "%s%lld", row->n_prompt ? "pp" : "tg", (long long)bench_tokens(row));
}

/* The value of a tunable as text. */
static void tunable_text(const bench_row *row, int id, char *out, size_t size) {
    const xlstm_tunable *t = xlstm_tunable_get(id);
    if (t->type == XLSTM_TYPE_CHOICE) {
        snprintf(out, size, "%s", t->choices[row->settings.v[id]]);
    } else {
        snprintf(out, size, "%lld", (long long)row->settings.v[id]);
    }
}

static json_t *number(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

/* Every column of a row, in order; the caller's. With samples only for formats that can hold lists. */
static json_t *row_json(const bench_table *table, const bench_row *row, bool lists) {
    speed s;
    if (!speed_of(row, &s)) return NULL;
    json_t *o = json_object(), *ns = json_array(), *ts = json_array();
    char test[32], name[40];
    test_name(row, test, sizeof test);
    json_object_set_new(o, "build_version", json_string(xlstm_version()));
    json_object_set_new(o, "cpu_info", json_string(table->cpu));
    json_object_set_new(o, "device", json_string(table->info.device));
    json_object_set_new(o, "kernels", json_string(table->info.kernels));
    json_object_set_new(o, "model_filename", json_string(table->model_path));
    json_object_set_new(o, "model_size", json_integer((json_int_t)table->info.stored_bytes));
    json_object_set_new(o, "model_n_params", json_integer((json_int_t)table->info.parameters));
    for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++) {
        const xlstm_tunable *t = xlstm_tunable_get(id);
        tunable_text(row, id, name, sizeof name);
        json_object_set_new(o, t->name,
                            t->type == XLSTM_TYPE_CHOICE ? json_string(name) : json_integer(row->settings.v[id]));
    }
    json_object_set_new(o, "n_prompt", json_integer(row->n_prompt));
    json_object_set_new(o, "n_gen", json_integer(row->n_gen));
    json_object_set_new(o, "test", json_string(test));
    json_object_set_new(o, "test_time", json_string(table->time));
    double mean_s = tune_mean(row->seconds, row->samples);
    double sd_s = row->samples > 1 ? tune_sd(row->seconds, row->samples) : 0;
    json_object_set_new(o, "avg_ns", json_integer(llround(mean_s * 1e9)));
    json_object_set_new(o, "stddev_ns", json_integer(llround(sd_s * 1e9)));
    json_object_set_new(o, "avg_ts", number(s.mean));
    json_object_set_new(o, "stddev_ts", number(s.sd));
    json_object_set_new(o, "median_ts", number(s.median));
    json_object_set_new(o, "low_ts", number(s.interval.low));
    json_object_set_new(o, "high_ts", number(s.interval.high));
    json_object_set_new(o, "n_samples", json_integer((json_int_t)row->samples));
    json_object_set_new(o, "peak_mb", row->peak_bytes ? number((double)row->peak_bytes / 1048576) : json_null());
    json_object_set_new(o, "load_s", number(row->load_s));
    json_object_set_new(o, "limit_of", row->limit_of ? json_string(row->limit_of) : json_null());
    json_object_set_new(o, "limit_ts", row->limit_ts > 0 ? number(row->limit_ts) : json_null());
    json_object_set_new(o, "limit_share", row->limit_ts > 0 ? number(s.median / row->limit_ts) : json_null());
    for (size_t i = 0; i < row->samples; i++) {
        json_array_append_new(ns, json_integer(llround(row->seconds[i] * 1e9)));
        json_array_append_new(ts, number(s.ts[i]));
    }
    if (lists) {
        json_object_set(o, "samples_ns", ns);
        json_object_set(o, "samples_ts", ts);
    }
    json_decref(ns);
    json_decref(ts);
    free(s.ts);
    return o;
}

static void put_csv(FILE *out, const json_t *value) {
    if (json_is_string(value)) {
        fputc('"', out);
        for (const char *c = json_string_value(value); *c; c++) {
            if (*c == '"') fputc('"', out);
            fputc(*c, out);
        }
        fputc('"', out);
    } else if (json_is_integer(value)) {
        fprintf(out, "%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        fprintf(out, "%.6g", json_real_value(value));
    }
}

static void put_sql(FILE *out, const json_t *value) {
    if (json_is_string(value)) {
        fputc('\'', out);
        for (const char *c = json_string_value(value); *c; c++) {
            if (*c == '\'') fputc('\'', out);
            fputc(*c, out);
        }
        fputc('\'', out);
    } else if (json_is_null(value)) {
        fputs("NULL", out);
    } else {
        put_csv(out, value);
    }
}

static void put_names(FILE *out, json_t *row, bool types) {
    const char *name;
    json_t *value;
    const char *comma = "";
    json_object_foreach(row, name, value) {
        fprintf(out, "%s%s", comma, name);
        if (types) fputs(json_is_integer(value) ? " INTEGER" : json_is_string(value) ? " TEXT" : " REAL", out);
        comma = types ? ", " : ",";
    }
}

static int print_rows(const bench_table *table, const char *format, FILE *out) {
    bool csv = !strcmp(format, "csv"), sql = !strcmp(format, "sql"), json = !strcmp(format, "json");
    bool first = true;
    if (json) fputs("[\n", out);
    for (size_t i = 0; i < table->count; i++) {
        if (!table->rows[i].samples) continue;
        json_t *row = row_json(table, &table->rows[i], !csv && !sql);
        if (!row) return -1;
        const char *name;
        json_t *value;
        if (csv && first) {
            put_names(out, row, false);
            fputc('\n', out);
        }
        if (sql) {
            if (first) {
                fputs("CREATE TABLE IF NOT EXISTS xltune_bench (", out);
                put_names(out, row, true);
                fputs(");\n", out);
            }
            fputs("INSERT INTO xltune_bench (", out);
            put_names(out, row, false);
            fputs(") VALUES (", out);
        }
        if (csv || sql) {
            const char *comma = "";
            json_object_foreach(row, name, value) {
                fputs(comma, out);
                csv ? put_csv(out, value) : put_sql(out, value);
                comma = csv ? "," : ", ";
            }
            fputs(sql ? ");\n" : "\n", out);
        } else {
            if (json && !first) fputs(",\n", out);
            if (json_dumpf(row, out, json ? JSON_INDENT(2) | JSON_REAL_PRECISION(9) : JSON_REAL_PRECISION(9))) {
                json_decref(row);
                return -1;
            }
            if (!json) fputc('\n', out);
        }
        json_decref(row);
        first = false;
    }
    if (json) fputs(first ? "]\n" : "\n]\n", out);
    return ferror(out) ? -1 : 0;
}

/* ---- the table for people ---- */

enum { COLUMNS = 6 + XLSTM_TUNABLE_COUNT + 4, CELL = 64 };

static size_t shown_width(const char *text) {
    size_t n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void human_bytes(double bytes, char *out, size_t size) {
    const char *unit = bytes >= 1073741824 ? "GiB" : "MiB";
    snprintf(out, size, "%.2f %s", bytes / (bytes >= 1073741824 ? 1073741824 : 1048576), unit);
}

static void human_count(double count, char *out, size_t size) {
    snprintf(out, size, "%.2f %s", count / (count >= 1e9 ? 1e9 : 1e6), count >= 1e9 ? "B" : "M");
}

/* Shown always: what the original's bench lists. Shown where rows differ: every other tunable. */
static bool shows(const bench_table *table, int id) {
    if (id == XLSTM_TUNE_SCHEDULER || id == XLSTM_TUNE_WORKERS || id == XLSTM_TUNE_HEADS_PER_BAND ||
        id == XLSTM_TUNE_CHUNK_SIZE) {
        return true;
    }
    for (size_t i = 1; i < table->count; i++) {
        if (table->rows[i].settings.v[id] != table->rows[0].settings.v[id]) return true;
    }
    return false;
}

static const char *short_title(int id) {
    switch (id) {
    case XLSTM_TUNE_SCHEDULER:
        return "backend";
    case XLSTM_TUNE_HEADS_PER_BAND:
        return "heads";
    case XLSTM_TUNE_CHUNK_SIZE:
        return "chunk";
    default:
        return xlstm_tunable_get(id)->name;
    }
}

/* Fills the cells of one row, or the titles where row is NULL; returns their number. */
static int fill(const bench_table *table, const bench_row *row, const speed *s, char cells[COLUMNS][CELL],
                bool *right) {
    int n = 0;
    char text[CELL];
    snprintf(cells[n], CELL, "%s", row ? table->model : "model");
    right[n++] = false;
    human_bytes((double)table->info.stored_bytes, text, sizeof text);
    snprintf(cells[n], CELL, "%s", row ? text : "size");
    right[n++] = true;
    human_count((double)table->info.parameters, text, sizeof text);
    snprintf(cells[n], CELL, "%s", row ? text : "params");
    right[n++] = true;
    for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++) {
        if (!shows(table, id)) continue;
        if (row) {
            tunable_text(row, id, cells[n], CELL);
        } else {
            snprintf(cells[n], CELL, "%s", short_title(id));
        }
        right[n++] = xlstm_tunable_get(id)->type != XLSTM_TYPE_CHOICE;
    }
    if (row) {
        test_name(row, cells[n], CELL);
    } else {
        snprintf(cells[n], CELL, "test");
    }
    right[n++] = true;
    if (row) {
        snprintf(cells[n], CELL, "%.2f ± %.2f", s->mean, s->sd);
    } else {
        snprintf(cells[n], CELL, "t/s");
    }
    right[n++] = true;
    if (table->rows[0].samples > 1) {
        snprintf(cells[n], CELL, row ? "%.2f" : "median", row ? s->median : 0.0);
        right[n++] = true;
        snprintf(cells[n], CELL, row ? "%.2f … %.2f" : "95 %%", row ? s->interval.low : 0.0,
                 row ? s->interval.high : 0.0);
        right[n++] = true;
    }
    if (table->roofline.threads) {
        if (row && row->limit_ts > 0) {
            snprintf(cells[n], CELL, "%.0f %% %s", 100 * s->median / row->limit_ts, row->limit_of);
        } else {
            snprintf(cells[n], CELL, "%s", row ? "" : "of limit");
        }
        right[n++] = true;
    }
    human_bytes(row ? (double)row->peak_bytes : 0, text, sizeof text);
    snprintf(cells[n], CELL, "%s", row ? text : "peak");
    right[n++] = true;
    snprintf(cells[n], CELL, row ? "%.3f s" : "load", row ? row->load_s : 0.0);
    right[n++] = true;
    return n;
}

static void print_line(FILE *out, char cells[COLUMNS][CELL], const bool *right, const size_t *width, int n) {
    for (int i = 0; i < n; i++) {
        int pad = (int)(width[i] - shown_width(cells[i]));
        fprintf(out, "| %*s%s%*s ", right[i] ? pad : 0, "", cells[i], right[i] ? 0 : pad, "");
    }
    fputs("|\n", out);
}

static int print_md(const bench_table *table, FILE *out) {
    char(*cells)[COLUMNS][CELL] = calloc(table->count + 1, sizeof *cells);
    size_t width[COLUMNS] = {0};
    bool right[COLUMNS] = {false};
    int n = 0;
    if (!cells) return -1;
    size_t lines = 0;
    n = fill(table, NULL, NULL, cells[lines++], right);
    for (size_t i = 0; i < table->count; i++) {
        speed s;
        if (!table->rows[i].samples) continue;
        if (!speed_of(&table->rows[i], &s)) break;
        fill(table, &table->rows[i], &s, cells[lines++], right);
        free(s.ts);
    }
    for (size_t i = 0; i < lines; i++) {
        for (int j = 0; j < n; j++) {
            size_t w = shown_width(cells[i][j]);
            if (w > width[j]) width[j] = w;
        }
    }
    for (size_t i = 0; i < lines; i++) {
        print_line(out, cells[i], right, width, n);
        if (i) continue;
        for (int j = 0; j < n; j++) {
            fputs("| ", out);
            for (size_t k = 1; k < width[j]; k++) fputc('-', out);
            fputs(right[j] ? ": " : "- ", out);
        }
        fputs("|\n", out);
    }
    free(cells);
    if (table->roofline.threads) {
        const xlstm_roofline *r = &table->roofline;
        fprintf(out,
                "\nLimits of this machine, measured before and after, %d threads: sgemm %.1f GFLOP/s,\n"
                "read %.1f GB/s from memory, %.1f GB/s from cache.\n",
                r->threads, r->sgemm_gflop_s, r->stream_gb_s, r->cached_gb_s);
    }
    return ferror(out) ? -1 : 0;
}

int bench_print(const bench_table *table, const char *format, FILE *out) {
    if (!table->count) return 0;
    return !strcmp(format, "md") ? print_md(table, out) : print_rows(table, format, out);
}

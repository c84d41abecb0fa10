#include "cli/bench_table.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/streams.h"
#include "tuner/measure/stats.h"

int64_t bench_tokens(const bench_row *row) {
    return row->n_prompt ? row->n_prompt : row->n_gen;
}

/* Statistics of a row's speed, in tokens per second. */
typedef struct speed {
    double *ts;
    double mean, sd, median;
    tune_interval interval; /* of the mean, at a confidence level of 95 % */
    bool has_interval;      /* whether there are enough samples for an interval */
    double limit_ts;        /* median of what the limit allowed; 0: not measured */
    double share;           /* median of each sample's share of the limit around it */
    tune_interval shares;   /* of their mean, as `interval` */
} speed;

/* With fewer samples the width of Student's interval depends more on the number of samples than on their spread. */
enum { INTERVAL_SAMPLES = 5 };

static bool speed_of(const bench_row *row, speed *s) {
    s->ts = xl_array(row->samples, sizeof *s->ts);
    if (!s->ts) return false;
    for (size_t i = 0; i < row->samples; i++) s->ts[i] = (double)bench_tokens(row) / row->seconds[i];
    s->mean = tune_mean(s->ts, row->samples);
    s->sd = row->samples > 1 ? tune_sd(s->ts, row->samples) : 0;
    s->median = tune_median(s->ts, row->samples);
    s->interval = tune_mean_interval(s->ts, row->samples, 0.95);
    s->has_interval = row->samples >= INTERVAL_SAMPLES && s->interval.low > 0;
    s->limit_ts = 0;
    if (!row->limit) return true;
    double *shares = xl_array(row->samples, sizeof *shares);
    if (!shares) {
        free(s->ts);
        s->ts = NULL;
        return false;
    }
    for (size_t i = 0; i < row->samples; i++) shares[i] = s->ts[i] / row->limits_ts[i];
    s->limit_ts = tune_median(row->limits_ts, row->samples);
    s->share = tune_median(shares, row->samples);
    s->shares = tune_mean_interval(shares, row->samples, 0.95);
    free(shares);
    return true;
}

static void test_name(const bench_row *row, char *out, size_t size) {
    snprintf(out, size, "%s%lld", row->n_prompt ? "pp" : "tg", (long long)bench_tokens(row));
}

/* Writes the value of a tunable as text. */
static void tunable_text(const bench_row *row, int id, char *out, size_t size) {
    const xlstm_tunable *t = xlstm_tunable_get(id);
    if (t->type == XLSTM_TYPE_CHOICE) {
        snprintf(out, size, "%s", t->choices[xlstm_settings_get(&row->settings, id)]);
    } else {
        snprintf(out, size, "%lld", (long long)xlstm_settings_get(&row->settings, id));
    }
}

/* Returns every column of a row, in order, as an object that the caller owns; NULL when out of memory. `lists` adds
 * the samples themselves, for formats that can hold lists. */
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
        if (!xlstm_tunable_is_on(id, table->info.device)) continue;
        tunable_text(row, id, name, sizeof name);
        json_object_set_new(o, t->name,
                            t->type == XLSTM_TYPE_CHOICE ? json_string(name)
                                                         : json_integer(xlstm_settings_get(&row->settings, id)));
    }
    json_object_set_new(o, "n_prompt", json_integer(row->n_prompt));
    json_object_set_new(o, "n_gen", json_integer(row->n_gen));
    json_object_set_new(o, "test", json_string(test));
    json_object_set_new(o, "test_time", json_string(table->time));
    double mean_s = tune_mean(row->seconds, row->samples);
    double sd_s = row->samples > 1 ? tune_sd(row->seconds, row->samples) : 0;
    json_object_set_new(o, "avg_ns", json_integer(llround(mean_s * 1e9)));
    json_object_set_new(o, "stddev_ns", json_integer(llround(sd_s * 1e9)));
    json_object_set_new(o, "avg_ts", xl_json_number(s.mean));
    json_object_set_new(o, "stddev_ts", xl_json_number(s.sd));
    json_object_set_new(o, "median_ts", xl_json_number(s.median));
    json_object_set_new(o, "low_ts", s.has_interval ? xl_json_number(s.interval.low) : json_null());
    json_object_set_new(o, "high_ts", s.has_interval ? xl_json_number(s.interval.high) : json_null());
    json_object_set_new(o, "n_samples", json_integer((json_int_t)row->samples));
    json_object_set_new(o, "peak_mb",
                        row->peak_bytes ? xl_json_number((double)row->peak_bytes / 1048576) : json_null());
    json_object_set_new(o, "load_s", xl_json_number(row->load_s));
    json_object_set_new(o, "limit_of", xl_json_text(row->limit_of));
    const bool limited = s.limit_ts > 0, interval = limited && row->samples >= INTERVAL_SAMPLES;
    json_object_set_new(o, "limit_ts", limited ? xl_json_number(s.limit_ts) : json_null());
    json_object_set_new(o, "limit_share", limited ? xl_json_number(s.share) : json_null());
    json_object_set_new(o, "limit_share_low", interval ? xl_json_number(s.shares.low) : json_null());
    json_object_set_new(o, "limit_share_high", interval ? xl_json_number(s.shares.high) : json_null());
    json_object_set_new(o, "n_disturbed", json_integer((json_int_t)row->disturbed));
    for (size_t i = 0; i < row->samples; i++) {
        json_array_append_new(ns, json_integer(llround(row->seconds[i] * 1e9)));
        json_array_append_new(ts, xl_json_number(s.ts[i]));
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
        xl_json_put_cell(out, value, 6);
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
                csv ? xl_json_put_cell(out, value, 6) : put_sql(out, value);
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

/* What is the same for all rows is printed above the table, so that the table stays within 80 columns. */
enum { WIDTH = 80, CELL = 64 };

typedef enum column_kind {
    COLUMN_TUNABLE,
    COLUMN_TEST,
    COLUMN_SPEED,
    COLUMN_MEDIAN,
    COLUMN_INTERVAL,
    COLUMN_LIMIT,
    COLUMN_LOAD,
    COLUMN_PEAK
} column_kind;

typedef struct column {
    column_kind kind;
    int tunable; /* index of the tunable; only for COLUMN_TUNABLE */
    bool right;
    size_t width;
} column;

enum { MOST_COLUMNS = XLSTM_TUNABLE_COUNT + 8 };

typedef struct layout {
    column column[MOST_COLUMNS];
    size_t count;
} layout;

static size_t shown_width(const char *text) {
    size_t n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void human_bytes(double bytes, char *out, size_t size) {
    const char *unit = bytes >= 1073741824 ? "GiB" : "MiB";
    snprintf(out, size, "%.1f %s", bytes / (bytes >= 1073741824 ? 1073741824 : 1048576), unit);
}

static void human_count(double count, char *out, size_t size) {
    snprintf(out, size, "%.2f %s", count / (count >= 1e9 ? 1e9 : 1e6), count >= 1e9 ? "B" : "M");
}

/* Prints a speed with about four significant digits. `like` decides how many decimals, so that the numbers of one
 * cell have the same number of them. */
static int put_speed(char *out, size_t size, double x, double like) {
    return snprintf(out, size, "%.*f", like >= 1000 ? 0 : like >= 100 ? 1 : 2, x);
}

static bool differs(const bench_table *table, int id) {
    for (size_t i = 1; i < table->count; i++) {
        if (xlstm_settings_get(&table->rows[i].settings, id) != xlstm_settings_get(&table->rows[0].settings, id))
            return true;
    }
    return false;
}

static const char *title(const column *c) {
    static const char *const titles[] = {"", "test", "t/s", "median", "95 %", "of limit", "load", "peak"};
    if (c->kind != COLUMN_TUNABLE) return titles[c->kind];
    switch (c->tunable) {
    case XLSTM_TUNE_SCHEDULER:
        return "backend";
    case XLSTM_TUNE_HEADS_PER_BAND:
        return "heads";
    case XLSTM_TUNE_CHUNK_SIZE:
        return "chunk";
    default:
        return xlstm_tunable_get(c->tunable)->name;
    }
}

static void put_cell(const column *c, const bench_row *row, const speed *s, char *out, size_t size) {
    int used;
    out[0] = '\0';
    switch (c->kind) {
    case COLUMN_TUNABLE:
        tunable_text(row, c->tunable, out, size);
        break;
    case COLUMN_TEST:
        test_name(row, out, size);
        break;
    case COLUMN_SPEED:
        used = put_speed(out, size, s->mean, s->mean);
        if (row->samples < 2) break;
        used += snprintf(out + used, size - (size_t)used, " ± ");
        put_speed(out + used, size - (size_t)used, s->sd, s->mean);
        break;
    case COLUMN_MEDIAN:
        put_speed(out, size, s->median, s->mean);
        break;
    case COLUMN_INTERVAL:
        if (!s->has_interval) break;
        used = put_speed(out, size, s->interval.low, s->mean);
        used += snprintf(out + used, size - (size_t)used, " … ");
        put_speed(out + used, size - (size_t)used, s->interval.high, s->mean);
        break;
    case COLUMN_LIMIT:
        if (!(s->limit_ts > 0)) break;
        used = snprintf(out, size, "%.0f", 100 * s->share);
        if (row->samples >= INTERVAL_SAMPLES)
            used += snprintf(out + used, size - (size_t)used, " ± %.0f", 50 * (s->shares.high - s->shares.low));
        snprintf(out + used, size - (size_t)used, " %% %s", row->limit_of);
        break;
    case COLUMN_LOAD:
        snprintf(out, size, "%.2f s", row->load_s);
        break;
    case COLUMN_PEAK:
        human_bytes((double)row->peak_bytes, out, size);
        break;
    }
}

static void add_column(layout *l, column_kind kind, int tunable, bool right) {
    l->column[l->count++] = (column){.kind = kind, .tunable = tunable, .right = right};
}

static void choose_columns(const bench_table *table, layout *l) {
    bool repeated = false, loads = false;
    for (size_t i = 0; i < table->count; i++) {
        repeated |= table->rows[i].samples > 1;
        loads |= table->rows[i].load_s != table->rows[0].load_s;
    }
    for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++) {
        if (differs(table, id)) {
            add_column(l, COLUMN_TUNABLE, id, xlstm_tunable_get(id)->type != XLSTM_TYPE_CHOICE);
        }
    }
    add_column(l, COLUMN_TEST, 0, true);
    add_column(l, COLUMN_SPEED, 0, true);
    if (repeated) add_column(l, COLUMN_MEDIAN, 0, true);
    if (repeated) add_column(l, COLUMN_INTERVAL, 0, true);
    if (table->roofline.threads) add_column(l, COLUMN_LIMIT, 0, true);
    if (loads) add_column(l, COLUMN_LOAD, 0, true);
    add_column(l, COLUMN_PEAK, 0, true);
}

/* `tunable` matters for COLUMN_TUNABLE alone. */
static int find_column(const layout *l, column_kind kind, int tunable) {
    for (size_t i = 0; i < l->count; i++) {
        if (l->column[i].kind == kind && (kind != COLUMN_TUNABLE || l->column[i].tunable == tunable)) return (int)i;
    }
    return -1;
}

static void remove_column(layout *l, column_kind kind, int tunable) {
    int i = find_column(l, kind, tunable);
    if (i < 0) return;
    l->count--;
    memmove(&l->column[i], &l->column[i + 1], (l->count - (size_t)i) * sizeof *l->column);
}

/* Whether every row computes in the way that the format of its weights implies. */
static bool compute_follows_weights(const bench_table *table) {
    for (size_t i = 0; i < table->count; i++)
        for (size_t j = 0; j < i; j++) {
            const xlstm_settings *a = &table->rows[i].settings, *b = &table->rows[j].settings;
            if (xlstm_settings_get(a, XLSTM_TUNE_WEIGHTS) == xlstm_settings_get(b, XLSTM_TUNE_WEIGHTS) &&
                xlstm_settings_get(a, XLSTM_TUNE_COMPUTE) != xlstm_settings_get(b, XLSTM_TUNE_COMPUTE))
                return false;
        }
    return true;
}

static void widen(column *c, const char *text) {
    size_t w = shown_width(text);
    if (w > c->width) c->width = w;
}

/* Sets the widths of the columns, and removes the least important columns until the table fits into WIDTH. */
static void fit(const bench_table *table, const speed *speeds, layout *l) {
    enum { LEAST = 4 };
    static const column_kind least[LEAST] = {COLUMN_LOAD, COLUMN_PEAK, COLUMN_MEDIAN, COLUMN_TUNABLE};
    bool interval = false;
    for (size_t i = 0; i < table->count; i++) interval |= table->rows[i].samples && speeds[i].has_interval;
    if (!interval) remove_column(l, COLUMN_INTERVAL, 0);
    for (size_t j = 0; j < l->count; j++) {
        column *c = &l->column[j];
        char text[CELL];
        widen(c, title(c));
        for (size_t i = 0; i < table->count; i++) {
            if (!table->rows[i].samples) continue;
            put_cell(c, &table->rows[i], &speeds[i], text, sizeof text);
            widen(c, text);
        }
    }
    for (size_t k = 0; k < LEAST; k++) {
        size_t width = 1;
        for (size_t j = 0; j < l->count; j++) width += l->column[j].width + 3;
        if (width <= WIDTH) return;
        if (least[k] != COLUMN_TUNABLE || compute_follows_weights(table))
            remove_column(l, least[k], XLSTM_TUNE_COMPUTE);
    }
}

static void put_text(FILE *out, const column *c, const char *text) {
    int pad = (int)(c->width - shown_width(text));
    fprintf(out, "| %*s%s%*s ", c->right ? pad : 0, "", text, c->right ? 0 : pad, "");
}

/* Prints a word after the words before it, on a new line where it does not fit any more. */
static void put_word(FILE *out, size_t *at, const char *word) {
    size_t n = shown_width(word);
    if (*at && *at + 1 + n > WIDTH) {
        fputc('\n', out);
        *at = 0;
    }
    fprintf(out, "%s%s", *at ? " " : "", word);
    *at += n + (*at ? 1 : 0);
}

/* Prints the model and every setting that has no column. */
static void put_heading(const bench_table *table, const layout *l, FILE *out) {
    char bytes[32], count[32], text[160];
    size_t at = 0;
    bool first = true;
    human_bytes((double)table->info.stored_bytes, bytes, sizeof bytes);
    human_count((double)table->info.parameters, count, sizeof count);
    fprintf(out, "%.100s: %s parameters, %s, loaded in %.2f s; %s, %s\n", cli_plain(table->model), count, bytes,
            table->rows[0].load_s, table->info.device, table->info.kernels);
    for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++) {
        char value[CELL];
        if (find_column(l, COLUMN_TUNABLE, id) >= 0) continue;
        if (differs(table, id)) snprintf(value, sizeof value, "by the weights");
        else tunable_text(&table->rows[0], id, value, sizeof value);
        if (!first) fputc(',', out), at++;
        snprintf(text, sizeof text, "%s %s", xlstm_tunable_get(id)->name, value);
        put_word(out, &at, text);
        first = false;
    }
    fputs("\n\n", out);
}

static void put_table(const bench_table *table, const speed *speeds, const layout *l, FILE *out) {
    for (size_t j = 0; j < l->count; j++) put_text(out, &l->column[j], title(&l->column[j]));
    fputs("|\n", out);
    for (size_t j = 0; j < l->count; j++) {
        fputs("| ", out);
        for (size_t k = 1; k < l->column[j].width; k++) fputc('-', out);
        fputs(l->column[j].right ? ": " : "- ", out);
    }
    fputs("|\n", out);
    for (size_t i = 0; i < table->count; i++) {
        if (!table->rows[i].samples) continue;
        for (size_t j = 0; j < l->count; j++) {
            char text[CELL];
            put_cell(&l->column[j], &table->rows[i], &speeds[i], text, sizeof text);
            put_text(out, &l->column[j], text);
        }
        fputs("|\n", out);
    }
}

static int print_md(const bench_table *table, FILE *out) {
    speed *speeds = calloc(table->count, sizeof *speeds);
    layout l = {.count = 0};
    bool done = speeds != NULL;
    for (size_t i = 0; i < table->count && done; i++) {
        if (table->rows[i].samples) done = speed_of(&table->rows[i], &speeds[i]);
    }
    if (done) {
        choose_columns(table, &l);
        fit(table, speeds, &l);
        put_heading(table, &l, out);
        put_table(table, speeds, &l, out);
    }
    if (done && table->roofline.threads) {
        const xlstm_roofline *r = &table->roofline;
        fprintf(out,
                "\nLimits of this machine, the highest seen, %d threads: products in f32 (sgemm)\n"
                "%.1f, in bf16 %.1f, in int8 %.1f GFLOP/s; read %.1f GB/s from memory,\n"
                "%.1f GB/s from cache. Shares are of what was measured around each sample.\n",
                r->threads, r->sgemm_gflop_s, r->bf16_gflop_s, r->int8_gflop_s, r->stream_gb_s, r->cached_gb_s);
    }
    for (size_t i = 0; speeds && i < table->count; i++) free(speeds[i].ts);
    free(speeds);
    return !done || ferror(out) ? -1 : 0;
}

int bench_print(const bench_table *table, const char *format, FILE *out) {
    if (!table->count) return 0;
    return !strcmp(format, "md") ? print_md(table, out) : print_rows(table, format, out);
}

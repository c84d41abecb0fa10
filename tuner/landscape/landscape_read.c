/* Reads a landscape from its CSV file or from Kernel Tuner's cache file. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/number.h"
#include "tuner/landscape/gzip.h"
#include "tuner/landscape/landscape_impl.h"
#include "tuner/space/values.h"

enum { TEXT_LIMIT = 1 << 30, JSON_LIMIT = 64 << 20 };

/* Reads the whole file and unpacks it where it is gzip; malloc'd and NUL-terminated. */
static int read_text(const char *path, char **out, xlstm_error *err) {
    char *data = NULL, *text = NULL;
    size_t bytes, size = 0;
    int status = xl_file_read(path, TEXT_LIMIT, &data, &bytes, err);
    if (!status && tune_gzip_is(data, bytes)) {
        status = tune_gzip_unpack(path, data, bytes, TEXT_LIMIT, &text, &size, err);
    } else if (!status) {
        text = data;
        size = bytes;
        data = NULL;
    }
    free(data);
    if (!status && memchr(text, 0, size)) status = xl_fail(err, XLSTM_EFORMAT, "%s: a NUL byte", path);
    if (status) {
        free(text);
        text = NULL;
    }
    *out = text;
    return status;
}

/* Truth values are written True and False by Python, and are 1 and 0 where they were read from JSON. */
static tune_value cell_value(const char *text) {
    double x;
    if (xl_number_read(text, &x)) return (tune_value){.number = x};
    if (!strcmp(text, "True") || !strcmp(text, "False")) return (tune_value){.number = text[0] == 'T'};
    return (tune_value){.text = text};
}

static int compare_values(const void *a, const void *b) {
    const tune_value *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* Reads the parameter's list of values from spaces.json; returns false where there is none, or where it lacks a
 * value that the column has. */
static bool declared_domain(const json_t *params, const char *name, const tune_value *column, size_t count,
                            tune_value *out, size_t *out_count) {
    const json_t *list = json_object_get(params, name);
    size_t n = json_array_size(list);
    if (!n || n > TUNE_SPACE_VALUES) return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(list, i);
        if (json_is_string(v)) out[i] = (tune_value){.text = json_string_value(v)};
        else if (json_is_number(v)) out[i] = (tune_value){.number = json_number_value(v)};
        else if (json_is_boolean(v)) out[i] = (tune_value){.number = json_is_true(v)};
        else return false;
    }
    tune_value_map map;
    bool whole = tune_value_map_init(&map, n);
    for (size_t i = 0; whole && i < n; i++) tune_value_map_add(&map, out, (uint32_t)i);
    for (size_t i = 0; whole && i < count; i++) whole = tune_value_map_find(&map, out, column[i]) != UINT32_MAX;
    tune_value_map_release(&map);
    if (!whole) return false;
    *out_count = n;
    return true;
}

/* Collects the distinct values of a column: numbers ascending, texts in the order of appearance. `out` has room
 * for all. Returns their number. */
static size_t column_values(const table *t, size_t rows, size_t column, tune_value *out) {
    size_t n = 0;
    bool texts = false;
    tune_value_map map;
    if (!tune_value_map_init(&map, rows < TUNE_SPACE_VALUES ? rows : TUNE_SPACE_VALUES)) return 0;
    for (size_t r = 0; r < rows && n <= TUNE_SPACE_VALUES; r++) {
        out[n] = t->cells[r * t->params + column];
        if (n && tune_value_same(out[n], t->cells[(r - 1) * t->params + column])) continue;
        if (n < TUNE_SPACE_VALUES ? tune_value_map_add(&map, out, (uint32_t)n) != n
                                  : tune_value_map_find(&map, out, out[n]) != UINT32_MAX)
            continue;
        texts |= out[n].text != NULL;
        n++;
    }
    tune_value_map_release(&map);
    if (!texts) qsort(out, n, sizeof *out, compare_values);
    return n;
}

static int make_space(tune_landscape *l, const table *t, const json_t *declared, xlstm_error *err) {
    int status = XLSTM_OK;
    uint16_t *index = xl_array(l->rows * t->params, sizeof *index);
    tune_value *column = xl_array(TUNE_SPACE_VALUES + 2, sizeof *column);
    tune_value *domain = xl_array(TUNE_SPACE_VALUES + 1, sizeof *domain);
    l->space = tune_space_create();
    if (!index || !column || !domain || !l->space) {
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", t->path);
        goto end;
    }
    for (size_t p = 0; p < t->params; p++) {
        size_t n = column_values(t, l->rows, p, column);
        const tune_value *values = column;
        if (declared_domain(declared, t->header[p], column, n, domain, &n)) values = domain;
        status = tune_space_add_list(l->space, t->header[p], 0, values, n, err);
        if (status) goto end;
        for (size_t r = 0; r < l->rows; r++)
            index[r * t->params + p] = (uint16_t)tune_space_find_value(l->space, p, t->cells[r * t->params + p]);
    }
    xlstm_error why;
    status = tune_space_seal_points(l->space, index, l->rows, &why);
    if (status) status = xl_fail(err, XLSTM_EFORMAT, "%s: %s", t->path, why.text);
end:
    free(index);
    free(column);
    free(domain);
    return status;
}

/* ---- CSV: the parameters, then time, then cost_s, times and others in any order ---- */

static int read_header(table *t, const xl_csv *csv, size_t *time, xlstm_error *err) {
    const int at = xl_csv_column(csv, "time");
    if (at < 1 || at > TUNE_SPACE_PARAMS) {
        return xl_fail(err, XLSTM_EFORMAT, "%s: line %zu: wanted 1 to %d parameter columns, then \"time\"", t->path,
                       csv->lines[0], TUNE_SPACE_PARAMS);
    }
    *time = t->params = (size_t)at;
    for (size_t p = 0; p < t->params; p++) t->header[p] = csv->cells[p];
    return XLSTM_OK;
}

/* Returns the index of a column after the time; -1 where there is none. */
static int column_after(const xl_csv *csv, size_t time, const char *name) {
    int found = -1;
    for (size_t i = time + 1; i < csv->columns; i++) {
        if (!strcmp(csv->cells[i], name)) found = (int)i;
    }
    return found;
}

static int read_row(tune_landscape *l, const table *t, const xl_csv *csv, size_t row, int cost_column,
                    xlstm_error *err) {
    for (size_t p = 0; p < t->params; p++)
        t->cells[row * t->params + p] = cell_value(xl_csv_cell(csv, row, (int)p));
    l->time[row] = NAN;
    const char *time = xl_csv_cell(csv, row, (int)t->params), *cost = xl_csv_cell(csv, row, cost_column);
    if (*time && (!xl_number_read(time, &l->time[row]) || l->time[row] <= 0)) {
        return xl_fail(err, XLSTM_EFORMAT, "%s: line %zu: time: found \"%s\", wanted a positive number or nothing",
                       t->path, csv->lines[row + 1], time);
    }
    l->cost[row] = 0;
    if (*cost && (!xl_number_read(cost, &l->cost[row]) || l->cost[row] < 0)) {
        return xl_fail(err, XLSTM_EFORMAT, "%s: line %zu: cost_s: found \"%s\", wanted a number of seconds",
                       t->path, csv->lines[row + 1], cost);
    }
    return XLSTM_OK;
}

/* Reads the repeats: numbers separated by ';'. */
static int read_repeats(tune_landscape *l, const table *t, const xl_csv *csv, int column, xlstm_error *err) {
    size_t total = 0, at = 0;
    for (size_t r = 0; r < l->rows; r++) {
        const char *list = xl_csv_cell(csv, r, column);
        total += *list != 0;
        for (const char *c = list; *c; c++) total += *c == ';';
    }
    l->samples = xl_array(total, sizeof *l->samples);
    if (!l->samples) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", t->path);
    for (size_t r = 0; r < l->rows; r++) {
        l->sample_first[r] = at;
        for (const char *c = xl_csv_cell(csv, r, column); *(c += strspn(c, ";"));) {
            const size_t length = strcspn(c, ";");
            char *end;
            const double value = strtod(c, &end);
            if (end != c + length || !isfinite(value) || value <= 0) {
                return xl_fail(err, XLSTM_EFORMAT, "%s: line %zu: times: found \"%.*s\", wanted a positive number",
                               t->path, csv->lines[r + 1], (int)(length < 60 ? length : 60), c);
            }
            l->samples[at++] = value;
            c += length;
        }
    }
    l->sample_first[l->rows] = at;
    return XLSTM_OK;
}

/* Reads the rows of a CSV file. From then on t->csv owns their texts. */
static int read_csv(tune_landscape *l, table *t, xlstm_error *err) {
    size_t time = 0;
    int status = xl_csv_parse(&t->csv, t->path, t->text, err);
    t->text = NULL;
    if (!status) status = read_header(t, &t->csv, &time, err);
    if (!status && !t->csv.rows) status = xl_fail(err, XLSTM_EFORMAT, "%s: no rows", t->path);
    if (!status) status = tune_landscape_reserve(l, t, t->csv.rows, err);
    if (status) return status;
    const int cost = column_after(&t->csv, time, "cost_s"), times = column_after(&t->csv, time, "times");
    for (; !status && l->rows < t->csv.rows; l->rows++) status = read_row(l, t, &t->csv, l->rows, cost, err);
    return status ? status : read_repeats(l, t, &t->csv, times, err);
}

/* Finds the `params` object of this landscape in the spaces.json beside it; NULL where there is none. *file owns
 * it. */
static int read_declared(const char *path, const char *name, json_t **file, const json_t **params,
                         xlstm_error *err) {
    *file = NULL;
    *params = NULL;
    char *folder = xl_path_folder(path);
    char *json_path = folder ? xl_path_join(folder, "spaces.json") : NULL;
    int status = XLSTM_OK;
    if (!json_path) {
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    } else if (xl_is_file(json_path)) {
        char *data = NULL;
        size_t bytes;
        json_error_t why;
        status = xl_file_read(json_path, JSON_LIMIT, &data, &bytes, err);
        if (!status) *file = json_loadb(data, bytes, 0, &why);
        if (!status && !*file) {
            status = xl_fail(err, XLSTM_EFORMAT, "%s: line %d: %s", json_path, why.line, why.text);
        }
        free(data);
        for (size_t i = 0; !status && i < json_array_size(*file); i++) {
            const json_t *entry = json_array_get(*file, i);
            const char *own = json_string_value(json_object_get(entry, "name"));
            if (own && !strcmp(own, name)) *params = json_object_get(entry, "params");
        }
    }
    free(folder);
    free(json_path);
    return status;
}

static char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    char *name = xl_format("%s", slash ? slash + 1 : path);
    static const char *const ends[] = {".gz", ".csv", ".json", ".kernel_tuner"};
    for (size_t i = 0; name && i < sizeof ends / sizeof *ends; i++) {
        size_t n = strlen(name), e = strlen(ends[i]);
        if (n > e && !strcmp(name + n - e, ends[i])) name[n - e] = 0;
    }
    return name;
}

int tune_landscape_read(const char *path, tune_landscape **out, xlstm_error *err) {
    *out = NULL;
    table t = {.path = path};
    json_t *file = NULL;
    const json_t *declared = NULL;
    tune_landscape *l = calloc(1, sizeof *l);
    int status = l ? read_text(path, &t.text, err) : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    if (status) goto end;
    l->name = base_name(path);
    if (!l->name) {
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
        goto end;
    }
    if (t.text[0] == '{') status = tune_landscape_cache(l, &t, &file, &declared, err);
    else status = read_csv(l, &t, err);
    if (!status) status = tune_landscape_summarize(l, path, err);
    if (!status && !file) status = read_declared(path, l->name, &file, &declared, err);
    if (!status) status = make_space(l, &t, declared, err);
    if (!status) {
        *out = l;
        l = NULL;
    }
end:
    json_decref(file);
    free(t.text);
    free(t.cells);
    xl_csv_free(&t.csv);
    tune_landscape_destroy(l);
    return status;
}

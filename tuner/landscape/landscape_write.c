#include "tuner/landscape/landscape_write.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"
#include "tuner/landscape/gzip.h"

static double mean(const tune_measured *m) {
    double sum = 0;
    for (size_t i = 0; i < m->count; i++) sum += m->ms[i];
    return m->count ? sum / (double)m->count : NAN;
}

static void csv_row(FILE *out, const tune_space *space, const tune_measured *m) {
    for (size_t i = 0; i < tune_space_params(space); i++) {
        const tune_value v = tune_space_value(space, m->point, i);
        if (v.text) xl_csv_put_text(out, v.text);
        else xl_csv_put_number(out, v.number, 0);
        fputc(',', out);
    }
    xl_csv_put_number(out, mean(m), 9);
    fputc(',', out);
    xl_csv_put_number(out, m->seconds, 6);
    fputc(',', out);
    for (size_t i = 0; i < m->count; i++) {
        if (i) fputc(';', out);
        xl_csv_put_number(out, m->ms[i], 9);
    }
    fputc('\n', out);
}

/* Returns what Kernel Tuner stores for a point besides its parameters. */
static json_t *cache_values(const tune_measured *m) {
    json_t *values = json_object(), *list = json_array();
    for (size_t i = 0; i < m->count; i++) json_array_append_new(list, json_real(m->ms[i]));
    json_object_set_new(values, "time", m->count ? json_real(mean(m)) : json_string("RuntimeFailedConfig"));
    json_object_set_new(values, "times", list);
    json_object_set_new(values, "compile_time", json_real(0));
    json_object_set_new(values, "verification_time", json_real(0));
    json_object_set_new(values, "benchmark_time", json_real(m->seconds * 1e3));
    json_object_set_new(values, "strategy_time", json_real(0));
    json_object_set_new(values, "framework_time", json_real(0));
    return values;
}

/* Adds an entry. Kernel Tuner's key is the values joined with commas. `setting` holds indexes of declared
 * values. */
static void cache_entry(json_t *cache, const tune_space *space, const uint16_t *setting, json_t *values) {
    char *key = strdup(""), text[64];
    json_t *entry = json_object();
    for (size_t i = 0; key && i < tune_space_params(space); i++) {
        const tune_param *p = tune_space_param(space, i);
        const tune_value v = p->declared[setting[i]];
        char *grown =
            xl_format("%s%s%s", key, i ? "," : "", v.text ? v.text : tune_value_print(v, text, sizeof text));
        json_object_set_new(entry, p->name, tune_value_json(v));
        free(key);
        key = grown;
    }
    json_object_update(entry, values);
    if (key) json_object_set_new(cache, key, entry);
    else json_decref(entry);
    free(key);
}

/* Fills the cache. Kernel Tuner's simulation looks up every combination of values, so settings that are equal in
 * effect each get an entry with the values of their point. Where a space has too many settings, only its points
 * are written. */
static int fill_cache(json_t *cache, const tune_space *space, json_t *const *values, size_t points,
                      xlstm_error *err) {
    uint64_t steps = UINT64_MAX;
    uint16_t index[TUNE_SPACE_PARAMS];
    tune_walk walk = {.declared = true};
    const bool whole = tune_space_counted(space) && tune_space_settings(space) <= TUNE_SPACE_COUNTED;
    for (uint32_t point = 0; !whole && point < points; point++) {
        for (size_t i = 0; i < tune_space_params(space); i++) {
            const tune_param *p = tune_space_param(space, i);
            const uint16_t own = tune_space_index(space, point)[i];
            index[i] = p->place ? p->place[own] : own;
        }
        if (values[point]) cache_entry(cache, space, index, values[point]);
    }
    while (whole && tune_space_walk(space, &walk, &steps) == TUNE_WALK_SETTING) {
        for (size_t i = 0; i < tune_space_params(space); i++) {
            const tune_param *p = tune_space_param(space, i);
            index[i] = p->stands ? p->stands[walk.index[i]] : walk.index[i];
        }
        const uint32_t point = tune_space_find(space, index);
        if (point < points && values[point]) cache_entry(cache, space, walk.index, values[point]);
    }
    return cache ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "landscape: out of memory");
}

static json_t *domains(const tune_space *space) {
    json_t *j = json_object();
    for (size_t i = 0; i < tune_space_params(space); i++) {
        const tune_param *p = tune_space_param(space, i);
        json_t *list = json_array();
        for (uint32_t v = 0; v < p->declared_count; v++)
            json_array_append_new(list, tune_value_json(p->declared[v]));
        json_object_set_new(j, p->name, list);
    }
    return j;
}

static int write_json(const char *path, const json_t *j, xlstm_error *err) {
    char *text = json_dumps(j, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    int status = text ? xl_file_write(path, text, strlen(text), err)
                      : xl_fail(err, XLSTM_ENOMEM, "landscape: out of memory");
    free(text);
    return status;
}

static int write_csv(const char *path, const char *text, size_t bytes, xlstm_error *err) {
    size_t length = strlen(path), packed_bytes;
    char *packed;
    if (length < 3 || strcmp(path + length - 3, ".gz") != 0) return xl_file_write(path, text, bytes, err);
    int status = tune_gzip_pack(path, text, bytes, &packed, &packed_bytes, err);
    if (!status) status = xl_file_write(path, packed, packed_bytes, err);
    free(packed);
    return status;
}

/* Reads the spaces in a folder's spaces.json; there are none where the file is missing. XLSTM_EFORMAT where the
 * file cannot be parsed, so that it is never overwritten. */
static int read_spaces(const char *path, json_t **all, xlstm_error *err) {
    char *data = NULL;
    size_t bytes;
    json_error_t bad;
    *all = NULL;
    int status = xl_file_read(path, 64 << 20, &data, &bytes, err);
    if (status == XLSTM_ENOTFOUND) {
        *all = json_array();
        return *all ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "landscape: out of memory");
    }
    if (status) return status;
    *all = json_loadb(data, bytes, 0, &bad);
    free(data);
    if (json_is_array(*all)) return XLSTM_OK;
    const bool parsed = *all != NULL;
    json_decref(*all);
    *all = NULL;
    if (parsed) return xl_fail(err, XLSTM_EFORMAT, "%s: wanted a JSON array of spaces; it is left as it is", path);
    return xl_fail(err, XLSTM_EFORMAT, "%s: line %d: %s; it is left as it is", path, bad.line, bad.text);
}

/* Adds an entry to spaces.json and keeps the others. The folder is locked meanwhile, because other runs may add
 * theirs to the same file. */
static int write_spaces(const char *folder, const char *name, json_t *entry, xlstm_error *err) {
    char *path = xl_path_join(folder, "spaces.json");
    json_t *all = NULL;
    int lock = -1;
    int status = path ? xl_folder_lock(&lock, folder, err) : xl_fail(err, XLSTM_ENOMEM, "landscape: out of memory");
    if (!status) status = read_spaces(path, &all, err);
    for (size_t i = json_array_size(all); !status && i-- > 0;) {
        const char *other = json_string_value(json_object_get(json_array_get(all, i), "name"));
        if (other && !strcmp(other, name)) json_array_remove(all, i);
    }
    if (!status && json_array_append(all, entry)) status = xl_fail(err, XLSTM_ENOMEM, "landscape: out of memory");
    if (!status) status = write_json(path, all, err);
    xl_folder_unlock(&lock);
    json_decref(all);
    free(path);
    return status;
}

/* A landscape that is written to a pipe or a device has no folder for the other files. */
static bool is_stream(const char *path) {
    return strcmp(path, "-") == 0 || (!access(path, F_OK) && !xl_is_file(path));
}

int tune_landscape_write_check(const char *path, xlstm_error *err) {
    if (is_stream(path)) return XLSTM_OK;
    char *folder = xl_path_folder(path), *spaces = folder ? xl_path_join(folder, "spaces.json") : NULL;
    json_t *all = NULL;
    int status = spaces ? xl_make_folder(folder, err) : xl_fail(err, XLSTM_ENOMEM, "landscape: out of memory");
    if (!status && access(folder, W_OK)) status = xl_fail(err, XLSTM_EIO, "%s: %s", folder, strerror(errno));
    if (!status) status = read_spaces(spaces, &all, err);
    json_decref(all);
    free(spaces);
    free(folder);
    return status;
}

static void dump_line(FILE *out, const json_t *j) {
    json_dumpf(j, out, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
}

/* Writes Kernel Tuner's cache file. Kernel Tuner appends to the file it reads, for which it must end with two
 * braces, each on a line of its own. */
static int write_cache(const char *folder, const char *name, const tune_space *space, const json_t *machine,
                       json_t *cache, xlstm_error *err) {
    json_t *keys = json_array(), *values = domains(space), *value;
    const char *key, *cpu = json_string_value(json_object_get(machine, "cpu")), *comma = "";
    json_object_foreach(values, key, value) json_array_append_new(keys, json_string(key));
    json_t *head =
        json_pack("{s:s, s:s, s:s, s:o, s:o, s:s}", "device_name", cpu ? cpu : "cpu", "kernel_name", name,
                  "problem_size", "1", "tune_params_keys", keys, "tune_params", values, "objective", "time");
    char *text = NULL, *path = xl_format("%s/%s.kernel_tuner.json", folder, name);
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    int status = head && path && out ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "landscape: out of memory");
    if (status) goto end;
    fputc('{', out);
    json_object_foreach(head, key, value) {
        fprintf(out, "\"%s\": ", key);
        dump_line(out, value);
        fputs(",\n", out);
    }
    fputs("\"cache\": {", out);
    json_object_foreach(cache, key, value) {
        fprintf(out, "%s\n\"%s\": ", comma, key);
        dump_line(out, value);
        comma = ",";
    }
    fputs("}\n}", out);
    if (fflush(out) || ferror(out) || !text) status = xl_fail(err, XLSTM_ENOMEM, "landscape: out of memory");
    else status = xl_file_write(path, text, bytes, err);
end:
    if (out) fclose(out);
    json_decref(head);
    free(text);
    free(path);
    return status;
}

/* Makes the text of the landscape's file, and what Kernel Tuner stores for each point, by the points' ids. */
static int make_texts(const tune_space *space, const tune_measured *points, size_t count, char **csv, size_t *bytes,
                      json_t **values, xlstm_error *err) {
    FILE *out = open_memstream(csv, bytes);
    if (!out) return xl_fail(err, XLSTM_ENOMEM, "landscape: out of memory");
    for (size_t i = 0; i < tune_space_params(space); i++) {
        xl_csv_put_text(out, tune_space_param(space, i)->name);
        fputc(',', out);
    }
    fputs("time,cost_s,times\n", out);
    for (size_t i = 0; i < count; i++) {
        csv_row(out, space, &points[i]);
        values[points[i].point] = cache_values(&points[i]);
    }
    return xl_text_end(out, csv) ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "landscape: out of memory");
}

/* Writes the files beside the landscape. */
static int write_beside(const char *folder, const char *name, const tune_space *space, json_t *const *values,
                        json_t *facts, xlstm_error *err) {
    json_t *cache = json_object(), *entry = json_pack("{s:s, s:o}", "name", name, "params", domains(space));
    int status = cache && entry && !json_object_update(entry, facts)
                     ? XLSTM_OK
                     : xl_fail(err, XLSTM_ENOMEM, "landscape: out of memory");
    if (!status) status = write_spaces(folder, name, entry, err);
    if (!status) status = fill_cache(cache, space, values, tune_space_known(space), err);
    if (!status) status = write_cache(folder, name, space, json_object_get(facts, "machine"), cache, err);
    json_decref(cache);
    json_decref(entry);
    return status;
}

int tune_landscape_write(const char *path, const tune_space *space, const tune_measured *points, size_t count,
                         json_t *facts, xlstm_error *err) {
    const size_t known = tune_space_known(space);
    const char *slash = strrchr(path, '/');
    size_t bytes = 0;
    json_t **values = calloc(known ? known : 1, sizeof *values);
    char *csv = NULL, *folder = xl_path_folder(path), *name = strdup(slash ? slash + 1 : path);
    const bool alone = is_stream(path);
    int status = values && folder && name ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "landscape: out of memory");
    if (!status) status = make_texts(space, points, count, &csv, &bytes, values, err);
    if (!status && !alone) status = xl_make_folder(folder, err);
    if (!status) status = write_csv(path, csv, bytes, err);
    if (name) name[strcspn(name, ".")] = 0;
    if (!status && !alone) status = write_beside(folder, name, space, values, facts, err);
    for (size_t i = 0; values && i < known; i++) json_decref(values[i]);
    free(values);
    free(csv);
    free(folder);
    free(name);
    return status;
}

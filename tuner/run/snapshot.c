#include "tuner/run/snapshot.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"

enum { BYTES_MOST = 16 << 20, SAME_SECOND = 1000 };

json_t *tune_snapshot_read(const char *path) {
    char *data = NULL;
    size_t bytes;
    json_t *j = NULL;
    if (xl_is_file(path) && !xl_file_read(path, BYTES_MOST, &data, &bytes, NULL))
        j = json_loadb(data, bytes, 0, NULL);
    free(data);
    return j;
}

static bool same_text(const json_t *object, const char *key, const char *text) {
    const char *found = json_string_value(json_object_get(object, key));
    return found && text && !strcmp(found, text);
}

/* The members of a fingerprint that a list of numbers names. */
static bool alike(const json_t *print, const tune_named_list *workload) {
    for (size_t i = 0; i < workload->count; i++) {
        const json_t *j = json_object_get(print, workload->item[i].name);
        tune_named there = {workload->item[i].name, {.number = json_number_value(j)}};
        const tune_named_list found = {&there, 1}, wanted = {&workload->item[i], 1};
        if (!workload->item[i].value.text && (!json_is_number(j) || !tune_workload_alike(&found, &wanted)))
            return false;
    }
    return true;
}

bool tune_snapshot_fits(const json_t *snapshot, const char *machine, const tune_named_list *identity,
                        const tune_named_list *workload) {
    const json_t *print = json_object_get(snapshot, "fingerprint");
    bool fits = json_is_object(json_object_get(snapshot, "params")) && same_text(print, "machine", machine);
    for (size_t i = 0; fits && i < identity->count; i++) {
        tune_value value;
        fits = tune_value_from_json(json_object_get(print, identity->item[i].name), &value) &&
               tune_value_same(value, identity->item[i].value);
    }
    return fits && alike(print, workload);
}

static void set_values(json_t *object, const tune_named_list *list, bool texts) {
    for (size_t i = 0; i < list->count; i++) {
        const tune_named *fact = &list->item[i];
        if (texts || !fact->value.text) json_object_set_new(object, fact->name, tune_value_json(fact->value));
    }
}

void tune_snapshot_circumstances(json_t *snapshot, const tune_run_row *run) {
    json_t *print = json_pack("{s:s}", "machine", run->machine);
    set_values(print, &run->identity, true);
    set_values(print, &run->workload, false);
    json_object_set_new(snapshot, "backend", json_string(run->backend));
    json_object_set_new(snapshot, "fingerprint", print);
    set_values(snapshot, &run->build, true);
    json_object_set_new(snapshot, "version", json_string(run->version));
}

static json_t *compose(const tune_run_row *run, const char *created) {
    json_t *best = json_loads(run->result, 0, NULL), *j = json_object();
    static const char *const names[] = {"params", "metrics", "baseline", "speedup", "verdict_text", "objective"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *value = json_object_get(best, names[i]);
        if (value) json_object_set(j, names[i], value);
    }
    tune_snapshot_circumstances(j, run);
    json_object_set_new(j, "run", json_string(run->folder));
    json_object_set_new(j, "created", json_string(created));
    json_decref(best);
    return j;
}

int tune_snapshot_write(const char *folder, const char *latest, const tune_run_row *run, xlstm_error *err) {
    char created[32], stamp[32];
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%S", &local);
    strftime(stamp, sizeof stamp, "%Y%m%d_%H%M%S", &local);
    json_t *j = compose(run, created);
    char *text = json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    char *dated = xl_format("%s/%s_%s.json", folder, run->backend, stamp);
    for (int n = 2; dated && xl_is_file(dated) && n < SAME_SECOND; n++) {
        free(dated);
        dated = xl_format("%s/%s_%s_%d.json", folder, run->backend, stamp, n);
    }
    int status = text && dated ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "best: out of memory");
    if (!status) status = xl_file_write(dated, text, strlen(text), err);
    if (!status) status = xl_file_write(latest, text, strlen(text), err);
    free(text);
    free(dated);
    json_decref(j);
    return status;
}

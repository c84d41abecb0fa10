#include "cli/landscape_export.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/landscape/landscape_write.h"
#include "tuner/study/trial_samples.h"

static double sample_ms(const tune_target *target, const tune_sample_row *s, int objective) {
    return 1e3 * tune_target_cost(target, objective, s->parts);
}

/* Sets out->ms to the objective, in milliseconds, of a trial's samples in use, at most `most` of them (0: all).
 * The caller frees out->ms; it is NULL when out of memory. */
static void take_times(const tune_target *target, const tune_trial_row *t, const tune_trial_samples *all,
                       size_t most, int objective, tune_measured *out) {
    size_t count;
    const tune_sample_row *const *samples = tune_trial_samples_of(all, t->index, &count);
    out->ms = xl_array(count, sizeof *out->ms);
    for (size_t i = 0; out->ms && t->status == TUNE_TRIAL_OK && i < count; i++) {
        const tune_sample_row *s = samples[i];
        if (most && out->count == most) break;
        if (s->used && strcmp(s->stage, "search") == 0) out->ms[out->count++] = sample_ms(target, s, objective);
    }
}

/* Whether a landscape can hold the objective: a time, or a rate, which is the inverse of a time. */
static bool is_time(const tune_metrics *metrics, int objective) {
    const char *unit = metrics->at[objective].unit;
    const size_t length = strlen(unit);
    return !metrics->at[objective].of_point &&
           (!strcmp(unit, "s") || !strcmp(unit, "ms") || (length > 2 && !strcmp(unit + length - 2, "/s")));
}

/* Returns the facts about the machine that a reader of the landscape needs; not the host's name. */
static json_t *machine_facts(const tune_run_row *run) {
    static const char *const kept[] = {"cpu", "logical_cpus", "cores", "memory_mb", "os", "kernel", "arch"};
    json_t *all = json_loads(run->machine_info ? run->machine_info : "{}", 0, NULL), *j = json_object();
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        json_t *value = json_object_get(all, kept[i]);
        if (value) json_object_set(j, kept[i], value);
    }
    json_object_set_new(j, "fingerprint", json_string(run->machine));
    json_decref(all);
    return j;
}

static json_t *baseline_settings(const tune_target *target) {
    tune_named_list all = {0};
    json_t *j = tune_target_settings(target, TUNE_BASELINE, &all) ? tune_named_json(&all) : NULL;
    tune_named_clear(&all);
    return j;
}

static void set_facts(json_t *j, const tune_named_list *facts) {
    for (size_t i = 0; i < facts->count; i++)
        json_object_set_new(j, facts->item[i].name, tune_value_json(facts->item[i].value));
}

static json_t *run_facts(const tune_target *target, const tune_run_row *run, int objective, size_t samples) {
    char created[32];
    time_t when = (time_t)run->created;
    struct tm utc;
    gmtime_r(&when, &utc);
    strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", &utc);
    json_t *j = json_pack("{s:s, s:I, s:s}", "objective", tune_metrics_name(target->metrics, objective), "samples",
                          (json_int_t)samples, "target", run->target);
    set_facts(j, &run->identity);
    set_facts(j, &run->workload);
    json_object_set_new(j, "baseline", baseline_settings(target));
    json_object_set_new(j, "machine", machine_facts(run));
    set_facts(j, &run->build);
    json_object_set_new(j, "version", json_string(run->version));
    json_object_set_new(j, "created", json_string(created));
    return j;
}

/* Finds the trials that measured the points, indexed by the points' ids; NULL for a point that none measured. *out
 * is malloc'd; *count is the number of all trials. */
static int by_point(const tune_space *space, tune_keeper *keeper, const tune_trial_row ***out, size_t *points,
                    size_t *count, xlstm_error *err) {
    const tune_trial_row *trials;
    const int status = tune_keeper_rows(keeper, &trials, count, err);
    if (status) return status;
    *points = tune_space_known(space);
    const tune_trial_row **of = *out = xl_array(*points, sizeof *of);
    if (!of) return xl_fail(err, XLSTM_ENOMEM, "landscape: out of memory");
    memset(of, 0, *points * sizeof *of);
    for (size_t i = 0; i < *count; i++) {
        const uint32_t point = trials[i].point;
        if (trials[i].status != TUNE_TRIAL_DUPLICATE && point < *points) of[point] = &trials[i];
    }
    return XLSTM_OK;
}

int cli_landscape_export(const char *path, const tune_target *target, tune_keeper *keeper, int objective,
                         int samples, xlstm_error *err) {
    if (!is_time(target->metrics, objective))
        return xl_fail(err, XLSTM_EARG, "export_landscape: objective %s is no time",
                       tune_metrics_name(target->metrics, objective));
    const tune_run_row *run = tune_keeper_run(keeper);
    size_t row_count = 0, points = 0, trials = 0, count = 0, most = 0;
    tune_trial_samples sorted = {0};
    const tune_trial_row **of = NULL;
    int status = by_point(target->space, keeper, &of, &points, &trials, err);
    tune_measured *measured = points ? xl_array(points, sizeof *measured) : NULL;
    tune_sample_row *rows = NULL;
    json_t *facts = NULL;
    if (!status) status = tune_study_samples(tune_keeper_study(keeper), run->id, &rows, &row_count, err);
    if (!status) status = tune_trial_samples_sort(&sorted, rows, row_count, trials, err);
    bool whole = measured || !points;
    for (uint32_t i = 0; !status && whole && i < points; i++) {
        if (!of[i]) continue;
        tune_measured *m = &measured[count++];
        *m = (tune_measured){.point = i, .seconds = of[i]->seconds};
        take_times(target, of[i], &sorted, (size_t)samples, objective, m);
        whole = m->ms != NULL;
        if (m->count > most) most = m->count;
    }
    if (!status) facts = run_facts(target, run, objective, most);
    if (!status && (!whole || !facts)) status = xl_fail(err, XLSTM_ENOMEM, "landscape: out of memory");
    if (!status) status = tune_landscape_write(path, target->space, measured, count, facts, err);
    while (count) free(measured[--count].ms);
    free(measured);
    json_decref(facts);
    tune_trial_samples_free(&sorted);
    free(rows);
    free(of);
    return status;
}

#include "tuner/driver/result.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "tuner/driver/front.h"

uint32_t tune_result_point_json(const tune_space *space, const json_t *params) {
    tune_value values[TUNE_SPACE_PARAMS];
    for (size_t i = 0; i < tune_space_params(space); i++) {
        const tune_param *p = tune_space_param(space, i);
        const json_t *j = json_object_get(params, p->name);
        if (tune_value_from_json(j, &values[i])) continue;
        if (p->count != 1) return TUNE_NO_POINT;
        values[i] = p->values[0];
    }
    return tune_space_find_values(space, values);
}

int tune_result_priors(const tune_space *space, const json_t *array, uint32_t **points, size_t *count,
                       xlstm_error *err) {
    size_t used = 0, n = json_array_size(array);
    uint32_t *all = xl_array(n, sizeof *all);
    if (!all) return xl_fail(err, XLSTM_ENOMEM, "first points: out of memory");
    for (size_t i = 0; i < n; i++) {
        uint32_t point = tune_result_point_json(space, json_array_get(array, i));
        bool seen = point == TUNE_NO_POINT;
        for (size_t k = 0; k < used; k++) seen |= all[k] == point;
        if (!seen) all[used++] = point;
    }
    *points = all;
    *count = used;
    return XLSTM_OK;
}

/* Returns the metrics as an object; those that are properties of the point come from `known`, as far as it has
 * them. */
static json_t *metrics_json(const tune_target *problem, const double parts[TUNE_PARTS], const double *known) {
    double metric[TUNE_METRICS];
    tune_target_metrics(problem, parts, metric);
    json_t *j = json_object();
    for (int i = 0; i < problem->metrics->count; i++) {
        const tune_metric *m = &problem->metrics->at[i];
        if (!m->of_point) json_object_set_new(j, m->name, xl_json_number(metric[i]));
        else if (isfinite(known[i])) json_object_set_new(j, m->name, json_real(known[i]));
    }
    return j;
}

char *tune_result_baseline(const tune_target *problem, const double parts[TUNE_PARTS], int samples) {
    tune_outcome about;
    tune_outcome_init(&about);
    if (problem->outcome && problem->outcome(problem->self, TUNE_BASELINE_TRIAL, &about, NULL))
        tune_outcome_init(&about);
    json_decref(about.in_force);
    json_t *j = json_pack("{s:o, s:o, s:i}", "settings", problem->settings(problem->self, TUNE_BASELINE_TRIAL),
                          "metrics", metrics_json(problem, parts, about.metric), "samples", samples);
    char *text = json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(j);
    return text;
}

/* Returns those of the settings that were searched. */
static json_t *searched(const tune_space *space, const json_t *settings) {
    json_t *j = json_object();
    for (size_t i = 0; i < tune_space_params(space); i++) {
        const char *name = tune_space_param(space, i)->name;
        json_t *value = json_object_get(settings, name);
        if (value) json_object_set(j, name, value);
    }
    return j;
}

static void add_comparison(json_t *j, const tune_final *f) {
    json_t *each = json_array();
    for (int i = 0; i < f->processes; i++) json_array_append_new(each, xl_json_number(f->process[i]));
    json_object_set_new(j, "speedup",
                        json_pack("{s:o, s:o, s:o, s:f, s:i, s:i, s:i, s:i, s:i, s:s, s:o}", "value",
                                  xl_json_number(f->speedup), "low", xl_json_number(f->low), "high",
                                  xl_json_number(f->high), "level", f->level, "processes", f->processes, "blocks",
                                  f->blocks, "discarded_blocks", f->discarded, "kept_disturbed_blocks", f->kept,
                                  "lost_processes", f->lost, "stopped_by", tune_final_stop_name(f->stop),
                                  "log_ratios", each));
}

/* Reads the metrics that an object holds by name; NAN for those that are missing. */
static void read_metrics(const tune_metrics *metrics, const json_t *object, double values[TUNE_METRICS]) {
    for (int i = 0; i < TUNE_METRICS; i++) {
        const json_t *value = json_object_get(object, tune_metrics_name(metrics, i));
        values[i] = json_is_number(value) ? json_number_value(value) : NAN;
    }
}

/* Returns the trial that measured a candidate; NULL: there is none. */
static const tune_trial_row *trial_of(const tune_keeper *keeper, int64_t candidate) {
    size_t count;
    const tune_trial_row *all = tune_keeper_trials(keeper, &count);
    for (size_t i = 0; i < count && candidate >= 0; i++) {
        if (all[i].status == TUNE_TRIAL_OK && all[i].point == candidate) return &all[i];
    }
    return NULL;
}

/* With several objectives, adds the trials of pareto.csv in its order. */
static void add_front(json_t *j, const tune_metrics *metrics, const tune_keeper *keeper) {
    int objective[TUNE_METRICS];
    size_t count;
    const tune_trial_row *all = tune_keeper_trials(keeper, &count);
    int objectives = tune_front_objectives(metrics, tune_keeper_run(keeper)->objective, objective);
    size_t *front = objectives > 1 ? xl_array(count, sizeof *front) : NULL;
    if (!front) return;
    json_t *list = json_array();
    size_t n = tune_front(metrics, all, count, objective, objectives, front);
    for (size_t i = 0; i < n; i++) json_array_append_new(list, json_integer(all[front[i]].index));
    json_object_set_new(j, "front", list);
    free(front);
}

json_t *tune_result_best(const tune_target *problem, const tune_keeper *keeper, int64_t candidate,
                         const tune_race_entry *entry, const tune_final *final, const char *verdict,
                         const char *text) {
    json_t *settings = problem->settings(problem->self, candidate);
    json_t *baseline_settings = problem->settings(problem->self, TUNE_BASELINE_TRIAL);
    const tune_run_row *run = tune_keeper_run(keeper);
    double none[TUNE_PARTS], point[TUNE_METRICS];
    for (int i = 0; i < TUNE_PARTS; i++) none[i] = NAN;
    const bool fresh = final && final->processes > 0;
    const double *parts = fresh ? (candidate == TUNE_BASELINE_TRIAL ? final->baseline_parts : final->winner_parts)
                          : entry->samples == 0 ? none
                                                : entry->parts;
    const tune_trial_row *trial = trial_of(keeper, candidate);
    json_t *j = json_object();
    json_object_set_new(j, "params", searched(problem->space, settings));
    /* Where this process took no sample of the baseline, the numbers are those of its stored record. */
    json_t *record = run->baseline ? json_loads(run->baseline, 0, NULL) : NULL;
    json_t *known = json_object_get(record, "metrics");
    read_metrics(problem->metrics, candidate == TUNE_BASELINE_TRIAL ? known : NULL, point);
    if (candidate == TUNE_BASELINE_TRIAL && !fresh && entry->samples == 0 && known)
        json_object_set(j, "metrics", known);
    else
        json_object_set_new(
            j, "metrics",
            metrics_json(problem, parts, candidate != TUNE_BASELINE_TRIAL && trial ? trial->metric : point));
    json_t *baseline = json_object();
    json_object_set_new(baseline, "params", searched(problem->space, baseline_settings));
    read_metrics(problem->metrics, known, point);
    if (fresh) json_object_set_new(baseline, "metrics", metrics_json(problem, final->baseline_parts, point));
    else if (known) json_object_set(baseline, "metrics", known);
    if (known) json_object_set(baseline, "search_metrics", known);
    json_object_set_new(j, "baseline", baseline);
    if (fresh) add_comparison(j, final);
    json_object_set_new(j, "verdict", json_string(verdict));
    json_object_set_new(j, "verdict_text", json_string(text));
    json_object_set_new(j, "is_baseline", json_boolean(candidate == TUNE_BASELINE_TRIAL));
    json_object_set(j, "settings", settings);
    if (trial) json_object_set_new(j, "trial", json_integer(trial->index));
    json_object_set_new(j, "objective", json_string(run->objective));
    add_front(j, problem->metrics, keeper);
    json_object_set_new(j, "final", json_boolean(final != NULL));
    json_decref(record);
    json_decref(settings);
    json_decref(baseline_settings);
    return j;
}

bool tune_result_is_final(const tune_keeper *keeper) {
    const tune_run_row *run = tune_keeper_run(keeper);
    json_t *j = run->result ? json_loads(run->result, 0, NULL) : NULL;
    bool final = strcmp(run->state, TUNE_RUN_FINISHED) == 0 && json_is_true(json_object_get(j, "final"));
    json_decref(j);
    return final;
}

int tune_result_reload(const tune_target *problem, const tune_keeper *keeper, tune_drive_result *result,
                       xlstm_error *err) {
    json_t *j = json_loads(tune_keeper_run(keeper)->result, 0, NULL);
    const json_t *speedup = json_object_get(j, "speedup");
    const char *verdict = json_string_value(json_object_get(j, "verdict"));
    const char *text = json_string_value(json_object_get(j, "verdict_text"));
    tune_final *f = &result->final;
    int status = XLSTM_OK;
    if (!verdict || !text) {
        status = xl_fail(err, XLSTM_EFORMAT, "%s: the stored result has no verdict", tune_keeper_folder(keeper));
        goto out;
    }
    const int known = tune_verdict_find(verdict);
    if (known >= 0) f->verdict = (tune_verdict)known;
    f->speedup = json_number_value(json_object_get(speedup, "value"));
    f->low = json_number_value(json_object_get(speedup, "low"));
    f->high = json_number_value(json_object_get(speedup, "high"));
    f->processes = (int)json_integer_value(json_object_get(speedup, "processes"));
    snprintf(result->verdict, sizeof result->verdict, "%s", text);
    if (!json_is_true(json_object_get(j, "is_baseline"))) {
        uint32_t point = tune_result_point_json(problem->space, json_object_get(j, "params"));
        if (point != TUNE_NO_POINT) result->winner = point;
    }
out:
    json_decref(j);
    return status;
}

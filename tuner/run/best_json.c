#include "tuner/run/best_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "tuner/driver/front.h"

/* Returns the metrics as an object; those that are properties of the point come from `known`, as far as it has
 * them. */
static json_t *metrics_json(const tune_metrics *metrics, const double *metric, const double *known) {
    json_t *j = json_object();
    for (int i = 0; i < metrics->count; i++) {
        const tune_metric *m = &metrics->at[i];
        if (!m->of_point) json_object_set_new(j, m->name, xl_json_number(metric[i]));
        else if (isfinite(known[i])) json_object_set_new(j, m->name, json_real(known[i]));
    }
    return j;
}

char *tune_best_baseline(const tune_metrics *metrics, const tune_side *baseline) {
    json_t *j = json_pack("{s:o, s:o, s:i}", "settings", tune_named_json(&baseline->settings), "metrics",
                          metrics_json(metrics, baseline->metric, baseline->metric), "samples", baseline->samples);
    char *text = j ? json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(j);
    return text;
}

/* Returns those of the settings that were searched. */
static json_t *searched(const tune_space *space, const tune_named_list *settings) {
    json_t *j = json_object();
    for (size_t i = 0; i < tune_space_params(space); i++) {
        const char *name = tune_space_param(space, i)->name;
        const tune_value *value = tune_named_find(settings, name);
        if (value) json_object_set_new(j, name, tune_value_json(*value));
    }
    return j;
}

/* Adds the states of the machine that the ratios of the processes show, and the state of each process. */
static void add_states(json_t *speedup, const tune_final *f) {
    json_t *list = json_array(), *of = json_array(), *begun = json_array();
    for (int i = 0; i < f->states.count; i++) {
        const tune_state *s = &f->states.at[i];
        char label[64] = "";
        if (f->label < TUNE_QUANTITIES) tune_final_label(label, sizeof label, f, i);
        json_array_append_new(list, json_pack("{s:i, s:i, s:o, s:o}", "processes", s->processes, "visits",
                                              s->visits, "value", xl_json_number(expm1(s->mean)), "seen_as",
                                              label[0] ? json_string(label) : json_null()));
    }
    for (int i = 0; i < f->processes; i++) {
        json_array_append_new(of, json_integer(f->states.of[i]));
        json_array_append_new(begun, xl_json_number(f->at[i]));
    }
    json_t *condition = json_object();
    for (int q = 0; q < TUNE_QUANTITIES; q++) {
        json_t *values = json_array();
        for (int i = 0; i < f->processes; i++) json_array_append_new(values, xl_json_number(f->condition[q][i]));
        json_object_set_new(condition, tune_quantity_name(q), values);
    }
    json_object_set_new(speedup, "condition", condition);
    json_object_set_new(speedup, "state_label",
                        f->label < TUNE_QUANTITIES ? json_string(tune_quantity_name(f->label)) : json_null());
    json_object_set_new(speedup, "holds_for", json_string(tune_scope_name(f->scope)));
    if (f->unsure) json_object_set_new(speedup, "also_with_machines_aside", json_integer(f->unsure));
    json_object_set_new(speedup, "seconds", xl_json_number(f->span_s));
    json_object_set_new(speedup, "states", list);
    json_object_set_new(speedup, "state_changes", json_integer(f->states.changes));
    json_object_set_new(speedup, "state_of", of);
    json_object_set_new(speedup, "begun_s", begun);
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
    json_object_set_new(json_object_get(j, "speedup"), "failed",
                        json_pack("{s:i, s:i, s:i}", "winner", f->failed[TUNE_CULPRIT_WINNER], "baseline",
                                  f->failed[TUNE_CULPRIT_BASELINE], "either", f->failed[TUNE_CULPRIT_EITHER]));
    add_states(json_object_get(j, "speedup"), f);
}

/* Reads the metrics that an object holds by name; NAN for those that are missing. */
static void read_metrics(const tune_metrics *metrics, const json_t *object, double values[TUNE_METRICS]) {
    for (int i = 0; i < TUNE_METRICS; i++) {
        const json_t *value = json_object_get(object, tune_metrics_name(metrics, i));
        values[i] = json_is_number(value) ? json_number_value(value) : NAN;
    }
}

/* Returns the trial that measured a point; NULL: there is none. */
static const tune_trial_row *trial_of(const tune_trial_row *all, size_t count, int64_t point) {
    for (size_t i = 0; i < count && point >= 0; i++) {
        if (all[i].status == TUNE_TRIAL_OK && all[i].point == point) return &all[i];
    }
    return NULL;
}

/* With several objectives, adds the trials of pareto.csv in its order. False when out of memory. */
static bool add_front(json_t *j, const tune_run_row *run, const tune_trial_row *all, size_t count) {
    int objective[TUNE_METRICS];
    int objectives = tune_front_objectives(&run->metrics, run->objective, objective);
    if (objectives <= 1) return true;
    size_t *front = xl_array(count, sizeof *front);
    if (!front) return false;
    json_t *list = json_array();
    size_t n = tune_front(&run->metrics, all, count, objective, objectives, front);
    for (size_t i = 0; i < n; i++) json_array_append_new(list, json_integer(all[front[i]].index));
    json_object_set_new(j, "front", list);
    free(front);
    return true;
}

/* Returns the winner's metrics. `known` holds those of the baseline's record, for when this process took no sample
 * of it. */
static json_t *winner_metrics(const tune_run_row *run, const tune_standing *s, const tune_trial_row *trial,
                              json_t *known) {
    const bool stays = s->winner == TUNE_BASELINE;
    double point[TUNE_METRICS];
    if (stays && !s->best.samples && known) return json_incref(known);
    read_metrics(&run->metrics, stays ? known : NULL, point);
    return metrics_json(&run->metrics, s->best.metric, !stays && trial ? trial->metric : point);
}

static json_t *baseline_json(const tune_run_row *run, const tune_space *space, const tune_standing *s,
                             json_t *known) {
    double point[TUNE_METRICS];
    json_t *j = json_object();
    json_object_set_new(j, "params", searched(space, &s->baseline.settings));
    read_metrics(&run->metrics, known, point);
    if (s->fresh) json_object_set_new(j, "metrics", metrics_json(&run->metrics, s->baseline.metric, point));
    else if (known) json_object_set(j, "metrics", known);
    if (known) json_object_set(j, "search_metrics", known);
    return j;
}

json_t *tune_best_json(const tune_run_row *run, const tune_trial_row *trials, size_t count, const tune_space *space,
                       const tune_standing *s) {
    const tune_trial_row *trial = trial_of(trials, count, s->winner);
    json_t *record = run->baseline ? json_loads(run->baseline, 0, NULL) : NULL;
    json_t *known = json_object_get(record, "metrics"), *j = json_object();
    json_object_set_new(j, "params", searched(space, &s->best.settings));
    json_object_set_new(j, "metrics", winner_metrics(run, s, trial, known));
    json_object_set_new(j, "baseline", baseline_json(run, space, s, known));
    if (s->fresh) add_comparison(j, s->final);
    json_object_set_new(j, "verdict", json_string(s->verdict));
    json_object_set_new(j, "verdict_text", json_string(s->text));
    json_object_set_new(j, "is_baseline", json_boolean(s->winner == TUNE_BASELINE));
    json_object_set_new(j, "settings", tune_named_json(&s->best.settings));
    if (trial) json_object_set_new(j, "trial", json_integer(trial->index));
    json_object_set_new(j, "objective", json_string(run->objective));
    const bool whole = add_front(j, run, trials, count);
    json_object_set_new(j, "final", json_boolean(s->final != NULL));
    if (s->challenger != TUNE_NO_POINT)
        json_object_set_new(j, "challenger", tune_space_point_json(space, s->challenger));
    if (s->interaction) json_object_set_new(j, "interaction", json_deep_copy(s->interaction));
    json_decref(record);
    if (whole) return j;
    json_decref(j);
    return NULL;
}

bool tune_best_is_final(const char *text) {
    json_t *j = text ? json_loads(text, 0, NULL) : NULL;
    const bool final = json_is_true(json_object_get(j, "final"));
    json_decref(j);
    return final;
}

int tune_best_read(const char *text, const tune_space *space, const char *name, tune_drive_result *result,
                   xlstm_error *err) {
    json_t *j = text ? json_loads(text, 0, NULL) : NULL;
    const json_t *speedup = json_object_get(j, "speedup");
    const char *verdict = json_string_value(json_object_get(j, "verdict"));
    const char *words = json_string_value(json_object_get(j, "verdict_text"));
    tune_final *f = &result->final;
    tune_named_list params = {0};
    if (!verdict || !words) {
        json_decref(j);
        return xl_fail(err, XLSTM_EFORMAT, "%s: the stored result has no verdict", name);
    }
    const int known = tune_verdict_find(verdict);
    if (known >= 0) f->verdict = (tune_verdict)known;
    f->speedup = json_number_value(json_object_get(speedup, "value"));
    f->low = json_number_value(json_object_get(speedup, "low"));
    f->high = json_number_value(json_object_get(speedup, "high"));
    f->processes = (int)json_integer_value(json_object_get(speedup, "processes"));
    snprintf(result->verdict, sizeof result->verdict, "%s", words);
    if (!json_is_true(json_object_get(j, "is_baseline")) &&
        !tune_named_from_json(&params, json_object_get(j, "params"), NULL)) {
        const uint32_t point = tune_named_point(&params, space);
        if (point != TUNE_NO_POINT) result->winner = point;
    }
    tune_named_clear(&params);
    json_decref(j);
    return XLSTM_OK;
}

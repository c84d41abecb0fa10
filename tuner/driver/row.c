#include "tuner/driver/row.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

int tune_row_new(const tune_target *target, int64_t index, uint32_t point, tune_trial_row *row, xlstm_error *err) {
    *row = (tune_trial_row){
        .index = index, .point = point, .duplicate_of = -1, .value = NAN, .spread = NAN, .started = xl_wall_s()};
    for (int i = 0; i < TUNE_METRICS; i++) row->metric[i] = NAN;
    if (tune_named_of_point(&row->params, target->space, point)) row->key = tune_named_text(&row->params);
    if (row->key) return XLSTM_OK;
    tune_trial_row_clear(row);
    return xl_fail(err, XLSTM_ENOMEM, "trial: out of memory");
}

bool tune_row_time_up(const tune_trial_row *row) {
    return row->status == TUNE_TRIAL_FAILED && row->reason && !strcmp(row->reason, TUNE_ROW_TIME_UP);
}

int tune_row_duplicate(const tune_target *target, int64_t index, uint32_t point, const tune_trial_row *original,
                       tune_trial_row *row, xlstm_error *err) {
    int status = tune_row_new(target, index, point, row, err);
    if (status) return status;
    row->status = TUNE_TRIAL_DUPLICATE;
    row->duplicate_of = original->index;
    row->reason = original->status == TUNE_TRIAL_OK
                      ? xl_format("as trial %lld", (long long)original->index)
                      : xl_format("as trial %lld: %s", (long long)original->index, original->reason);
    memcpy(row->metric, original->metric, sizeof row->metric);
    row->value = original->value;
    row->token_hash = original->token_hash ? strdup(original->token_hash) : NULL;
    const size_t count = original->told.count;
    if (!count) return XLSTM_OK;
    if ((row->told.value = xl_array(count, sizeof *row->told.value))) {
        memcpy(row->told.value, original->told.value, count * sizeof *row->told.value);
        row->told.count = count;
        return XLSTM_OK;
    }
    tune_trial_row_clear(row);
    return xl_fail(err, XLSTM_ENOMEM, "trial: out of memory");
}

void tune_row_measured(const tune_target *target, const double parts[TUNE_PARTS], tune_trial_row *row) {
    double metric[TUNE_METRICS];
    tune_target_metrics(target, parts, metric);
    for (int i = 0; i < target->metrics->count; i++) {
        if (!target->metrics->at[i].of_point) row->metric[i] = metric[i];
    }
}

void tune_row_parts(const tune_metrics *metrics, const tune_trial_row *row, double parts[TUNE_PARTS]) {
    for (int i = 0; i < TUNE_PARTS; i++) {
        int metric = tune_metrics_of_part(metrics, i);
        parts[i] = metric < 0 ? NAN : row->metric[metric];
    }
}

/* Makes the text that the study stores; NULL where nothing is known. */
static int in_force_text(const tune_named_list *list, char **out, xlstm_error *err) {
    *out = NULL;
    if (!list->count) return XLSTM_OK;
    *out = tune_named_json_text(list);
    return *out ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "trial: out of memory");
}

int tune_row_describe(const tune_target *target, int64_t candidate, tune_trial_row *row, xlstm_error *err) {
    tune_outcome about;
    if (!target->outcome) return XLSTM_OK;
    tune_outcome_init(&about);
    int status = target->outcome(target->self, candidate, &about, err);
    if (status) return status;
    for (int i = 0; i < target->metrics->count; i++) {
        if (target->metrics->at[i].of_point) row->metric[i] = about.metric[i];
    }
    row->token_hash = about.token_hash[0] ? strdup(about.token_hash) : NULL;
    status = in_force_text(&about.in_force, &row->in_force, err);
    tune_named_clear(&about.in_force);
    return status;
}

/* Translates the reasons of a disturbance into the bits that the study stores. */
static unsigned causes_of(unsigned reasons) {
    static const struct {
        unsigned reason, cause;
    } known[] = {{TUNE_STEAL, TUNE_CAUSE_STEAL},       {TUNE_SWITCHED, TUNE_CAUSE_SWITCHES},
                 {TUNE_NEIGHBOURS, TUNE_CAUSE_OTHERS}, {TUNE_CLOCK, TUNE_CAUSE_FREQUENCY},
                 {TUNE_HOT, TUNE_CAUSE_HEAT},          {TUNE_HALTED, TUNE_CAUSE_HALTED}};
    unsigned causes = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!(reasons & known[i].reason)) continue;
        causes |= known[i].cause;
        reasons &= ~known[i].reason;
    }
    return reasons ? causes | TUNE_CAUSE_ELSE : causes;
}

tune_sample_row tune_row_sample(const tune_sample *s, int64_t trial, const char *stage, int64_t block,
                                double origin) {
    tune_sample_row row = {.trial = trial,
                           .stage = stage,
                           .block = block,
                           .at = origin + s->start_s,
                           .value = s->reading.cost,
                           .used = !s->warmup && !s->set_aside && !s->stopped};
    memcpy(row.parts, s->reading.parts, sizeof row.parts);
    if (s->warmup) {
        snprintf(row.why, sizeof row.why, "warm-up");
        row.causes = TUNE_CAUSE_WARMUP;
    } else if (s->stopped) {
        snprintf(row.why, sizeof row.why, "stopped early");
        row.causes = TUNE_CAUSE_STOPPED;
    } else if (s->disturbance.reasons) {
        /* A disturbed sample is marked, whether it was set aside or, on a busy machine, used. */
        char text[90];
        tune_disturbance_text(text, sizeof text, &s->disturbance);
        snprintf(row.why, sizeof row.why, "%.90s", text);
        row.causes = causes_of(s->disturbance.reasons);
    }
    return row;
}

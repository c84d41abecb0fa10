#include "tuner/driver/row.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

int tune_row_new(const tune_problem *problem, const tune_keeper *keeper, uint32_t point, tune_trial_row *row,
                 xlstm_error *err) {
    char key[1024];
    size_t count;
    tune_keeper_trials(keeper, &count);
    *row = (tune_trial_row){
        .index = (int64_t)count, .duplicate_of = -1, .value = NAN, .spread = NAN, .started = xl_wall_s()};
    for (int i = 0; i < TUNE_METRIC_COUNT; i++) row->metric[i] = NAN;
    json_t *params = tune_space_point_json(problem->space, point);
    row->params = params ? json_dumps(params, JSON_COMPACT) : NULL;
    json_decref(params);
    row->key = strdup(tune_space_print(problem->space, point, key, sizeof key));
    if (row->params && row->key) return XLSTM_OK;
    tune_trial_row_clear(row);
    return xl_fail(err, XLSTM_ENOMEM, "trial: out of memory");
}

int tune_row_describe(const tune_problem *problem, int64_t candidate, tune_trial_row *row, xlstm_error *err) {
    tune_description about = {.kl = NAN, .ppl = NAN};
    if (!problem->describe) return XLSTM_OK;
    int status = problem->describe(problem->self, candidate, &about, err);
    if (status) return status;
    row->metric[TUNE_KL] = about.kl;
    row->metric[TUNE_PPL] = about.ppl;
    row->token_hash = about.token_hash[0] ? strdup(about.token_hash) : NULL;
    row->in_force = about.in_force ? json_dumps(about.in_force, JSON_COMPACT) : NULL;
    json_decref(about.in_force);
    return XLSTM_OK;
}

/* What disturbed it, as the study keeps it. */
static unsigned causes_of(unsigned reasons) {
    static const struct {
        unsigned reason, cause;
    } known[] = {{TUNE_STEAL, TUNE_CAUSE_STEAL},
                 {TUNE_SWITCHED, TUNE_CAUSE_SWITCHES},
                 {TUNE_NEIGHBOURS, TUNE_CAUSE_OTHERS},
                 {TUNE_CLOCK, TUNE_CAUSE_FREQUENCY},
                 {TUNE_HOT, TUNE_CAUSE_HEAT}};
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
    const double *part = s->reading.parts;
    tune_sample_row row = {.trial = trial,
                           .stage = stage,
                           .block = block,
                           .at = origin + s->start_s,
                           .prefill_s = part[TUNE_PART_PREFILL_S],
                           .decode_s = part[TUNE_PART_DECODE_S],
                           .energy_j = part[TUNE_PART_ENERGY_J],
                           .peak_mb = part[TUNE_PART_PEAK_MB],
                           .value = s->reading.cost,
                           .used = !s->warmup && !s->set_aside && !s->stopped};
    if (s->warmup) {
        snprintf(row.why, sizeof row.why, "warm-up");
        row.causes = TUNE_CAUSE_WARMUP;
    } else if (s->stopped) {
        snprintf(row.why, sizeof row.why, "stopped early");
        row.causes = TUNE_CAUSE_STOPPED;
    } else if (s->disturbance.reasons) {
        /* Set aside, or on a busy machine kept, marked. */
        char text[90];
        tune_disturbance_text(text, sizeof text, &s->disturbance);
        snprintf(row.why, sizeof row.why, "%.90s", text);
        row.causes = causes_of(s->disturbance.reasons);
    }
    return row;
}

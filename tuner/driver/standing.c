#include "tuner/driver/standing.h"

#include <math.h>

#include "base/error.h"

static int no_memory(xlstm_error *err) {
    return xl_fail(err, XLSTM_ENOMEM, "standing: out of memory");
}

/* Fills one side; where `parts` is NULL nothing was sampled. */
static int fill(const tune_target *problem, int64_t candidate, const double *parts, int samples, tune_side *out,
                xlstm_error *err) {
    out->samples = parts ? samples : 0;
    for (int i = 0; i < TUNE_METRICS; i++) out->metric[i] = NAN;
    if (parts) tune_target_metrics(problem, parts, out->metric);
    return tune_target_settings(problem, candidate, &out->settings) ? XLSTM_OK : no_memory(err);
}

int tune_standing_baseline(const tune_target *problem, tune_keeper *keeper, const double parts[TUNE_PARTS],
                           int samples, xlstm_error *err) {
    tune_outcome about;
    tune_side side = {0};
    tune_outcome_init(&about);
    if (problem->outcome && problem->outcome(problem->self, TUNE_BASELINE_TRIAL, &about, NULL))
        tune_outcome_init(&about);
    int status = fill(problem, TUNE_BASELINE_TRIAL, parts, samples, &side, err);
    for (int i = 0; i < problem->metrics->count; i++) {
        if (problem->metrics->at[i].of_point) side.metric[i] = about.metric[i];
    }
    if (!status) status = tune_keeper_baseline(keeper, &side, err);
    tune_named_clear(&about.in_force);
    tune_named_clear(&side.settings);
    return status;
}

int tune_standing_tell(const tune_target *problem, tune_keeper *keeper, const tune_standing_facts *facts,
                       xlstm_error *err) {
    const tune_final *final = facts->final;
    const bool fresh = final && final->processes > 0, stays = facts->winner == TUNE_BASELINE_TRIAL;
    const double *search = facts->entry->samples ? facts->entry->parts : NULL;
    tune_standing s = {.winner = facts->winner,
                       .final = final,
                       .fresh = fresh,
                       .verdict = facts->verdict,
                       .text = facts->text,
                       .challenger = facts->challenger,
                       .interaction = facts->interaction};
    int status = fresh ? fill(problem, facts->winner, stays ? final->baseline_parts : final->winner_parts,
                              final->processes, &s.best, err)
                       : fill(problem, facts->winner, search, facts->entry->samples, &s.best, err);
    if (!status)
        status = fill(problem, TUNE_BASELINE_TRIAL, fresh ? final->baseline_parts : NULL,
                      fresh ? final->processes : 0, &s.baseline, err);
    if (!status) status = tune_keeper_standing(keeper, &s, err);
    tune_named_clear(&s.best.settings);
    tune_named_clear(&s.baseline.settings);
    return status;
}

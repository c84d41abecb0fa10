#include "tuner/driver/standing.h"

#include <math.h>

#include "base/error.h"

static int no_memory(xlstm_error *err) {
    return xl_fail(err, XLSTM_ENOMEM, "standing: out of memory");
}

/* Fills one side; where `parts` is NULL nothing was sampled. */
static int fill(const tune_target *target, int64_t candidate, const double *parts, int samples, tune_side *out,
                xlstm_error *err) {
    out->samples = parts ? samples : 0;
    for (int i = 0; i < TUNE_METRICS; i++) out->metric[i] = NAN;
    if (parts) tune_target_metrics(target, parts, out->metric);
    return tune_target_settings(target, candidate, &out->settings) ? XLSTM_OK : no_memory(err);
}

int tune_standing_baseline(const tune_target *target, tune_keeper *keeper, const double parts[TUNE_PARTS],
                           int samples, xlstm_error *err) {
    tune_outcome about;
    tune_side side = {0};
    tune_outcome_init(&about);
    if (target->outcome && target->outcome(target->self, TUNE_BASELINE, &about, NULL)) tune_outcome_init(&about);
    int status = fill(target, TUNE_BASELINE, parts, samples, &side, err);
    for (int i = 0; i < target->metrics->count; i++) {
        if (target->metrics->at[i].of_point) side.metric[i] = about.metric[i];
    }
    if (!status) status = tune_keeper_baseline(keeper, &side, err);
    tune_named_clear(&about.in_force);
    tune_named_clear(&side.settings);
    return status;
}

int tune_standing_tell(const tune_target *target, tune_keeper *keeper, const tune_standing_facts *facts,
                       xlstm_error *err) {
    const tune_final *final = facts->final;
    const bool fresh = final && final->processes > 0, stays = facts->winner == TUNE_BASELINE;
    const double *search = facts->entry->samples ? facts->entry->parts : NULL;
    tune_standing s = {.winner = facts->winner,
                       .final = final,
                       .fresh = fresh,
                       .verdict = facts->verdict,
                       .text = facts->text,
                       .challenger = facts->challenger,
                       .interaction = facts->interaction};
    int status = fresh ? fill(target, facts->winner, stays ? final->baseline_parts : final->winner_parts,
                              final->processes, &s.best, err)
                       : fill(target, facts->winner, search, facts->entry->samples, &s.best, err);
    if (!status)
        status = fill(target, TUNE_BASELINE, fresh ? final->baseline_parts : NULL, fresh ? final->processes : 0,
                      &s.baseline, err);
    if (!status) status = tune_keeper_standing(keeper, &s, err);
    tune_named_clear(&s.best.settings);
    tune_named_clear(&s.baseline.settings);
    return status;
}

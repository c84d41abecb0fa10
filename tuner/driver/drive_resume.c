#include "tuner/driver/drive_resume.h"

#include "base/error.h"
#include "tuner/driver/drive_samples.h"
#include "tuner/driver/drive_trials.h"
#include "tuner/driver/row.h"

static int restore_race(drive *d, const tune_trial_row *t, uint32_t point, xlstm_error *err) {
    double parts[TUNE_PARTS];
    if (!t->ratios.count) return XLSTM_OK;
    tune_row_parts(d->target->metrics, t, parts);
    const double cost = tune_target_cost(d->target, d->options->objective[0], parts);
    return tune_race_restore(d->race, point, t->ratios.value, (int)t->ratios.count, cost, parts, err);
}

/* A resumed run is brought to where it was: the strategy is asked and told again as it was the first time. Where it
 * proposes another point (another version wrote the run) it is told the stored result all the same. */
typedef struct restoring {
    drive *d;
    bool differs;
} restoring;

static int restore_trial(void *ctx, const tune_trial_row *t, xlstm_error *err) {
    restoring *r = ctx;
    drive *d = r->d;
    double told[TUNE_TOLD_COUNT];
    uint32_t asked = TUNE_NO_POINT;
    int status = XLSTM_OK;
    if (t->point == TUNE_NO_POINT)
        return xl_fail(err, XLSTM_EMISMATCH, "%s: trial %lld is no point of the space: the run is of another space",
                       tune_keeper_name(d->keeper), (long long)t->index);
    /* A duplicate of a joined point was an ordinary proposal, though older versions marked it as joined too. */
    const bool joined = t->joined && t->duplicate_of < 0;
    /* A strategy that is resumed with a smaller limit than the number of stored trials is done before their end. */
    const bool ask = !joined && !r->differs && !tune_proposer_done(d->proposer);
    if (ask) status = tune_proposer_ask(d->proposer, &asked, err);
    if (status) return status;
    if (ask && asked != t->point) {
        r->differs = true;
        status = tune_proposer_exchange(d->proposer, asked, t->point, err);
        if (status) return status;
    }
    tune_drive_told_of(t, told);
    if (t->status == TUNE_TRIAL_OK) status = restore_race(d, t, t->point, err);
    double cost = t->status == TUNE_TRIAL_DUPLICATE ? 0 : t->seconds;
    if (!status && !joined) status = tune_proposer_tell(d->proposer, t->point, told, cost, err);
    if (!status) status = tune_drive_reserve(d, err);
    if (!status) tune_drive_count(d, t, t->point, true);
    return status;
}

int tune_drive_restore(drive *d, xlstm_error *err) {
    restoring r = {.d = d};
    const int status = tune_keeper_each(d->keeper, restore_trial, &r, err);
    if (!status && r.differs)
        tune_drive_note(d,
                        "the strategy would not propose the stored trials again: another version wrote this run");
    return status;
}

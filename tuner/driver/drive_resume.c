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

/* Brings a resumed run to where it was: the strategy is asked and told again as it was the first time. Where it
 * proposes another point (another version wrote the run) it is told the stored result all the same. */
int tune_drive_restore(drive *d, xlstm_error *err) {
    size_t count;
    const tune_trial_row *all = tune_keeper_trials(d->keeper, &count);
    bool differs = false;
    for (size_t i = 0; i < count; i++) {
        double told[TUNE_TOLD_COUNT];
        const uint32_t point = all[i].point;
        uint32_t asked = TUNE_NO_POINT;
        int status = XLSTM_OK;
        if (point == TUNE_NO_POINT)
            return xl_fail(err, XLSTM_EMISMATCH,
                           "%s: trial %zu is no point of the space: the run is of another space",
                           tune_keeper_name(d->keeper), i);
        /* A duplicate of a joined point was an ordinary proposal, though older versions marked it as joined
         * too. */
        const bool joined = all[i].joined && all[i].duplicate_of < 0;
        /* A strategy that is resumed with a smaller limit than the number of stored trials is done before their
         * end. */
        const bool ask = !joined && !differs && !tune_proposer_done(d->proposer);
        if (ask) status = tune_proposer_ask(d->proposer, &asked, err);
        if (status) return status;
        if (ask && asked != point) {
            differs = true;
            status = tune_proposer_exchange(d->proposer, asked, point, err);
            if (status) return status;
        }
        tune_drive_told_of(&all[i], told);
        if (all[i].status == TUNE_TRIAL_OK) status = restore_race(d, &all[i], point, err);
        double cost = all[i].status == TUNE_TRIAL_DUPLICATE ? 0 : all[i].seconds;
        if (!status && !joined) status = tune_proposer_tell(d->proposer, point, told, cost, err);
        if (status) return status;
        status = tune_drive_reserve(d, err);
        if (status) return status;
        tune_drive_count(d, &all[i], point, true);
    }
    if (differs)
        tune_drive_note(d,
                        "the strategy would not propose the stored trials again: another version wrote this run");
    return XLSTM_OK;
}

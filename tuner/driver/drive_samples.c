#include "tuner/driver/drive_samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tuner/driver/row.h"

/* Stopping a hopeless sample early saves nothing worth having where a whole sample is shorter than this, and on a
 * busy machine any short sample can look hopeless. */
#define STOP_FROM_S 5.0

double tune_drive_spent(const drive *d) {
    return tune_drive_now(d->options) - d->started;
}

int tune_drive_stop_level(const drive *d) {
    return d->options->stop ? d->options->stop(d->options->stop_ctx) : 0;
}

void tune_drive_note(const drive *d, const char *text) {
    if (d->watcher && d->watcher->note) d->watcher->note(d->watcher->ctx, text);
}

void tune_drive_progress(drive *d) {
    if (!d->watcher || !d->watcher->progress) return;
    const int64_t done = tune_keeper_next(d->keeper);
    double left = NAN;
    if (d->limit && d->trial_n) left = (d->limit - (double)done) * d->trial_s / d->trial_n;
    if (isfinite(d->options->budget_s)) {
        double bound = d->options->budget_s - tune_drive_spent(d);
        left = isnan(left) || left > bound ? fmax(0, bound) : left;
    }
    d->watcher->progress(d->watcher->ctx, d->stage, (int)done, d->limit, d->best, d->best_samples, left);
}

/* ---- points ---- */

int32_t tune_drive_trial_of(const drive *d, int64_t point) {
    return (size_t)point < d->points ? d->trials[point] : -1;
}

int tune_drive_reserve(drive *d, xlstm_error *err) {
    const size_t known = tune_space_known(d->target->space);
    if (known <= d->points) return XLSTM_OK;
    const size_t points = tune_space_counted(d->target->space) ? known : 2 * known;
    int32_t *more = realloc(d->trials, points * sizeof *more);
    if (!more) return xl_fail(err, XLSTM_ENOMEM, "search: out of memory for %zu points", points);
    memset(more + d->points, 0xff, (points - d->points) * sizeof *more);
    d->trials = more;
    d->points = points;
    return XLSTM_OK;
}

/* ---- samples ---- */

static tune_sample_row to_row(const drive *d, const tune_sample *s) {
    int64_t trial = s->candidate < 0 ? TUNE_BASELINE_TRIAL : tune_drive_trial_of(d, s->candidate);
    tune_sample_row row = tune_row_sample(s, trial, d->stage, d->block, d->started_wall);
    row.process = d->process;
    return row;
}

/* During the search samples are kept until their trial is stored; later they are stored at once. */
void tune_drive_on_sample(void *ctx, const tune_sample *s) {
    drive *d = ctx;
    tune_sample_row row = to_row(d, s);
    row.seq = d->seq++;
    if (s->candidate == TUNE_BASELINE && row.used) memcpy(d->last_parts, s->reading.parts, sizeof d->last_parts);
    if (strcmp(d->stage, "search") != 0) {
        int status = tune_keeper_samples(d->keeper, &row, 1, d->kept_status ? NULL : &d->kept);
        if (status && !d->kept_status) d->kept_status = status;
        tune_drive_progress(d);
        return;
    }
    if (d->taken_count == d->taken_room) {
        size_t room = d->taken_room ? 2 * d->taken_room : 64;
        tune_sample_row *grown = realloc(d->taken, room * sizeof *grown);
        if (!grown) {
            d->kept_status = xl_fail(&d->kept, XLSTM_ENOMEM, "samples: out of memory");
            return;
        }
        d->taken = grown;
        d->taken_room = room;
    }
    d->taken[d->taken_count++] = row;
    tune_drive_progress(d);
}

int tune_drive_measure_sample(void *ctx, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                              xlstm_error *err) {
    drive *d = ctx;
    if (tune_target_seconds(d->target, d->last_parts) < STOP_FROM_S) limit = INFINITY;
    return tune_meter_measure(&d->meter, candidate, repeats, limit, out, err);
}

double tune_drive_cost_ratio(const drive *d, int64_t trial, int objective) {
    double sum = 0, base = tune_target_cost(d->target, objective, d->last_parts);
    int n = 0, base_n = 1;
    for (size_t i = 0; i < d->taken_count; i++) {
        const tune_sample_row *p = &d->taken[i];
        double value = tune_target_cost(d->target, objective, p->parts);
        if (!p->used) continue;
        if (p->trial == trial) sum += value, n++;
        else if (p->trial == TUNE_BASELINE_TRIAL) base += value, base_n++;
    }
    return n ? sum / n / (base / base_n) : NAN;
}

double tune_drive_part_ratio(const drive *d, int64_t trial, int which) {
    const int metric = d->target->metrics->apart[which];
    return metric < 0 ? NAN : tune_drive_cost_ratio(d, trial, metric);
}

int tune_drive_kept_failure(const drive *d, xlstm_error *err) {
    if (d->kept_status && err) *err = d->kept;
    return d->kept_status;
}

#include "tuner/study/trial_samples.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* The place of the samples of a trial in `start`: the baseline comes first. SIZE_MAX: they are left out. */
static size_t place_of(int64_t trial, size_t trials) {
    if (trial == TUNE_BASELINE_TRIAL) return 0;
    return trial >= 0 && (uint64_t)trial < trials ? (size_t)trial + 1 : SIZE_MAX;
}

int tune_trial_samples_sort(tune_trial_samples *out, const tune_sample_row *rows, size_t count, size_t trials,
                            xlstm_error *err) {
    *out = (tune_trial_samples){.row = xl_array(count, sizeof *out->row), .trials = trials};
    /* One place more than is kept: while the rows are put in their places, start[i + 1] is where the next one of
     * the i-th belongs, so that in the end it is where those of the one behind begin. */
    out->start = trials < SIZE_MAX - 3 ? xl_array(trials + 3, sizeof *out->start) : NULL;
    if (!out->row || !out->start) return xl_fail(err, XLSTM_ENOMEM, "samples: out of memory");
    memset(out->start, 0, (trials + 3) * sizeof *out->start);
    for (size_t i = 0; i < count; i++) {
        const size_t place = place_of(rows[i].trial, trials);
        if (place != SIZE_MAX) out->start[place + 2]++;
    }
    for (size_t i = 2; i < trials + 3; i++) out->start[i] += out->start[i - 1];
    for (size_t i = 0; i < count; i++) {
        const size_t place = place_of(rows[i].trial, trials);
        if (place != SIZE_MAX) out->row[out->start[place + 1]++] = &rows[i];
    }
    return XLSTM_OK;
}

void tune_trial_samples_free(tune_trial_samples *all) {
    free(all->row);
    free(all->start);
    *all = (tune_trial_samples){0};
}

const tune_sample_row *const *tune_trial_samples_of(const tune_trial_samples *all, int64_t trial, size_t *count) {
    const size_t place = place_of(trial, all->trials);
    *count = place == SIZE_MAX ? 0 : all->start[place + 1] - all->start[place];
    return place == SIZE_MAX ? NULL : all->row + all->start[place];
}

#include "tuner/driver/drive_states.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "tuner/driver/drive_samples.h"
#include "tuner/measure/strata.h"

/* Tells the user once that the machine has states. */
static void tell_states(drive *d) {
    const tune_strata *strata = tune_race_strata(d->race);
    const int quantity = tune_strata_quantity(strata);
    char text[240], level[2][TUNE_QUANTITY_TEXT];
    if (d->told_states || quantity == TUNE_QUANTITIES) return;
    d->told_states = true;
    for (int state = 0; state < TUNE_STRATA_MOST; state++)
        tune_quantity_print(level[state], sizeof level[state], quantity, tune_strata_level(strata, state));
    snprintf(text, sizeof text,
             "this machine changes between two states (%s, %s): candidates are compared within one", level[0],
             level[1]);
    tune_drive_note(d, text);
}

static int keep_condition(const drive *d, const tune_condition *c, xlstm_error *err) {
    json_t *j = json_pack("{s:f}", "at", xl_wall_s());
    for (int q = 0; q < TUNE_QUANTITIES; q++) {
        if (j && isfinite(c->value[q])) json_object_set_new(j, tune_quantity_name(q), json_real(c->value[q]));
    }
    char *text = j ? json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(13)) : NULL;
    const int status = text ? tune_keeper_event(d->keeper, TUNE_CONDITION_EVENT, text, err)
                            : xl_fail(err, XLSTM_ENOMEM, "condition of the machine: out of memory");
    free(text);
    json_decref(j);
    return status;
}

void tune_drive_look(void *ctx, tune_condition *out) {
    drive *d = ctx;
    tune_condition_init(out);
    tell_states(d);
    if (!d->gauge && tune_gauge_create(&d->gauge, INT_MAX, NULL)) return;
    tune_gauge_take(d->gauge, out);
    if (!d->kept_status && d->keeper) d->kept_status = keep_condition(d, out, &d->kept);
}

#include "tuner/driver/fleet_kind.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void tune_fleet_note(const tune_fleet *f, const char *text) {
    const tune_watcher *w = f->options->watcher;
    if (w && w->note) w->note(w->ctx, text);
}

bool tune_fleet_stopped(const tune_fleet *f) {
    const tune_drive_options *o = f->options->drive;
    return o->stop && o->stop(o->stop_ctx);
}

void tune_fleet_nap(double seconds) {
    nanosleep(&(struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = (long)(1e9 * fmod(seconds, 1))}, NULL);
}

bool tune_fleet_is_there(const tune_fleet *f, const tune_node_row *node) {
    return !strcmp(node->state, TUNE_NODE_HERE) && node->silent < f->options->lease_s;
}

void tune_kind_free(tune_kind *k) {
    tune_proposer_destroy(k->proposer);
    tune_space_destroy(k->space);
    tune_named_clear(&k->baseline);
    free(k->trial_of);
    free(k->pending);
    free(k->name);
    free(k);
}

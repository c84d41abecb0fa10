#include "tuner/driver/fleet_kind.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "tuner/study/process_mark.h"

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

int tune_fleet_look_for_dead(tune_fleet *f, xlstm_error *err) {
    int status = XLSTM_OK;
    for (size_t i = 0; !status && i < f->node_count; i++) {
        tune_node_row *n = &f->nodes[i];
        if (!tune_fleet_is_there(f, n)) continue;
        json_t *about = json_loads(n->about, 0, NULL);
        int64_t run = 0;
        if (tune_process_is_gone(json_object_get(about, "process"))) {
            status = tune_study_fleet_run(f->study, n->fleet, n->kind, &run, err);
            if (!status) status = tune_study_node_gone(f->study, n->uid, run, err);
            n->silent = INFINITY;
        }
        json_decref(about);
    }
    return status;
}

int tune_kind_describe(tune_kind *k, const tune_target *here, const tune_node_row *node, xlstm_error *err) {
    json_t *about = json_loads(node->about, 0, NULL), *space = json_object_get(about, "space");
    json_t *own = tune_space_json(here->space);
    k->target = *here;
    int status = tune_named_from_json(&k->baseline, json_object_get(about, "baseline"), err);
    if (!status && (!json_equal(space, own) || !tune_named_same(&k->baseline, &here->baseline))) {
        status = tune_space_from_json(space, NULL, 0, &k->space, err);
        if (!status) status = tune_space_seal(k->space, err);
        k->target.space = k->space;
        k->target.baseline = k->baseline;
        k->target.settings = NULL;
        k->target.is_baseline = NULL;
        k->target.equal = NULL;
    }
    /* What only a node can say. */
    k->target.outcome = NULL;
    k->target.unchanged = NULL;
    json_decref(own);
    json_decref(about);
    return status;
}

static int no_memory(xlstm_error *err) {
    return xl_fail(err, XLSTM_ENOMEM, "fleet: out of memory");
}

int tune_kind_reserve(tune_kind *k, xlstm_error *err) {
    const size_t known = tune_space_known(k->target.space);
    if (known <= k->points) return XLSTM_OK;
    const size_t points = tune_space_counted(k->target.space) ? known : 2 * known;
    int64_t *more = realloc(k->trial_of, points * sizeof *more);
    if (!more) return no_memory(err);
    memset(more + k->points, 0xff, (points - k->points) * sizeof *more);
    k->trial_of = more;
    k->points = points;
    return XLSTM_OK;
}

int tune_kind_add_pending(tune_kind *k, int64_t number, uint32_t point, int64_t twin, xlstm_error *err) {
    if (k->pending_count == k->pending_room) {
        const size_t room = k->pending_room ? 2 * k->pending_room : 64;
        tune_pending *more = realloc(k->pending, room * sizeof *more);
        if (!more) return no_memory(err);
        k->pending = more;
        k->pending_room = room;
    }
    k->pending[k->pending_count++] = (tune_pending){number, point, twin};
    return XLSTM_OK;
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

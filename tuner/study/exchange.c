/* Copies runs to other studies. A merge is done completely or not at all. */
#include "tuner/study/exchange.h"

#include <stdlib.h>

#include "base/error.h"

/* ---- rows on their way ---- */

static int send_trials(tune_carrier *c, xlstm_error *err) {
    int status =
        c->study ? tune_study_put_trials(c->study, c->run, c->trials, c->trial_count, false, err) : XLSTM_OK;
    for (size_t i = 0; i < c->trial_count; i++) tune_trial_row_clear(&c->trials[i]);
    c->trial_count = 0;
    return status;
}

static int send_samples(tune_carrier *c, xlstm_error *err) {
    int status =
        c->study ? tune_study_put_samples(c->study, c->run, c->samples, c->sample_count, false, err) : XLSTM_OK;
    c->sample_count = 0;
    return status;
}

int tune_carry_trial(tune_carrier *c, tune_trial_row *row, xlstm_error *err) {
    c->trials[c->trial_count++] = *row;
    *row = (tune_trial_row){0};
    return c->trial_count < TUNE_TOGETHER ? XLSTM_OK : send_trials(c, err);
}

int tune_carry_sample(tune_carrier *c, const tune_sample_row *row, xlstm_error *err) {
    c->samples[c->sample_count++] = *row;
    return c->sample_count < TUNE_TOGETHER ? XLSTM_OK : send_samples(c, err);
}

int tune_carry_rest(tune_carrier *c, xlstm_error *err) {
    int status = c->trial_count ? send_trials(c, err) : XLSTM_OK;
    return status || !c->sample_count ? status : send_samples(c, err);
}

void tune_carrier_clear(tune_carrier *c) {
    for (size_t i = 0; i < c->trial_count; i++) tune_trial_row_clear(&c->trials[i]);
    c->trial_count = c->sample_count = 0;
}

int tune_study_have(tune_study *s, const char *uid, int64_t *run, xlstm_error *err) {
    tune_rows *q;
    *run = 0;
    int status = tune_study_query(s, &q, "looking for a run", err, "SELECT id FROM run WHERE uid = $1", "s", uid);
    if (status) return status;
    if (tune_rows_next(s, q, &status, err)) *run = s->db->class->integer(q, 0);
    tune_rows_end(s, q);
    return status;
}

/* ---- merging ---- */

/* A study whose runs are copied into another. */
typedef struct merging {
    tune_study *from;
    size_t added;
    int64_t *made; /* numbers of the runs that were put, also by a transaction whose end is not known */
    size_t made_count;
    tune_carrier carrier;
} merging;

static int carry_trial(void *ctx, tune_trial_row *row, xlstm_error *err) {
    return tune_carry_trial(ctx, row, err);
}

static int carry_sample(void *ctx, const tune_sample_row *row, xlstm_error *err) {
    return tune_carry_sample(ctx, row, err);
}

static int carry_event(void *ctx, tune_event_row *row, xlstm_error *err) {
    const tune_carrier *c = ctx;
    return tune_study_put_event(c->study, c->run, row->at, row->kind, row->text, err);
}

/* Whether a run was put by this merge. A server gives no number twice. */
static bool is_ours(const merging *m, int64_t run) {
    for (size_t i = 0; i < m->made_count; i++) {
        if (m->made[i] == run) return true;
    }
    return false;
}

static int put_run(tune_study *s, merging *m, tune_run_row *run, xlstm_error *err) {
    int64_t *more = realloc(m->made, (m->made_count + 1) * sizeof *more);
    if (!more) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", s->path);
    m->made = more;
    const int status = tune_study_put_run(s, run, err);
    if (!status) m->made[m->made_count++] = run->id;
    return status;
}

static int merge_run(tune_study *s, merging *m, tune_run_row *run, xlstm_error *err) {
    tune_carrier *c = &m->carrier;
    const int64_t there = run->id;
    int status = put_run(s, m, run, err);
    c->study = s;
    c->run = run->id;
    if (!status) status = tune_study_trials_each(m->from, there, carry_trial, c, err);
    if (!status) status = tune_carry_rest(c, err);
    if (!status) status = tune_study_samples_each(m->from, there, carry_sample, c, err);
    if (!status) status = tune_carry_rest(c, err);
    if (!status) status = tune_study_events_each(m->from, there, carry_event, c, err);
    tune_carrier_clear(c);
    return status;
}

static int merge_runs(tune_study *s, void *ctx, bool again, xlstm_error *err) {
    merging *m = ctx;
    tune_run_row *runs = NULL;
    size_t count = 0;
    m->added = 0;
    int status = tune_study_runs(m->from, &runs, &count, err);
    for (size_t i = 0; !status && i < count; i++) {
        int64_t found;
        status = tune_study_have(s, runs[i].uid, &found, err);
        if (!status && !found) status = merge_run(s, m, &runs[i], err);
        /* Where the answer was lost the transaction before may have been committed. */
        m->added += !found || (again && is_ours(m, found));
    }
    tune_run_rows_free(runs, count);
    return status;
}

int tune_study_merge(tune_study *study, const char *from, size_t *added, xlstm_error *err) {
    *added = 0;
    merging *m = calloc(1, sizeof *m);
    if (!m) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", study->path);
    int status = tune_study_open_reading(&m->from, from, err);
    if (!status) status = tune_study_transaction(study, merge_runs, m, err);
    if (!status) *added = m->added;
    tune_study_close(m->from);
    free(m->made);
    free(m);
    return status;
}

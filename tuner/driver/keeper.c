#include "tuner/driver/keeper.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/intern.h"
#include "base/memory.h"
#include "tuner/driver/row.h"

/* Trials that are read from the study at once. Each reading of samples looks at all samples of the baseline. */
enum { WINDOW = 2048 };

struct tune_keeper {
    char *name;
    tune_study *study;
    const tune_run_row *run;
    tune_keeper_files files;
    bool has_files;
    tune_trial_mark *marks; /* [count]; of xl_stretch, as are the rows */
    size_t count, room;
    bool whole;           /* whether the rows are in memory too */
    tune_trial_row *rows; /* [count], each as share leaves it */
    size_t rows_room;
    xl_intern texts; /* which many of the rows have in common */
};

static int no_memory(xlstm_error *err) {
    return xl_fail(err, XLSTM_ENOMEM, "trials: out of memory");
}

/* A search has many trials, and most of them have the same names, settings in force and tokens. Has a row of the
 * list use the keeper's copies of these instead of its own. After a failure tune_trial_row_clear frees it, else
 * clear. */
static int share(tune_keeper *k, tune_trial_row *row, xlstm_error *err) {
    const char *token_hash = row->token_hash ? xl_intern_text(&k->texts, row->token_hash) : NULL;
    const char *in_force = row->in_force ? xl_intern_text(&k->texts, row->in_force) : NULL;
    if ((row->token_hash && !token_hash) || (row->in_force && !in_force) ||
        !tune_named_share(&row->params, &k->texts))
        return no_memory(err);
    free(row->token_hash);
    free(row->in_force);
    row->token_hash = (char *)(uintptr_t)token_hash;
    row->in_force = (char *)(uintptr_t)in_force;
    return XLSTM_OK;
}

/* Frees what a row that went through share owns. */
static void clear(tune_trial_row *row) {
    row->token_hash = row->in_force = NULL;
    tune_trial_row_clear(row);
}

/* Copies a trial, as a row of the list. */
static int copy_row(tune_keeper *k, tune_trial_row *to, const tune_trial_row *from, xlstm_error *err) {
    if (!tune_trial_row_copy(to, from)) return no_memory(err);
    int status = share(k, to, err);
    if (status) tune_trial_row_clear(to);
    return status;
}

static tune_trial_mark mark_of(const tune_trial_row *row) {
    return (tune_trial_mark){.value = row->value,
                             .spread = row->spread,
                             .point = row->point,
                             .duplicate_of = (int32_t)row->duplicate_of,
                             .samples = (int32_t)row->samples,
                             .status = (uint8_t)row->status,
                             .time_up = tune_row_time_up(row)};
}

/* Makes room for one more trial. */
static int reserve(tune_keeper *k, xlstm_error *err) {
    if (k->count == INT32_MAX) return xl_fail(err, XLSTM_EARG, "%s: too many trials", k->name);
    if (k->count == k->room) {
        const size_t room = k->room ? 2 * k->room : 64;
        tune_trial_mark *more = xl_stretch(k->marks, k->room * sizeof *more, room * sizeof *more);
        if (!more) return no_memory(err);
        k->marks = more;
        k->room = room;
    }
    if (k->whole && k->count == k->rows_room) {
        const size_t room = k->rows_room ? 2 * k->rows_room : 64;
        tune_trial_row *more = xl_stretch(k->rows, k->rows_room * sizeof *more, room * sizeof *more);
        if (!more) return no_memory(err);
        k->rows = more;
        k->rows_room = room;
    }
    return XLSTM_OK;
}

/* Takes a stored trial into the list, up to the first that is missing: the nodes of a fleet do not finish trials in
 * their order. */
static int visit_stored(void *ctx, tune_trial_row *row, xlstm_error *err) {
    tune_keeper *k = ctx;
    if (row->index != (int64_t)k->count) return XLSTM_OK;
    const int status = reserve(k, err);
    if (!status) k->marks[k->count++] = mark_of(row);
    return status;
}

int tune_keeper_open(tune_keeper **out, tune_study *study, const tune_run_row *run, const char *name,
                     const tune_keeper_files *files, xlstm_error *err) {
    tune_keeper *k = calloc(1, sizeof *k);
    if (!k || !(k->name = strdup(name))) {
        free(k);
        return no_memory(err);
    }
    k->study = study;
    k->run = run;
    k->has_files = files;
    if (files) k->files = *files;
    int status = tune_study_trials_each(study, run->id, visit_stored, k, err);
    if (status) tune_keeper_close(k);
    else *out = k;
    return status;
}

void tune_keeper_close(tune_keeper *keeper) {
    if (!keeper) return;
    for (size_t i = 0; keeper->whole && i < keeper->count; i++) clear(&keeper->rows[i]);
    xl_stretch_free(keeper->rows, keeper->rows_room * sizeof *keeper->rows);
    xl_stretch_free(keeper->marks, keeper->room * sizeof *keeper->marks);
    xl_intern_clear(&keeper->texts);
    free(keeper->name);
    free(keeper);
}

const char *tune_keeper_name(const tune_keeper *keeper) {
    return keeper->name;
}

tune_study *tune_keeper_study(const tune_keeper *keeper) {
    return keeper->study;
}

const tune_run_row *tune_keeper_run(const tune_keeper *keeper) {
    return keeper->run;
}

const tune_trial_mark *tune_keeper_marks(const tune_keeper *keeper, size_t *count) {
    *count = keeper->count;
    return keeper->marks;
}

tune_trial_counts tune_keeper_count(const tune_keeper *keeper) {
    tune_trial_counts c = {.trials = keeper->count};
    for (size_t i = 0; i < keeper->count; i++) {
        const uint8_t status = keeper->marks[i].status;
        c.measured += status == TUNE_TRIAL_OK;
        c.duplicates += status == TUNE_TRIAL_DUPLICATE;
        c.failed += status != TUNE_TRIAL_OK && status != TUNE_TRIAL_DUPLICATE;
    }
    return c;
}

/* ---- reading ---- */

/* Reads `count` trials from `first` on, with their points as far as they are known; freed by tune_trial_rows_free.
 */
static int read_rows(const tune_keeper *k, size_t first, size_t count, tune_trial_row **rows, xlstm_error *err) {
    size_t found = 0, good = 0;
    *rows = NULL;
    int status = tune_study_trials_between(k->study, k->run->id, (int64_t)first, (int64_t)(first + count) - 1, rows,
                                           &found, err);
    if (status) return status;
    for (; good < found && (*rows)[good].index == (int64_t)(first + good); good++)
        (*rows)[good].point = k->marks[first + good].point;
    if (good == count) return XLSTM_OK;
    status = xl_fail(err, XLSTM_ECHANGED, "%s: the study lost trial %zu", k->name, first + good);
    tune_trial_rows_free(*rows, found);
    *rows = NULL;
    return status;
}

int tune_keeper_read(const tune_keeper *keeper, int64_t index, tune_trial_row *row, xlstm_error *err) {
    tune_trial_row *rows;
    if (index < 0 || (size_t)index >= keeper->count)
        return xl_fail(err, XLSTM_EINTERNAL, "no trial %lld to read", (long long)index);
    if (keeper->whole) return tune_trial_row_copy(row, &keeper->rows[index]) ? XLSTM_OK : no_memory(err);
    const int status = read_rows(keeper, (size_t)index, 1, &rows, err);
    if (status) return status;
    *row = rows[0];
    free(rows);
    return XLSTM_OK;
}

static size_t window_at(const tune_keeper *k, size_t first) {
    return k->count - first < WINDOW ? k->count - first : WINDOW;
}

int tune_keeper_each(const tune_keeper *keeper, tune_keeper_visit visit, void *ctx, xlstm_error *err) {
    int status = XLSTM_OK;
    for (size_t first = 0; !status && first < keeper->count; first += WINDOW) {
        tune_trial_row *rows;
        const size_t count = window_at(keeper, first);
        status = read_rows(keeper, first, count, &rows, err);
        for (size_t i = 0; !status && i < count; i++) status = visit(ctx, &rows[i], err);
        tune_trial_rows_free(rows, count);
    }
    return status;
}

typedef struct filling {
    tune_keeper *keeper;
    size_t count;
} filling;

static int fill_in(void *ctx, const tune_trial_row *row, xlstm_error *err) {
    filling *f = ctx;
    const int status = copy_row(f->keeper, &f->keeper->rows[f->count], row, err);
    f->count += !status;
    return status;
}

int tune_keeper_rows(tune_keeper *keeper, const tune_trial_row **rows, size_t *count, xlstm_error *err) {
    if (!keeper->whole && keeper->count) {
        filling f = {.keeper = keeper};
        keeper->rows = xl_stretch(NULL, 0, keeper->count * sizeof *keeper->rows);
        if (!keeper->rows) return no_memory(err);
        keeper->rows_room = keeper->count;
        const int status = tune_keeper_each(keeper, fill_in, &f, err);
        for (size_t i = 0; status && i < f.count; i++) clear(&keeper->rows[i]);
        if (status) xl_stretch_free(keeper->rows, keeper->rows_room * sizeof *keeper->rows);
        if (status) keeper->rows = NULL;
        if (status) keeper->rows_room = 0;
        if (status) return status;
    }
    keeper->whole = true;
    *rows = keeper->rows;
    *count = keeper->count;
    return XLSTM_OK;
}

/* ---- trials ---- */

int64_t tune_keeper_next(const tune_keeper *keeper) {
    return (int64_t)keeper->count;
}

static int tell(const tune_keeper *k, const tune_trial_row *trial, const tune_named_list *settings,
                const tune_sample_row *samples, size_t count, xlstm_error *err) {
    return k->has_files ? k->files.trial(k->files.ctx, trial, settings, samples, count, err) : XLSTM_OK;
}

/* Puts a trial that is in the study, or will be, at the end of the list; it counts once `count` is raised. */
static int append(tune_keeper *k, const tune_trial_row *trial, xlstm_error *err) {
    int status = reserve(k, err);
    if (!status && k->whole) status = copy_row(k, &k->rows[k->count], trial, err);
    if (!status) k->marks[k->count] = mark_of(trial);
    return status;
}

int tune_keeper_add(tune_keeper *keeper, const tune_trial_row *trial, const tune_named_list *settings,
                    const tune_sample_row *samples, size_t count, xlstm_error *err) {
    int status = append(keeper, trial, err);
    if (status) return status;
    status = tune_study_trial_add(keeper->study, keeper->run->id, trial, samples, count, err);
    if (status) {
        if (keeper->whole) clear(&keeper->rows[keeper->count]);
        return status;
    }
    keeper->count++;
    return tell(keeper, trial, settings, samples, count, err);
}

int tune_keeper_change(tune_keeper *keeper, const tune_trial_row *trial, xlstm_error *err) {
    tune_trial_row copy;
    const int64_t index = trial->index;
    if (index < 0 || (size_t)index >= keeper->count)
        return xl_fail(err, XLSTM_EINTERNAL, "no trial %lld to change", (long long)index);
    if (keeper->whole) {
        int status = copy_row(keeper, &copy, trial, err);
        if (status) return status;
        clear(&keeper->rows[index]); /* this may be `trial` */
        keeper->rows[index] = copy;
        trial = &keeper->rows[index];
    }
    keeper->marks[index] = mark_of(trial);
    return tune_study_trial_update(keeper->study, keeper->run->id, trial, NULL, 0, err);
}

int tune_keeper_samples(tune_keeper *keeper, const tune_sample_row *samples, size_t count, xlstm_error *err) {
    return count ? tune_study_samples_add(keeper->study, keeper->run->id, samples, count, err) : XLSTM_OK;
}

int tune_keeper_event(tune_keeper *keeper, const char *kind, const char *text, xlstm_error *err) {
    return tune_study_event_add(keeper->study, keeper->run->id, kind, text, err);
}

/* ---- files ---- */

/* Returns all settings of a trial; where it is not a point of the space only its own params. */
static bool settings_of(const tune_target *target, const tune_trial_row *trial, tune_named_list *out) {
    return trial->point == TUNE_NO_POINT ? tune_named_copy(out, trial->params.item, trial->params.count)
                                         : tune_target_settings(target, trial->point, out);
}

int tune_keeper_adopt(tune_keeper *keeper, const tune_target *target, const tune_trial_row *trial,
                      xlstm_error *err) {
    tune_sample_row *samples = NULL;
    tune_named_list settings = {0};
    size_t count = 0;
    if (trial->index != tune_keeper_next(keeper))
        return xl_fail(err, XLSTM_EINTERNAL, "trial %lld is not the next one", (long long)trial->index);
    int status = append(keeper, trial, err);
    if (!status) keeper->count++;
    if (!status && keeper->has_files)
        status = tune_study_samples_of(keeper->study, keeper->run->id, trial->index, &samples, &count, err);
    if (!status && !settings_of(target, trial, &settings)) status = no_memory(err);
    if (!status) status = tell(keeper, trial, &settings, samples, count, err);
    tune_named_clear(&settings);
    free(samples);
    return status;
}

/* The samples of trials that follow each other: those of the i-th are row[start[i]] to row[start[i + 1] - 1]. */
typedef struct window {
    tune_sample_row *row;
    size_t *start; /* [WINDOW + 1], and behind it [WINDOW] for sorting: too much for a small stack */
} window;

/* The place in the window of the trial that a sample is passed on with: the search's own, and the baseline's taken
 * beside it. -1: none. */
static int64_t place_of(const tune_sample_row *s, int64_t first, int64_t count) {
    const int64_t trial = s->trial == TUNE_BASELINE_TRIAL ? s->block : s->trial;
    return strcmp(s->stage, "search") == 0 && trial >= first && trial < first + count ? trial - first : -1;
}

/* Reads the samples of `count` trials, and sorts them by trial, in each as they were taken. */
static int read_window(const tune_keeper *k, int64_t first, int64_t count, window *w, xlstm_error *err) {
    tune_sample_row *read = NULL;
    size_t samples = 0, *at;
    *w = (window){.start = calloc(2 * WINDOW + 1, sizeof *w->start)};
    if (!w->start) return no_memory(err);
    at = w->start + WINDOW + 1;
    int status = tune_study_samples_between(k->study, k->run->id, first, first + count - 1, &read, &samples, err);
    if (!status && !(w->row = xl_array(samples, sizeof *read))) status = no_memory(err);
    for (size_t i = 0; !status && i < samples; i++) {
        const int64_t place = place_of(&read[i], first, count);
        if (place >= 0) w->start[place + 1]++;
    }
    for (int64_t i = 0; i < count; i++) {
        w->start[i + 1] += w->start[i];
        at[i] = w->start[i];
    }
    for (size_t i = 0; !status && i < samples; i++) {
        const int64_t place = place_of(&read[i], first, count);
        if (place >= 0) w->row[at[place]++] = read[i];
    }
    free(read);
    return status;
}

/* Passes the trials of a window on to the files, and finds their points. */
static int tell_window(tune_keeper *k, const tune_target *target, size_t first, xlstm_error *err) {
    const size_t count = window_at(k, first);
    window w = {0};
    tune_trial_row *rows;
    int status = read_rows(k, first, count, &rows, err);
    if (!status && k->has_files) status = read_window(k, (int64_t)first, (int64_t)count, &w, err);
    for (size_t i = 0; !status && i < count; i++) {
        tune_named_list settings = {0};
        if (rows[i].point == TUNE_NO_POINT) rows[i].point = tune_named_point(&rows[i].params, target->space);
        k->marks[first + i].point = rows[i].point;
        if (k->whole) k->rows[first + i].point = rows[i].point;
        if (!k->has_files) continue;
        status = settings_of(target, &rows[i], &settings) ? XLSTM_OK : no_memory(err);
        if (!status) status = tell(k, &rows[i], &settings, w.row + w.start[i], w.start[i + 1] - w.start[i], err);
        tune_named_clear(&settings);
    }
    tune_trial_rows_free(rows, count);
    free(w.row);
    free(w.start);
    return status;
}

int tune_keeper_rebuild(tune_keeper *keeper, const tune_target *target, xlstm_error *err) {
    tune_named_list settings = {0};
    int status = tune_target_settings(target, TUNE_BASELINE, &settings) ? XLSTM_OK : no_memory(err);
    if (!status && keeper->has_files)
        status = keeper->files.begin(keeper->files.ctx, target->space, &settings, err);
    tune_named_clear(&settings);
    for (size_t first = 0; !status && first < keeper->count; first += WINDOW)
        status = tell_window(keeper, target, first, err);
    if (!status && keeper->has_files) status = keeper->files.ready(keeper->files.ctx, err);
    return status;
}

int tune_keeper_baseline(tune_keeper *keeper, const tune_side *baseline, xlstm_error *err) {
    return keeper->has_files ? keeper->files.baseline(keeper->files.ctx, baseline, err) : XLSTM_OK;
}

int tune_keeper_standing(tune_keeper *keeper, const tune_standing *standing, xlstm_error *err) {
    return keeper->has_files ? keeper->files.standing(keeper->files.ctx, standing, err) : XLSTM_OK;
}

int tune_keeper_front(tune_keeper *keeper, const int *objective, int objectives, xlstm_error *err) {
    return keeper->has_files ? keeper->files.front(keeper->files.ctx, objective, objectives, err) : XLSTM_OK;
}

int tune_keeper_ended(tune_keeper *keeper, bool *ended, tune_drive_result *result, xlstm_error *err) {
    *ended = false;
    return keeper->has_files ? keeper->files.ended(keeper->files.ctx, ended, result, err) : XLSTM_OK;
}

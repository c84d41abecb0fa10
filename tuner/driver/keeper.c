#include "tuner/driver/keeper.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/intern.h"
#include "base/memory.h"

/* Trials whose samples are read from the study at once. Each reading looks at all samples of the baseline. */
enum { WINDOW = 2048 };

struct tune_keeper {
    char *name;
    tune_study *study;
    const tune_run_row *run;
    tune_keeper_files files;
    bool has_files;
    tune_trial_row *trials; /* [count], each as share leaves it; of xl_stretch */
    size_t count, room;
    xl_intern texts; /* which many of the trials have in common */
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

/* Makes room for so many trials. */
static int reserve(tune_keeper *k, size_t room, xlstm_error *err) {
    if (room <= k->room) return XLSTM_OK;
    tune_trial_row *more = xl_stretch(k->trials, k->room * sizeof *more, room * sizeof *more);
    if (!more) return no_memory(err);
    k->trials = more;
    k->room = room;
    return XLSTM_OK;
}

/* Fills the list with the trials of the study, up to the first that is missing: the nodes of a fleet do not finish
 * trials in their order. */
static int read_trials(tune_keeper *k, xlstm_error *err) {
    size_t count = 0;
    tune_trial_row *all = NULL;
    int status = tune_study_trials(k->study, k->run->id, &all, &count, err);
    if (!status) status = reserve(k, count, err);
    while (!status && k->count < count && all[k->count].index == (int64_t)k->count) {
        status = share(k, &all[k->count], err);
        if (status) break;
        k->trials[k->count] = all[k->count];
        k->count++;
    }
    for (size_t i = k->count; all && i < count; i++) tune_trial_row_clear(&all[i]);
    free(all);
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
    int status = read_trials(k, err);
    if (status) tune_keeper_close(k);
    else *out = k;
    return status;
}

void tune_keeper_close(tune_keeper *keeper) {
    if (!keeper) return;
    for (size_t i = 0; i < keeper->count; i++) clear(&keeper->trials[i]);
    xl_stretch_free(keeper->trials, keeper->room * sizeof *keeper->trials);
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

const tune_trial_row *tune_keeper_trials(const tune_keeper *keeper, size_t *count) {
    *count = keeper->count;
    return keeper->trials;
}

/* ---- trials ---- */

int64_t tune_keeper_next(const tune_keeper *keeper) {
    return (int64_t)keeper->count;
}

static int tell(const tune_keeper *k, const tune_trial_row *trial, const tune_named_list *settings,
                const tune_sample_row *samples, size_t count, xlstm_error *err) {
    return k->has_files ? k->files.trial(k->files.ctx, trial, settings, samples, count, err) : XLSTM_OK;
}

/* Makes room for a copy of a trial at the end of the list. */
static int append(tune_keeper *keeper, const tune_trial_row *trial, xlstm_error *err) {
    int status = XLSTM_OK;
    if (keeper->count == keeper->room) status = reserve(keeper, keeper->room ? 2 * keeper->room : 64, err);
    return status ? status : copy_row(keeper, &keeper->trials[keeper->count], trial, err);
}

int tune_keeper_add(tune_keeper *keeper, const tune_trial_row *trial, const tune_named_list *settings,
                    const tune_sample_row *samples, size_t count, xlstm_error *err) {
    int status = append(keeper, trial, err);
    if (status) return status;
    status = tune_study_trial_add(keeper->study, keeper->run->id, trial, samples, count, err);
    if (status) {
        clear(&keeper->trials[keeper->count]);
        return status;
    }
    keeper->count++;
    return tell(keeper, trial, settings, samples, count, err);
}

int tune_keeper_change(tune_keeper *keeper, const tune_trial_row *trial, xlstm_error *err) {
    tune_trial_row copy;
    if (trial->index < 0 || (size_t)trial->index >= keeper->count)
        return xl_fail(err, XLSTM_EINTERNAL, "no trial %lld to change", (long long)trial->index);
    int status = copy_row(keeper, &copy, trial, err);
    if (status) return status;
    clear(&keeper->trials[copy.index]); /* this may be `trial` */
    keeper->trials[copy.index] = copy;
    return tune_study_trial_update(keeper->study, keeper->run->id, &copy, NULL, 0, err);
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
    size_t start[WINDOW + 1];
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
    size_t samples = 0, at[WINDOW] = {0};
    *w = (window){0};
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

/* Passes the trials from `first` on to the files, as many as a window has. */
static int tell_window(tune_keeper *k, const tune_target *target, size_t first, xlstm_error *err) {
    const size_t left = k->count - first, count = left < WINDOW ? left : WINDOW;
    window w = {0};
    int status = k->has_files ? read_window(k, (int64_t)first, (int64_t)count, &w, err) : XLSTM_OK;
    for (size_t i = 0; !status && i < count; i++) {
        tune_trial_row *trial = &k->trials[first + i];
        tune_named_list settings = {0};
        if (trial->point == TUNE_NO_POINT) trial->point = tune_named_point(&trial->params, target->space);
        if (!k->has_files) continue;
        status = settings_of(target, trial, &settings) ? XLSTM_OK : no_memory(err);
        if (!status) status = tell(k, trial, &settings, w.row + w.start[i], w.start[i + 1] - w.start[i], err);
        tune_named_clear(&settings);
    }
    free(w.row);
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

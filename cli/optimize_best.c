/* xltune optimize: the curated snapshots of the best settings. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"
#include "cli/optimize.h"
#include "cli/signals.h"
#include "tuner/run/snapshot.h"
#include "tuner/target/fresh.h"

json_t *cli_best_elsewhere(const cli_job *job, const tune_run_row *run) {
    char *path = xl_format("%s/%s_latest.json", cli_str(job->cfg, "best_dir"), run->backend);
    json_t *snapshot = path && cli_bool(job->cfg, "best") ? tune_snapshot_read(path) : NULL, *params = NULL;
    const char *machine = json_string_value(json_object_get(json_object_get(snapshot, "fingerprint"), "machine"));
    if (machine && strcmp(machine, run->machine) != 0 &&
        tune_snapshot_fits(snapshot, machine, &run->identity, &run->workload)) {
        cli_notice(
            "%s was measured on another machine (%.8s, this one is %.8s): its settings are not in force, they "
            "are tried first and measured again",
            path, machine, run->machine);
        params = json_incref(json_object_get(snapshot, "params"));
    }
    json_decref(snapshot);
    free(path);
    return params;
}

/* Returns the snapshot that the winner is compared with; NULL where there is none for this machine, checkpoint and
 * workload. */
static json_t *rival(const char *path, const tune_run_row *run) {
    json_t *j = tune_snapshot_read(path);
    if (j && tune_snapshot_fits(j, run->machine, &run->identity, &run->workload)) return j;
    json_decref(j);
    return NULL;
}

typedef struct duel {
    const tune_target *target;
    const tune_named_list *snapshot; /* every setting */
    int64_t winner;
} duel;

static void ignore_sample(void *ctx, const tune_sample *sample) {
    (void)ctx;
    (void)sample;
}

static int run_process(void *ctx, const tune_block_plan *plan, tune_block_result *out, xlstm_error *err) {
    const duel *d = ctx;
    if (cli_signals_stop()) return xl_fail(err, XLSTM_ECANCELLED, "stopped");
    return tune_fresh_run(d->target, d->snapshot, d->winner, plan, ignore_sample, NULL, out, err);
}

/* Whether the winner beats the snapshot's settings in fresh processes. */
static int beats(duel *d, const tune_drive_options *options, const tune_final *before, tune_final *out,
                 xlstm_error *err) {
    tune_final_options o;
    tune_final_options_init(&o, options->effort);
    /* As long as the comparison with the baseline took, at most, and inside what is left of a budget. */
    o.budget_s = fmin(fmax(5, before->seconds), options->budget_s);
    o.blocks = before->processes > 0 ? (before->blocks + before->processes - 1) / before->processes : 1;
    o.seed = options->seed ^ 0x736e6170u;
    *out = (tune_final){.verdict = TUNE_VERDICT_UNMEASURED};
    /* What is optimized need not be a time. */
    const double sample = tune_target_seconds(d->target, before->baseline_parts);
    if (!tune_fresh_possible(d->target) || (sample > 0 && !tune_final_fit(&o, sample))) return XLSTM_OK;
    return tune_final_run(&o, run_process, d, out, err);
}

/* The baseline's settings with those that a snapshot has instead. */
static int settings_of(const tune_target *target, const json_t *params, tune_named_list *out, xlstm_error *err) {
    if (!tune_target_settings(target, TUNE_BASELINE, out)) return xl_fail(err, XLSTM_ENOMEM, "best: out of memory");
    for (size_t i = 0; i < out->count; i++) {
        const json_t *value = json_object_get(params, out->item[i].name);
        if (value && !tune_value_from_json(value, &out->item[i].value))
            return xl_fail(err, XLSTM_EFORMAT, "%s: found neither a number nor a name", out->item[i].name);
    }
    return XLSTM_OK;
}

/* Whether two lists of settings agree; "backend" is another word for the scheduler and follows from it. */
static bool same_settings(const tune_named_list *a, const tune_named_list *b) {
    bool same = true;
    for (size_t i = 0; i < a->count; i++) {
        const tune_value *other = tune_named_find(b, a->item[i].name);
        same &= !strcmp(a->item[i].name, "backend") || (other && tune_value_same(a->item[i].value, *other));
    }
    return same;
}

/* Says in *text why the winner does not take the snapshot's place, where they were compared and it does not. */
static int decide(duel *d, const char *latest, const tune_drive_options *options, const tune_drive_result *result,
                  bool *write, char **text, xlstm_error *err) {
    char words[512];
    xlstm_error why = {0};
    tune_final *f = malloc(sizeof *f);
    if (!f) return xl_fail(err, XLSTM_ENOMEM, "best: out of memory");
    int status = beats(d, options, &result->final, f, &why);
    if (tune_final_unusable(status)) {
        *text = xl_format("%s stays; it cannot be compared with the winner: %.300s", latest, why.text);
        *write = false;
        status = XLSTM_OK;
    } else if (status && err) {
        *err = why;
    } else if (!status && f->verdict != TUNE_VERDICT_BETTER) {
        tune_final_text(words, sizeof words, f);
        *text = xl_format("%s stays; against it: %s", latest, words);
        *write = false;
    }
    free(f);
    return status;
}

/* Whether the winner takes the place of a snapshot; *text says why not. */
static int replaces(const cli_job *job, const json_t *other, const char *latest, const tune_drive_options *options,
                    const tune_drive_result *result, bool *write, char **text, xlstm_error *err) {
    tune_named_list snapshot = {0}, winner = {0}, baseline = {0};
    duel d = {&job->target, &snapshot, result->winner};
    int status = settings_of(&job->target, json_object_get(other, "params"), &snapshot, err);
    *write = true;
    if (!status && (!tune_target_settings(&job->target, result->winner, &winner) ||
                    !tune_target_settings(&job->target, TUNE_BASELINE, &baseline)))
        status = xl_fail(err, XLSTM_ENOMEM, "best: out of memory");
    if (!status && same_settings(&snapshot, &winner)) {
        *text = xl_format("%s has these settings already", latest);
        *write = false;
    } else if (!status && !same_settings(&snapshot, &baseline)) {
        status = decide(&d, latest, options, result, write, text, err);
    }
    tune_named_clear(&snapshot);
    tune_named_clear(&winner);
    tune_named_clear(&baseline);
    return status;
}

int cli_best_write(const cli_job *job, const tune_run *kept, const tune_drive_options *options,
                   const tune_drive_result *result, char **text, xlstm_error *err) {
    const tune_run_row *run = tune_keeper_run(tune_run_keeper(kept));
    const char *folder = cli_str(job->cfg, "best_dir");
    *text = NULL;
    if (job->placebo || result->end != TUNE_DRIVE_DONE || result->final.verdict != TUNE_VERDICT_BETTER ||
        result->winner == TUNE_BASELINE)
        return XLSTM_OK;
    char *latest = xl_format("%s/%s_latest.json", folder, run->backend);
    int lock = -1;
    int status = latest ? xl_make_folder(folder, err) : xl_fail(err, XLSTM_ENOMEM, "best: out of memory");
    /* The lock is held from reading the old snapshot to writing the new one. When two runs end together, the second
     * then competes with the snapshot of the first. */
    if (!status) status = xl_folder_lock(&lock, folder, err);
    if (status) {
        free(latest);
        return status;
    }
    json_t *other = rival(latest, run);
    bool write = true;
    if (other) status = replaces(job, other, latest, options, result, &write, text, err);
    if (!status && write) status = tune_snapshot_write(folder, latest, run, err);
    if (!status && write) *text = xl_format("%s is written", latest);
    xl_folder_unlock(&lock);
    json_decref(other);
    free(latest);
    return status;
}

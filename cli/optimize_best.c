/* xltune optimize: the curated snapshots of the best settings. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"
#include "cli/optimize.h"
#include "cli/signals.h"
#include "cli/snapshot.h"

static json_t *read_snapshot(const char *path) {
    char *data = NULL;
    size_t bytes;
    json_t *j = NULL;
    if (xl_is_file(path) && !xl_file_read(path, 16 << 20, &data, &bytes, NULL))
        j = json_loadb(data, bytes, 0, NULL);
    free(data);
    return j;
}

json_t *cli_best_elsewhere(const cli_job *job, const tune_run_row *run) {
    char *path = xl_format("%s/%s_latest.json", cli_str(job->cfg, "best_dir"), run->backend);
    json_t *snapshot = path && cli_bool(job->cfg, "best") ? read_snapshot(path) : NULL, *params = NULL;
    const char *machine = json_string_value(json_object_get(json_object_get(snapshot, "fingerprint"), "machine"));
    if (machine && strcmp(machine, run->machine) != 0 &&
        cli_snapshot_fits(snapshot, machine, run->device, run->checkpoint, run->prompt_tokens, run->new_tokens)) {
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
    json_t *j = read_snapshot(path);
    if (j && cli_snapshot_fits(j, run->machine, run->device, run->checkpoint, run->prompt_tokens, run->new_tokens))
        return j;
    json_decref(j);
    return NULL;
}

typedef struct duel {
    const cli_job *job;
    tune_fresh fresh;
} duel;

static void ignore_sample(void *ctx, const tune_sample *sample) {
    (void)ctx;
    (void)sample;
}

static int run_process(void *ctx, const tune_block_plan *plan, tune_block_result *out, xlstm_error *err) {
    const duel *d = ctx;
    if (cli_signals_stop()) return xl_fail(err, XLSTM_ECANCELLED, "stopped");
    return tune_fresh_run(&d->fresh, 0, plan, ignore_sample, NULL, out, err);
}

/* Compares the winner with the snapshot's settings in fresh processes. *out is the result; its verdict is
 * TUNE_VERDICT_UNMEASURED where there was not enough time. Returns a status. */
static int beats(const cli_job *job, const tune_drive_options *options, int64_t winner,
                 const xlstm_settings *snapshot, const tune_final *before, tune_final *out, xlstm_error *err) {
    duel d = {.job = job,
              .fresh = {.program = job->program,
                        .argument = cli_command_name(CLI(fresh_process)),
                        .engine = &job->engine_options,
                        .baseline = *snapshot}};
    cli_job_settings((void *)(uintptr_t)job, winner, &d.fresh.winner);
    tune_final_options o;
    tune_final_options_init(&o, options->effort);
    /* Takes at most as long as the comparison with the baseline did, and no longer than what is left of the
     * budget. */
    o.budget_s = fmin(fmax(5, before->seconds), options->budget_s);
    o.blocks = before->processes > 0 ? (before->blocks + before->processes - 1) / before->processes : 1;
    o.seed = options->seed ^ 0x736e6170u;
    *out = (tune_final){.verdict = TUNE_VERDICT_UNMEASURED};
    if (!tune_final_fit(&o, before->baseline_cost)) return XLSTM_OK;
    return tune_final_run(&o, run_process, &d, out, err);
}

static json_t *compose(const cli_job *job, const tune_run *kept, const char *created) {
    const tune_run_row *run = tune_keeper_run(tune_run_keeper(kept));
    json_t *best = json_loads(run->result, 0, NULL), *j = json_object();
    static const char *const names[] = {"params", "metrics", "baseline", "speedup", "verdict_text", "objective"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *value = json_object_get(best, names[i]);
        if (value) json_object_set(j, names[i], value);
    }
    json_object_set_new(j, "backend", json_string(run->backend));
    json_object_set_new(j, "fingerprint",
                        json_pack("{s:s, s:s, s:s, s:I, s:I}", "machine", run->machine, "device", run->device,
                                  "checkpoint", run->checkpoint, "prompt_tokens", (json_int_t)run->prompt_tokens,
                                  "new", (json_int_t)run->new_tokens));
    json_object_set_new(j, "kernels", json_string(run->kernels));
    json_object_set_new(j, "version", json_string(run->version));
    json_object_set_new(j, "run", json_string(run->folder));
    json_object_set_new(j, "created", json_string(created));
    json_decref(best);
    return j;
}

static int write_both(const cli_job *job, const tune_run *kept, const char *folder, const char *latest,
                      xlstm_error *err) {
    char created[32], stamp[32];
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%S", &local);
    strftime(stamp, sizeof stamp, "%Y%m%d_%H%M%S", &local);
    json_t *j = compose(job, kept, created);
    char *text = json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    char *dated = xl_format("%s/%s_%s.json", folder, tune_keeper_run(tune_run_keeper(kept))->backend, stamp);
    for (int n = 2; dated && xl_is_file(dated) && n < 1000; n++) {
        free(dated);
        dated = xl_format("%s/%s_%s_%d.json", folder, tune_keeper_run(tune_run_keeper(kept))->backend, stamp, n);
    }
    int status = text && dated ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "best: out of memory");
    if (!status) status = xl_file_write(dated, text, strlen(text), err);
    if (!status) status = xl_file_write(latest, text, strlen(text), err);
    free(text);
    free(dated);
    json_decref(j);
    return status;
}

int cli_best_write(const cli_job *job, const tune_run *kept, const tune_drive_options *options,
                   const tune_drive_result *result, char **text, xlstm_error *err) {
    const tune_run_row *run = tune_keeper_run(tune_run_keeper(kept));
    const char *folder = cli_str(job->cfg, "best_dir");
    *text = NULL;
    if (job->placebo || result->end != TUNE_DRIVE_DONE || result->final.verdict != TUNE_VERDICT_BETTER ||
        result->winner == TUNE_BASELINE_TRIAL)
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
    if (other) {
        xlstm_settings snapshot = job->baseline, winner;
        cli_job_settings((void *)(uintptr_t)job, result->winner, &winner);
        status = tune_engine_settings_read(json_object_get(other, "params"), &snapshot, err);
        if (!status && !memcmp(&snapshot, &winner, sizeof winner)) {
            *text = xl_format("%s has these settings already", latest);
            write = false;
        } else if (!status && memcmp(&snapshot, &job->baseline, sizeof snapshot) != 0) {
            tune_final f;
            char words[512];
            status = beats(job, options, result->winner, &snapshot, &result->final, &f, err);
            if (!status && f.verdict != TUNE_VERDICT_BETTER) {
                tune_final_text(words, sizeof words, &f);
                *text = xl_format("%s stays; against it: %s", latest, words);
                write = false;
            }
        }
    }
    if (!status && write) status = write_both(job, kept, folder, latest, err);
    if (!status && write) *text = xl_format("%s is written", latest);
    xl_folder_unlock(&lock);
    json_decref(other);
    free(latest);
    return status;
}

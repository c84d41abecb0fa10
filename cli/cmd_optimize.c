/* xltune optimize: searches for the best runtime settings and leaves a run folder. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/landscape_export.h"
#include "cli/optimize.h"
#include "cli/optimize_cluster.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "tuner/driver/proposer.h"
#include "tuner/driver/recording.h"
#include "tuner/landscape/landscape_write.h"
#include "tuner/target/targets.h"

static void list_modes(void) {
    printf("Modes:\n");
    for (int i = 0; tune_strategies[i]; i++) {
        printf("  %-8s ", tune_strategies[i]->name);
        cli_print_wrapped(tune_strategies[i]->summary, 11, 11);
    }
}

static void list_all(void) {
    printf("Targets:\n");
    for (int i = 0; tune_targets[i]; i++) {
        const char *argument = tune_targets[i]->argument;
        const int at = printf("  %s%s%-*s ", tune_targets[i]->name, argument ? ":" : "",
                              argument ? 0 : 8 - (int)strlen(tune_targets[i]->name), argument ? argument : "");
        cli_print_wrapped(tune_targets[i]->summary, at, at);
    }
    printf("\n");
    list_modes();
}

static const cli_spec spec = {
    .command = CLI(optimize),
    .instead = "a command that is tuned comes last, behind --",
    .arguments = "[-- COMMAND]",
    .rest = "command",
    .summary = "Searches for the fastest runtime parameters for a checkpoint and a prompt, and\n"
               "compares the winner in fresh processes with the baseline, which is the settings\n"
               "in force without a search. Writes a run folder.",
    .lists = list_all,
    .details = "\n"
               "If --generations or --population is given without --mode, the mode is ga. ga\n"
               "ends after --generations times --population proposals, every other mode after\n"
               "--trials at most. If --repeats is not given, --effort sets the largest number\n"
               "of samples of a point.\n\n"
               "--tune NAME,.. searches the useful range of each tunable. NAME=1|2|4, NAME=1:8,\n"
               "NAME=0.1:0.9:0.2, NAME=16:512:x2 and NAME=0.01:10:x10 give the values. The key\n"
               "\"space\" of a config describes a space in JSON.\n\n"
               "--objective takes request_s, prefill_s, decode_s, prefill_tok_s, decode_tok_s,\n"
               "ttft_ms, peak_mb, energy_j (where the machine reports it), kl (the divergence\n"
               "from the baseline's predictions, of the prompt or of what is decoded behind it,\n"
               "whichever is larger) and ppl (the perplexity of the prompt). With several,\n"
               "A,B,.., all of them steer the search, and pareto.csv holds the trials that no\n"
               "other trial dominates. The first objective decides the winner, and only the\n"
               "winner is compared with the baseline.\n\n"
               "A trial that generates other tokens than the baseline has failed. Where the\n"
               "space holds a tunable that changes numerics (weights), kl and ppl are scored\n"
               "instead; --max-kl and --require-identical limit the difference.\n\n"
               "--mode grid --export-landscape FILE records the whole space: it measures every\n"
               "point --repeats times, in rounds, for replay and for Kernel Tuner. Nothing is\n"
               "compared at the end.\n\n"
               "With --placebo any winner that is announced is false; about 1 run in 40 may\n"
               "announce one. No snapshot is written.\n\n"
               "--resume RUN continues a run that was interrupted, or a finished one with\n"
               "larger --trials, --generations, --budget or --effort.\n\n"
               "With --agents N other processes measure, `xltune agent --study STUDY` on any\n"
               "machine, and this one only proposes. Agents on machines of one kind share a run\n"
               "and a winner. With --ray-address the agents are started on a Ray cluster, one\n"
               "on each node. See docs/cluster.md and docs/cluster-ray.md.\n\n"
               "--device all has the trials measured by all GPUs of this machine at the same\n"
               "time, by a process for each, beside a baseline of its own; vulkan:all means all\n"
               "of that kind. Equal GPUs share a winner, different ones get one each. The\n"
               "processor is none of them. See docs/gpu.md.\n\n"
               "Ctrl-C ends the run after the current trial with everything written; a second\n"
               "Ctrl-C ends it at once.\n",
};

static int stopped(void *ctx) {
    (void)ctx;
    return cli_signals_stop() != 0;
}

/* Measuring every point for a landscape is a recording, which looks for no winner. */
static bool is_recording(const cli_job *job, const tune_drive_options *o) {
    return cli_has(job->cfg, "export_landscape") && tune_strategy_find(o->mode)->exhaustive;
}

/* Prints a notice where no tuned parameter can change the objective. */
static void tell_untouched(const cli_job *job) {
    const unsigned tuned = tune_space_affects(job->target.space);
    for (int i = 0; i < job->objectives; i++) {
        const tune_metric *metric = &job->target.metrics->at[job->objective[i]];
        if (metric->affected && !(tuned & metric->affected))
            cli_notice("nothing that is tuned affects %s: any difference in it is noise (`xltune params` says what "
                       "each setting affects)",
                       metric->name);
    }
}

/* Prints a notice where the settings before the search have values of the space that its conditions exclude. */
static void tell_excluded(const cli_job *job) {
    const tune_space *space = job->target.space;
    const tune_named_list *before = &job->target.baseline;
    for (size_t i = 0; i < tune_space_params(space); i++) {
        const tune_value *value = tune_named_find(before, tune_space_param(space, i)->name);
        if (!value || tune_space_find_value(space, i, *value) == TUNE_NO_POINT) return;
    }
    if (tune_named_point(before, space) == TUNE_NO_POINT)
        cli_notice(
            "the settings before the search do not meet the conditions of the space; they are the baseline all "
            "the same%s",
            job->class->of_checkpoint ? "" : ", where --baseline gives no others");
}

/* A resumed run can be given larger limits. A limit below what is already done has no effect, and a notice says
 * so. */
static void tell_done_already(const tune_run *run, int total) {
    const int64_t done = tune_keeper_next(tune_run_keeper(run));
    if (total > 0 && done > total)
        cli_notice("%lld trials are done already, more than the %d asked for: nothing more is searched",
                   (long long)done, total);
}

static void tell_start(const cli_job *job, const tune_run *run, const tune_drive_options *o, int total) {
    const int64_t done = tune_keeper_next(tune_run_keeper(run));
    char first[40] = "", bound[48] = "", size[32];
    if (done) snprintf(first, sizeof first, "%lld trials done, ", (long long)done);
    if (total) snprintf(bound, sizeof bound, ", at most %d trial%s", total, total == 1 ? "" : "s");
    printf("%s: %s%s %s of %s point%s%s%s", tune_run_folder(run), first, tune_drive_strategy(o),
           is_recording(job, o) ? "recording" : "search",
           tune_space_size_print(job->target.space, size, sizeof size),
           tune_space_size(job->target.space) == 1 ? "" : "s", bound, isatty(STDOUT_FILENO) ? "\n  " : "; ");
    if (job->class->of_checkpoint) printf("prompt %zu tokens, %lld new\n", job->count, (long long)job->new_tokens);
    else printf("target %s\n", cli_plain(cli_str(job->cfg, "target")));
    if (job->target.equal) cli_print_wrapped(job->target.equal, 0, 2);
    if (job->placebo) printf("placebo: every point runs the settings in force, so any winner is a false one\n");
    if (o->apart && tune_space_divides(job->target.space))
        printf("the parameters of %s and of %s are searched apart; a sample serves both\n", cli_part_name(job, 0),
               cli_part_name(job, 1));
    cli_flush();
}

static int export_landscape(const cli_job *job, tune_run *run, int samples, xlstm_error *err) {
    const char *path = cli_str(job->cfg, "export_landscape");
    int status = cli_landscape_export(path, &job->target, tune_run_keeper(run), job->objective[0], samples, err);
    if (!status) printf("landscape %s\n", path);
    return status;
}

static int record(cli_job *job, tune_run *run, const tune_drive_options *o, xlstm_error *err) {
    cli_show show;
    tune_recording r;
    cli_show_init(&show, job, 0);
    tune_watcher watcher = cli_show_watcher(&show);
    int status = tune_recording_run(&job->target, o, tune_run_keeper(run), &watcher, &r, err);
    cli_show_end(&show);
    if (status) return status;
    cli_show_recording(run, &r);
    if (r.end != TUNE_DRIVE_DONE) return XLSTM_OK;
    if (r.missing && !r.rounds) {
        cli_notice("the budget ended before every point had a sample: no landscape is written; `xltune optimize "
                   "--resume %s` continues the run",
                   tune_run_folder(run));
        return XLSTM_OK;
    }
    if (r.missing)
        cli_notice("the budget ended %d samples early: the landscape has %d of %d samples of each point; `xltune "
                   "optimize --resume %s` continues the run",
                   r.missing, r.rounds, r.wanted, tune_run_folder(run));
    return export_landscape(job, run, r.rounds, err);
}

static int search(cli_job *job, tune_run *run, tune_drive_options *o, tune_drive_result *result, xlstm_error *err) {
    cli_show show;
    char *snapshot = NULL;
    const tune_ends ends = tune_strategy_find(o->mode)->ends;
    int total = ends == TUNE_ENDS_GENERATIONS ? o->population * o->generations : o->trials;
    if (ends != TUNE_ENDS_GENERATIONS &&
        (!total || (ends == TUNE_ENDS_SPACE && tune_space_size(job->target.space) < (size_t)total)))
        total = tune_space_counted(job->target.space) ? (int)tune_space_size(job->target.space) : 0;
    tell_start(job, run, o, total);
    tell_untouched(job);
    tell_excluded(job);
    tell_done_already(run, total);
    cli_show_init(&show, job, total);
    tune_watcher watcher = cli_show_watcher(&show);
    const double began = xl_now_s();
    int status = tune_drive(&job->target, o, tune_run_keeper(run), &watcher, result, err);
    o->budget_s = fmax(0, o->budget_s - (xl_now_s() - began));
    cli_show_end(&show);
    if (status) return status;
    cli_show_result(&show, run, result);
    if (cli_has(job->cfg, "export_landscape") && result->end == TUNE_DRIVE_DONE)
        status = export_landscape(job, run, 0, err);
    if (!status && !stopped(NULL)) status = cli_best_write(job, run, o, result, &snapshot, err);
    if (snapshot) printf("snapshot  %s\n", snapshot);
    free(snapshot);
    return status;
}

static int search_or_record(cli_job *job, tune_run *run, tune_drive_options *o, xlstm_error *err) {
    if (is_recording(job, o)) {
        tell_start(job, run, o, o->trials);
        return record(job, run, o, err);
    }
    tune_drive_result *result = malloc(sizeof *result);
    const int status =
        result ? search(job, run, o, result, err) : xl_fail(err, XLSTM_ENOMEM, "optimize: out of memory");
    free(result);
    return status;
}

/* Reads points from an array of objects of params; anything else in it is left out. */
static int read_priors(const json_t *array, tune_named_list **out, size_t *count, xlstm_error *err) {
    const size_t n = json_array_size(array);
    tune_named_list *all = xl_array(n, sizeof *all);
    if (!all) return xl_fail(err, XLSTM_ENOMEM, "first points: out of memory");
    *count = 0;
    for (size_t i = 0; i < n; i++) *count += !tune_named_from_json(&all[*count], json_array_get(array, i), NULL);
    *out = all;
    return XLSTM_OK;
}

static void free_priors(tune_named_list *priors, size_t count) {
    while (count) tune_named_clear(&priors[--count]);
    free(priors);
}

/* Runs the command after its arguments were parsed. `began` is the value of xl_now_s at the start of the process,
 * from which the budget counts. */
static int run_parsed(cli_config *cfg, const char *argv0, const char *resume, json_t *meta, double began) {
    cli_job job;
    tune_drive_options options;
    tune_run *run = NULL;
    json_t *first = NULL;
    tune_named_list *priors = NULL;
    xlstm_error err = {0};
    const char *wrong = cli_cluster_misuse(cfg);
    if (wrong) return cli_usage(cfg, "%s", wrong);
    /* Checked first, so that a folder that cannot be written is reported before a large model is loaded. */
    if (!resume && xl_make_folder(cli_str(cfg, "log_dir"), &err)) return cli_fail(cfg, &err);
    if (!resume && access(cli_str(cfg, "log_dir"), W_OK)) {
        xl_fail(&err, XLSTM_EIO, "log_dir: %s: %s", cli_str(cfg, "log_dir"), strerror(errno));
        return cli_fail(cfg, &err);
    }
    const char *landscape = cli_str(cfg, "export_landscape");
    if (landscape && tune_landscape_write_check(landscape, &err)) return cli_fail(cfg, &err);
    cli_signals_install();
    cluster_agents *agents = NULL;
    cli_devices *devices = NULL;
    char *program = cli_find_program(argv0);
    if (!program) {
        xl_fail(&err, XLSTM_ENOMEM, "optimize: out of memory");
        return cli_fail(cfg, &err);
    }
    int code = cli_devices_open(&devices, cfg, program);
    free(program);
    if (code == CLI_GO_ON) code = cli_cluster_open(&agents, cfg, argv0);
    if (code != CLI_GO_ON) return code;
    code =
        cli_job_open(&job, cfg, argv0, meta ? json_object_get(meta, "settings") : NULL, cli_devices_first(devices));
    if (code != CLI_GO_ON) {
        cluster_agents_close(agents);
        cli_devices_close(devices);
        cli_job_close(&job);
        return code;
    }
    cli_job_options(&job, &options);
    int status;
    if (agents || devices || cli_has(cfg, "agents")) {
        code = cli_fleet_search(&job, &options, meta, agents, devices);
        cli_job_close(&job);
        cli_devices_close(devices);
        return code;
    }
    if (resume) {
        first = json_incref(json_object_get(meta, "first_points"));
        status = cli_run_continue(&job, resume, meta, &run, &err);
    } else {
        status = cli_run_begin(&job, &options, NULL, &run, &first, &err);
    }
    if (!status) status = read_priors(first, &priors, &options.prior_count, &err);
    options.priors = priors;
    /* The time that loading took counts towards the budget. */
    options.budget_s = fmax(0, options.budget_s - (xl_now_s() - began));
    if (!status) status = search_or_record(&job, run, &options, &err);
    const bool cut = status || stopped(NULL);
    char *folder = run ? strdup(tune_run_folder(run)) : NULL;
    tune_run_close(run, cut ? TUNE_RUN_INTERRUPTED : TUNE_RUN_FINISHED);
    free_priors(priors, options.prior_count);
    json_decref(first);
    cli_job_close(&job);
    code = 0;
    if (status && status != XLSTM_ECANCELLED) {
        code = cli_fail(cfg, &err);
    } else if (stopped(NULL)) {
        cli_notice("stopped, everything is written; `xltune optimize --resume %s` continues the run",
                   folder ? folder : "RUN");
        code = cli_signals_code();
    }
    free(folder);
    return code;
}

static int run(int argc, char **argv) {
    const double began = xl_now_s();
    cli_config *cfg = NULL;
    const char *resume = cli_resume_folder(argc, argv);
    json_t *meta = resume ? cli_resume_meta(resume) : NULL;
    char **typed = NULL;
    int code = CLI_GO_ON;
    if (resume && !meta) return 1;
    if (resume) {
        code = cli_resume_arguments(meta, argc, argv, &argc, &typed);
        argv = typed;
    }
    if (code == CLI_GO_ON) code = cli_config_parse(&cfg, &spec, argc, argv);
    if (code == CLI_GO_ON) code = run_parsed(cfg, argv[0], resume, meta, began);
    cli_config_free(cfg);
    cli_resume_free(typed);
    json_decref(meta);
    return code;
}

const cli_command cli_cmd_optimize = {"search for the fastest runtime parameters", run};

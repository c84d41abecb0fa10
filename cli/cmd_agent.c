/* xltune agent: measures what an optimize elsewhere proposes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/fnv.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/optimize.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "tuner/driver/agent.h"
#include "tuner/study/machine.h"

static const cli_spec spec = {
    .command = CLI(agent),
    .instead = "a study is given with --study",
    .summary = "Measures what `xltune optimize --agents` proposes in the same study.",
    .details = "The agent takes the target, the prompt and the settings from the study; what it\n"
               "is given here replaces them on this machine. It waits for a search, measures\n"
               "beside its own baseline until the search ends, and ends with it. Ctrl-C gives\n"
               "back what it is measuring. See docs/cluster.md.\n",
};
/* The configuration of the search is parsed as that of optimize. */
static const cli_spec job_spec = {.command = CLI(optimize), .summary = "", .rest = "command"};

static int stopped(void) {
    return cli_signals_stop();
}

/* Reports a failure, which names this machine: agents are many, and their messages are read together. */
static int fail(const cli_config *cfg, xlstm_error *err) {
    char host[256] = "";
    xlstm_error named;
    if (gethostname(host, sizeof host - 1) || !strncmp(err->text, "node ", 5)) return cli_fail(cfg, err);
    xl_fail(&named, err->status, "node %s: %s", host, err->text);
    return cli_fail(cfg, &named);
}

static void note(void *ctx, const char *text) {
    (void)ctx;
    cli_notice("%s", text);
}

/* Waits until a search is open whose proposing process is there. */
static int await_fleet(tune_study *study, const char *uid, double patience_s, const char *name,
                       tune_fleet_row *fleet, xlstm_error *err) {
    const double until = xl_now_s() + patience_s;
    bool told = false;
    for (;;) {
        bool found;
        int status = tune_study_fleet_find(study, uid, fleet, &found, err);
        if (status || (found && fleet->silent < patience_s)) return status;
        if (found) tune_fleet_row_clear(fleet);
        if (stopped()) return xl_fail(err, XLSTM_ECANCELLED, "stopped");
        if (xl_now_s() > until)
            return xl_fail(err, XLSTM_ENOTFOUND,
                           "%s: no search to measure for came within %.0f s; `xltune optimize "
                           "--agents N --study %s` begins one",
                           name, patience_s, name);
        if (!told) cli_notice("%s: waiting for a search", name);
        told = true;
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    }
}

/* The arguments of the search, with what is different on this machine. */
static char **arguments(const cli_config *cfg, const json_t *meta, int *count) {
    static const char *const own[] = {"device", "model_path"};
    static const char *const except[] = {
        "study",    "log_dir", "tag",        "agents",      "lease", "budget",    "spread", "export_landscape",
        "best_dir", "device",  "model_path", "ray_address", "nodes", "resources", "ship",   NULL};
    const json_t *effective = json_object_get(meta, "effective_args");
    char **all = cli_typed_arguments(meta, cli_command_name(CLI(optimize)), except, count);
    char **more = all ? realloc(all, ((size_t)*count + 3) * sizeof *all) : NULL;
    if (!more) {
        cli_resume_free(all);
        return NULL;
    }
    all = more;
    for (int i = 0; i < 2; i++) {
        const char *there = json_string_value(json_object_get(effective, own[i]));
        const char *value = cli_is_set(cfg, own[i]) ? cli_str(cfg, own[i]) : there;
        /* A checkpoint that is not where the proposing machine has it may be the one that this machine has. */
        if (!value || (i == 1 && !cli_is_set(cfg, own[i]) && !xl_is_folder(value))) continue;
        if (!(all[(*count)++] = xl_format("--%s=%s", own[i], value))) break;
    }
    all[*count] = NULL;
    return all;
}

/* Whether this machine has what the search is of: the same target and checkpoint. */
static int check(const cli_config *cfg, const cli_job *job, const tune_fleet_row *fleet, const json_t *meta,
                 const char *host, xlstm_error *err) {
    const char *wanted = json_string_value(json_object_get(meta, "checkpoint"));
    const tune_value *here = tune_named_find(&job->target.identity, "checkpoint");
    if (wanted && here && here->text && strcmp(here->text, wanted) != 0)
        return xl_fail(err, XLSTM_EMISMATCH,
                       "node %s: found checkpoint %.16s (%s), wanted %.16s as in the study; --model DIR "
                       "says where it is",
                       host, here->text,
                       cli_str(job->cfg, "model_path") ? cli_str(job->cfg, "model_path") : "the default one",
                       wanted);
    (void)cfg;
    (void)fleet;
    return XLSTM_OK;
}

/* The name of this node, malloc'd: that of its machine, and of its device where a machine may have several. */
static char *node_name(const cli_job *job, const char *host) {
    const char *device = job->class->of_checkpoint ? cli_str(job->cfg, "device") : NULL;
    const char *processor = xlstm_device_kind_at(0);
    if (!device || !strncmp(device, processor, strlen(processor))) return strdup(host);
    const size_t length = strlen(device);
    const bool first = length > 2 && !strcmp(device + length - 2, ":0");
    return xl_format("%s/%.*s", host, (int)(first ? length - 2 : length), device);
}

static int measure(const cli_config *cfg, const cli_job *job, tune_study *study, const tune_fleet_row *fleet,
                   const json_t *meta, xlstm_error *err) {
    tune_machine machine;
    tune_drive_options drive;
    tune_agent_result result;
    char kind[33], uid[33];
    int status = tune_machine_read(&machine, err);
    if (status) return status;
    const char *host = json_string_value(json_object_get(machine.info, "host"));
    if (!host) host = "unnamed";
    char *about =
        tune_agent_about(&job->target, fleet->target, machine.fingerprint, machine.info, xlstm_version(), kind);
    char *name = node_name(job, host);
    char *seed = xl_format("%s %ld %llu", host, (long)getpid(), (unsigned long long)xl_now_ns());
    status = about && seed && name ? check(cfg, job, fleet, meta, host, err)
                                   : xl_fail(err, XLSTM_ENOMEM, "agent: out of memory");
    if (!status) {
        xl_fnv_hex(seed, strlen(seed), uid);
        const tune_node_row node = {.uid = uid, .fleet = fleet->uid, .kind = kind, .name = name, .about = about};
        const json_t *lease = json_object_get(json_object_get(meta, "effective_args"), "lease");
        cli_job_options(job, &drive);
        drive.budget_s = INFINITY;
        const tune_agent_options o = {.node = &node,
                                      .drive = &drive,
                                      .lease_s = json_is_number(lease) ? json_number_value(lease) : TUNE_LEASE_S,
                                      .patience_s = cli_num(cfg, "patience"),
                                      .note = note};
        printf("node %s (%.8s) of kind %.8s measures for %s\n", name, uid, kind, cli_plain(cli_str(cfg, "study")));
        cli_flush();
        status = tune_agent_run(&job->target, study, &o, &result, err);
        char again[60] = "";
        if (result.checks) snprintf(again, sizeof again, ", %d for the playoff", result.checks);
        printf("%d trial%s%s and %d process%s measured%s\n", result.trials, result.trials == 1 ? "" : "s", again,
               result.processes, result.processes == 1 ? "" : "es",
               result.lost ? "; some came too late and did not count" : "");
        cli_flush();
    }
    free(name);
    free(about);
    free(seed);
    tune_machine_clear(&machine);
    return status;
}

/* Measures for one fleet. Returns the exit code. */
static int serve(const cli_config *cfg, tune_study *study, const tune_fleet_row *fleet, const char *argv0) {
    json_t *meta = json_loads(fleet->meta, 0, NULL);
    cli_config *own = NULL;
    cli_job job = {0};
    xlstm_error err = {0};
    int count = 0, code;
    char **typed = arguments(cfg, meta, &count);
    if (cli_is_set(cfg, "target") && strcmp(cli_str(cfg, "target"), fleet->target) != 0) {
        xl_fail(&err, XLSTM_EMISMATCH, "target: found %s, wanted %s as in the study", cli_str(cfg, "target"),
                fleet->target);
        code = fail(cfg, &err);
    } else if (!typed) {
        xl_fail(&err, XLSTM_ENOMEM, "agent: out of memory");
        code = fail(cfg, &err);
    } else {
        code = cli_config_parse(&own, &job_spec, count, typed);
    }
    if (code == CLI_GO_ON && cli_devices_meant(cli_str(own, "device")))
        code =
            cli_usage(cfg, "device: the search is for all devices of a machine; --device NAME says which of them "
                           "this agent has");
    if (code == CLI_GO_ON) code = cli_job_open(&job, own, argv0, NULL, NULL);
    if (code == CLI_GO_ON) {
        const int status = measure(cfg, &job, study, fleet, meta, &err);
        code = status && status != XLSTM_ECANCELLED ? fail(cfg, &err) : stopped() ? cli_signals_code() : 0;
    }
    cli_job_close(&job);
    cli_config_free(own);
    cli_resume_free(typed);
    json_decref(meta);
    return code;
}

static int run(int argc, char **argv) {
    cli_config *cfg = NULL;
    tune_study *study = NULL;
    tune_fleet_row fleet = {0};
    xlstm_error err = {0};
    int code = cli_config_parse(&cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    const char *name = cli_str(cfg, "study");
    if (!name) {
        code = cli_usage(cfg, "which study? --study STUDY is wanted");
    } else {
        cli_signals_install();
        int status = tune_study_open(&study, name, true, &err);
        if (!status)
            status = await_fleet(study, cli_str(cfg, "fleet"), cli_num(cfg, "patience"), name, &fleet, &err);
        if (!status) code = serve(cfg, study, &fleet, argv[0]);
        else code = status == XLSTM_ECANCELLED ? cli_signals_code() : fail(cfg, &err);
    }
    tune_fleet_row_clear(&fleet);
    tune_study_close(study);
    cli_config_free(cfg);
    return code;
}

const cli_command cli_cmd_agent = {"measure for an optimize on another machine", run};

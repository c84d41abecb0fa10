/* xltune optimize --agents and --device all: proposes, and has the nodes of a fleet measure. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/fnv.h"
#include "base/memory.h"
#include "cli/optimize.h"
#include "cli/optimize_cluster.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "tuner/driver/agent.h"
#include "tuner/driver/fleet_search.h"
#include "tuner/study/study_address.h"

typedef struct search {
    cli_job *job;
    tune_drive_options *options;
    tune_study *study;
    const char *fleet;
    cli_show show;
    tune_run **run; /* [runs]: one for each kind */
    size_t runs;
    cluster_agents *agents; /* NULL: none of ours */
    cli_devices *devices;   /* the same */
    bool none_left;         /* of the devices */
    tune_fleet_options fleet_options;
} search;

/* A device has lost its agent: the user is told, and so is every run. */
static void say_device(void *ctx, const char *text) {
    search *s = ctx;
    cli_show_clear(&s->show);
    cli_notice("%s", text);
    for (size_t i = 0; i < s->runs; i++) tune_keeper_event(tune_run_keeper(s->run[i]), "node", text, NULL);
}

static int is_to_stop(void *ctx) {
    search *s = ctx;
    if (cli_signals_stop()) return 1;
    if (s->agents) return cluster_agents_are_over(s->agents, NULL);
    if (!s->devices) return 0;
    const int there = cli_devices_tend(s->devices, say_device, s);
    s->none_left = !there;
    /* A device that cannot open the model is not waited for. */
    if (there < s->fleet_options.agents) s->fleet_options.agents = there;
    return !there;
}

/* The folder of the run that this fleet's kind has already; NULL where it has none. malloc'd. */
static int known_folder(search *s, const tune_node_row *node, char **folder, xlstm_error *err) {
    int64_t id;
    char name[32];
    tune_run_row row;
    *folder = NULL;
    int status = tune_study_fleet_run(s->study, s->fleet, node->kind, &id, err);
    if (status || !id) return status;
    snprintf(name, sizeof name, "%lld", (long long)id);
    status = tune_study_run_find(s->study, name, &row, err);
    if (status) return status;
    *folder = strdup(row.folder);
    tune_run_row_clear(&row);
    return *folder ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "fleet: out of memory");
}

static int begin(void *ctx, const tune_node_row *node, tune_keeper **keeper, xlstm_error *err) {
    search *s = ctx;
    char *folder = NULL;
    tune_run **more = realloc(s->run, (s->runs + 1) * sizeof(tune_run *)), *run = NULL;
    if (!more) return xl_fail(err, XLSTM_ENOMEM, "fleet: out of memory");
    s->run = more;
    json_t *about = json_loads(node->about, 0, NULL), *first = NULL;
    int status = known_folder(s, node, &folder, err);
    const cli_kind kind = {s->fleet, node->kind, about};
    if (!status && folder) status = tune_run_resume(&run, folder, err);
    else if (!status) status = cli_run_begin(s->job, s->options, &kind, &run, &first, err);
    if (!status) {
        s->run[s->runs++] = run;
        *keeper = tune_run_keeper(run);
        cli_show_clear(&s->show);
        printf("%s: for machines like %s (kind %.8s)\n", tune_run_folder(run), cli_plain(node->name), node->kind);
        cli_flush();
    }
    free(folder);
    json_decref(first);
    json_decref(about);
    return status;
}

static int ended(void *ctx, tune_keeper *keeper, const tune_drive_result *result, xlstm_error *err) {
    search *s = ctx;
    (void)err;
    cli_show_clear(&s->show);
    for (size_t i = 0; i < s->runs; i++) {
        if (tune_run_keeper(s->run[i]) == keeper) cli_show_result(&s->show, s->run[i], result);
    }
    return XLSTM_OK;
}

/* Names the fleet; that of the run that is continued has its name. */
static int name_fleet(const search *s, const json_t *meta, char uid[33], xlstm_error *err) {
    const char *known = json_string_value(json_object_get(meta, "fleet")), *study = cli_str(s->job->cfg, "study");
    char *seed = xl_format("%s %ld %llu", study ? study : "", (long)getpid(), (unsigned long long)xl_now_ns());
    if (!seed) return xl_fail(err, XLSTM_ENOMEM, "fleet: out of memory");
    if (known) snprintf(uid, 33, "%s", known);
    else xl_fnv_hex(seed, strlen(seed), uid);
    free(seed);
    return XLSTM_OK;
}

/* Makes the fleet, or takes that of the run that is continued. */
static int open_fleet(search *s, const json_t *meta, xlstm_error *err) {
    char *text = NULL;
    if (json_string_value(json_object_get(meta, "fleet")))
        return tune_study_fleet_seen(s->study, s->fleet, TUNE_FLEET_OPEN, err);
    int status = cli_run_describe(s->job, s->options, &text, err);
    if (!status) status = tune_study_fleet_add(s->study, s->fleet, cli_str(s->job->cfg, "target"), text, err);
    free(text);
    return status;
}

/* The folder of what belongs to the fleet and to none of its runs; malloc'd. */
static char *own_folder(const search *s) {
    return xl_format("%s/agents_%.8s", cli_str(s->job->cfg, "log_dir"), s->fleet);
}

/* The devices of one machine share a file, where no other study was asked for. */
static int choose_study(search *s, xlstm_error *err) {
    if (!s->devices || cli_str(s->job->cfg, "study")) return XLSTM_OK;
    char *folder = own_folder(s), *file = folder ? xl_path_join(folder, TUNE_STUDY_FILE) : NULL;
    char *whole = file ? tune_study_absolute(file) : NULL;
    int status = whole ? xl_make_folder(folder, err) : xl_fail(err, XLSTM_ENOMEM, "fleet: out of memory");
    if (!status) status = cli_set_str(s->job->cfg, "study", whole, err);
    free(folder);
    free(file);
    free(whole);
    return status;
}

static int start_agents(search *s, xlstm_error *err) {
    const cli_config *cfg = s->job->cfg;
    if (s->agents) return cli_cluster_start(s->agents, cfg, s->fleet, err);
    if (!s->devices) return XLSTM_OK;
    char *folder = own_folder(s);
    int status = folder ? cli_devices_start(s->devices, cli_str(cfg, "study"), s->fleet, folder, err)
                        : xl_fail(err, XLSTM_ENOMEM, "fleet: out of memory");
    free(folder);
    return status;
}

static void say_start(const search *s) {
    const char *study = cli_plain(cli_str(s->job->cfg, "study"));
    printf("%s: %s search, measured by ", study, tune_drive_strategy(s->options));
    if (s->devices) cli_devices_print(s->devices);
    else printf("agents (`xltune agent --study %s`)", study);
    printf("\n");
    cli_flush();
}

/* Why a search was stopped that nobody has stopped. */
static int failure(const search *s, xlstm_error *err) {
    if (cli_signals_stop()) return XLSTM_OK;
    if (s->none_left) return cli_devices_failure(s->devices, err);
    return s->agents && cluster_agents_are_over(s->agents, err) ? err->status : XLSTM_OK;
}

int cli_fleet_search(cli_job *job, tune_drive_options *options, const json_t *meta, cluster_agents *agents,
                     cli_devices *devices) {
    char uid[33];
    search s = {.job = job, .options = options, .fleet = uid, .agents = agents, .devices = devices};
    bool stopped = false;
    xlstm_error err = {0};
    const char *wrong = !cli_str(job->cfg, "study") && !devices
                            ? "agents: they need a study to share: --study STUDY is wanted"
                        : cli_has(job->cfg, "export_landscape")
                            ? "agents and export_landscape: a landscape is recorded by one process"
                            : NULL;
    if (wrong) {
        cluster_agents_close(agents);
        return cli_usage(job->cfg, "%s", wrong);
    }
    int status = name_fleet(&s, meta, uid, &err);
    if (!status) status = choose_study(&s, &err);
    if (!status) status = tune_study_open(&s.study, cli_str(job->cfg, "study"), true, &err);
    if (!status) status = open_fleet(&s, meta, &err);
    if (!status) status = start_agents(&s, &err);
    options->stop = is_to_stop;
    options->stop_ctx = &s;
    if (!status) {
        cli_show_init(&s.show, job, 0);
        tune_watcher watcher = cli_show_watcher(&s.show);
        s.fleet_options =
            (tune_fleet_options){.uid = uid,
                                 .agents = devices ? cli_devices_count(devices) : (int)cli_int(job->cfg, "agents"),
                                 .lease_s = cli_num(job->cfg, "lease"),
                                 .drive = options,
                                 .target = &job->target,
                                 .hooks = {.ctx = &s, .begin = begin, .ended = ended},
                                 .watcher = &watcher};
        say_start(&s);
        status = tune_fleet_run(s.study, &s.fleet_options, &stopped, &err);
        cli_show_end(&s.show);
        /* A fleet that was stopped or that failed is continued by --resume, so only its agents end. */
        tune_study_fleet_seen(s.study, uid, TUNE_FLEET_ENDED, NULL);
        if (!status && stopped) status = failure(&s, &err);
    }
    options->stop = NULL;
    options->stop_ctx = NULL;
    cluster_agents_close(agents);
    if (devices) {
        cli_devices_end(devices, cli_signals_stop() != 0);
        cli_devices_report(devices);
    }
    int code = status ? cli_fail(job->cfg, &err) : 0;
    for (size_t i = 0; i < s.runs; i++) {
        if (stopped)
            cli_notice("stopped, everything is written; `xltune optimize --resume %s` continues the search",
                       tune_run_folder(s.run[i]));
        tune_run_close(s.run[i], status || stopped ? TUNE_RUN_INTERRUPTED : TUNE_RUN_FINISHED);
    }
    free(s.run);
    tune_study_close(s.study);
    return stopped && !code ? cli_signals_code() : code;
}

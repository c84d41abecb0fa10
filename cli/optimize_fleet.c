/* xltune optimize --agents: proposes, and has the nodes of a fleet measure. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fnv.h"
#include "base/memory.h"
#include "cli/optimize.h"
#include "cli/optimize_cluster.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "tuner/driver/agent.h"
#include "tuner/driver/fleet_search.h"

typedef struct search {
    cli_job *job;
    tune_drive_options *options;
    tune_study *study;
    const char *fleet;
    cli_show show;
    tune_run **run; /* [runs]: one for each kind */
    size_t runs;
    cluster_agents *agents; /* NULL: none of ours */
} search;

static int is_to_stop(void *ctx) {
    const search *s = ctx;
    return cli_signals_stop() || (s->agents && cluster_agents_are_over(s->agents, NULL));
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

/* Makes the fleet, or takes that of the run that is continued. */
static int open_fleet(search *s, const json_t *meta, char uid[33], xlstm_error *err) {
    const char *known = json_string_value(json_object_get(meta, "fleet"));
    char *text = NULL, *seed = NULL;
    if (known) {
        snprintf(uid, 33, "%s", known);
        return tune_study_fleet_seen(s->study, uid, TUNE_FLEET_OPEN, err);
    }
    seed = xl_format("%s %ld %llu", cli_str(s->job->cfg, "study"), (long)getpid(), (unsigned long long)xl_now_ns());
    int status = seed ? cli_run_describe(s->job, s->options, &text, err)
                      : xl_fail(err, XLSTM_ENOMEM, "fleet: out of memory");
    if (!status) xl_fnv_hex(seed, strlen(seed), uid);
    if (!status) status = tune_study_fleet_add(s->study, uid, cli_str(s->job->cfg, "target"), text, err);
    free(seed);
    free(text);
    return status;
}

int cli_fleet_search(cli_job *job, tune_drive_options *options, const json_t *meta, cluster_agents *agents) {
    char uid[33];
    search s = {.job = job, .options = options, .fleet = uid, .agents = agents};
    const char *study = cli_str(job->cfg, "study");
    bool stopped = false;
    xlstm_error err = {0};
    const char *wrong = !study ? "agents: they need a study to share: --study STUDY is wanted"
                        : cli_has(job->cfg, "export_landscape")
                            ? "agents and export_landscape: a landscape is recorded by one process"
                            : NULL;
    if (wrong) {
        cluster_agents_close(agents);
        return cli_usage(job->cfg, "%s", wrong);
    }
    int status = tune_study_open(&s.study, study, true, &err);
    if (!status) status = open_fleet(&s, meta, uid, &err);
    if (!status && agents) status = cli_cluster_start(agents, job->cfg, uid, &err);
    options->stop = is_to_stop;
    options->stop_ctx = &s;
    if (!status) {
        cli_show_init(&s.show, job, 0);
        tune_watcher watcher = cli_show_watcher(&s.show);
        const tune_fleet_options o = {.uid = uid,
                                      .agents = (int)cli_int(job->cfg, "agents"),
                                      .lease_s = cli_num(job->cfg, "lease"),
                                      .drive = options,
                                      .target = &job->target,
                                      .hooks = {.ctx = &s, .begin = begin, .ended = ended},
                                      .watcher = &watcher};
        printf("%s: %s search, measured by agents (`xltune agent --study %s`)\n", cli_plain(study),
               tune_drive_strategy(options), cli_plain(study));
        cli_flush();
        status = tune_fleet_run(s.study, &o, &stopped, &err);
        cli_show_end(&s.show);
        /* A fleet that was stopped or that failed is continued by --resume, so only its agents end. */
        tune_study_fleet_seen(s.study, uid, TUNE_FLEET_ENDED, NULL);
        if (!status && stopped && !cli_signals_stop() && agents && cluster_agents_are_over(agents, &err))
            status = err.status;
    }
    options->stop = NULL;
    options->stop_ctx = NULL;
    cluster_agents_close(agents);
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

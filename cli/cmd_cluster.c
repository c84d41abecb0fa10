/* xltune cluster: shows, ends and reads the agents of searches on a Ray cluster. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/json_out.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "cluster/ray.h"
#include "cluster/roster.h"

static const cli_spec spec = {
    .command = CLI(cluster),
    .summary = "Shows, ends and reads the agents that searches have on a Ray cluster.",
    .arguments = "status|stop|logs [SEARCH [NODE]]",
    .min_arguments = 1,
    .max_arguments = 3,
    .details = "  cluster status [SEARCH]        list the cluster's nodes, and the agents of\n"
               "                                 searches\n"
               "  cluster stop [SEARCH]          end the agents of a search, which does not\n"
               "                                 start them again\n"
               "  cluster logs [SEARCH [NODE]]   print what the newest agent of each node, or\n"
               "                                 of that node (an address), has printed\n"
               "SEARCH is a name that `cluster status` lists, or the beginning of one. It may\n"
               "be left out where the cluster has agents of only one search.\n",
};

typedef struct seen {
    cluster_ray *ray;
    cluster_jobs jobs; /* of the searches that are meant */
} seen;

/* ---- which jobs ---- */

static bool lives(const cluster_job *job) {
    return !cluster_state_over(job->state);
}

/* Keeps the jobs of the search that `name` names, or begins. */
static int keep_search(seen *s, const char *name, xlstm_error *err) {
    const char *first = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < s->jobs.count; i++) {
        cluster_job *job = &s->jobs.at[i];
        if (name && strncmp(job->search, name, strlen(name)) != 0) continue;
        if (kept != i) s->jobs.at[kept] = *job;
        kept++;
    }
    s->jobs.count = kept;
    for (size_t i = 0; i < kept; i++) {
        const char *search = s->jobs.at[i].search;
        if (!first) first = search;
        if (!strcmp(first, search)) continue;
        return xl_fail(err, XLSTM_EARG, "found agents of %s and of %s, wanted the name of one search", first,
                       search);
    }
    if (!kept && name)
        return xl_fail(err, XLSTM_ENOTFOUND, "%s: the cluster has had no agent of such a search", name);
    if (!kept) return xl_fail(err, XLSTM_ENOTFOUND, "the cluster has had no agent");
    return XLSTM_OK;
}

/* Whether another job of the same node was submitted later. */
static bool is_old(const cluster_jobs *jobs, const cluster_job *job) {
    for (size_t i = 0; i < jobs->count; i++) {
        const cluster_job *other = &jobs->at[i];
        if (!strcmp(other->search, job->search) && !strcmp(other->node, job->node) && other->began_s > job->began_s)
            return true;
    }
    return false;
}

static int by_search(const void *a, const void *b) {
    const cluster_job *x = a, *y = b;
    int order = strcmp(x->search, y->search);
    if (!order) order = strcmp(x->node, y->node);
    return order ? order : (x->began_s > y->began_s) - (x->began_s < y->began_s);
}

/* ---- status ---- */

static void when(double at, char *out, size_t size) {
    const time_t t = (time_t)at;
    struct tm local;
    *out = 0;
    if (at > 0 && localtime_r(&t, &local)) strftime(out, size, "%Y-%m-%d %H:%M:%S", &local);
}

/* Ray remembers dead nodes. Whether this is one whose machine is listed anyway. */
static bool is_told(const cluster_nodes *nodes, size_t n) {
    for (size_t i = 0; !nodes->at[n].alive && i < nodes->count; i++) {
        if (!strcmp(nodes->at[i].ip, nodes->at[n].ip) && (nodes->at[i].alive || i < n)) return true;
    }
    return false;
}

static void print_nodes(const cluster_nodes *nodes) {
    printf("%-24s %-6s %8s %6s\n", "node", "state", "CPUs", "GPUs");
    for (size_t i = 0; i < nodes->count; i++) {
        const cluster_node *node = &nodes->at[i];
        if (is_told(nodes, i)) continue;
        printf("%-24s %-6s %8g %6g%s\n", node->ip, node->alive ? "alive" : "gone", cluster_node_has(node, "CPU"),
               cluster_node_has(node, "GPU"), node->head ? "  head" : "");
    }
}

static void print_jobs(const cluster_jobs *jobs) {
    const char *search = NULL;
    char text[32];
    for (size_t i = 0; i < jobs->count; i++) {
        const cluster_job *job = &jobs->at[i];
        if (is_old(jobs, job)) continue;
        if (!search || strcmp(search, job->search) != 0) printf("\nagents of %s:\n", job->search);
        search = job->search;
        when(job->began_s, text, sizeof text);
        printf("%-24s %-9s since %s%s%s\n", job->node, cluster_state_name(job->state), text,
               job->state == CLUSTER_FAILED ? "  " : "", job->state == CLUSTER_FAILED ? job->why : "");
    }
    if (!search) printf("\nno agents\n");
}

static json_t *nodes_json(const cluster_nodes *nodes) {
    json_t *list = json_array();
    for (size_t i = 0; i < nodes->count; i++) {
        const cluster_node *node = &nodes->at[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:b, s:b, s:O}", "id", node->id, "address", node->ip, "alive",
                                        node->alive, "head", node->head, "resources", node->resources));
    }
    return list;
}

static json_t *jobs_json(const cluster_jobs *jobs) {
    json_t *list = json_array();
    for (size_t i = 0; i < jobs->count; i++) {
        const cluster_job *job = &jobs->at[i];
        json_t *j =
            json_pack("{s:s, s:s, s:s, s:s, s:f, s:s}", "job", job->id, "search", job->search, "node", job->node,
                      "state", cluster_state_name(job->state), "submitted", job->began_s, "message", job->why);
        if (job->exited) json_object_set_new(j, "exit_code", json_integer(job->exit_code));
        json_array_append_new(list, j);
    }
    return list;
}

static int do_status(const cli_config *cfg, seen *s, xlstm_error *err) {
    cluster_nodes nodes;
    if (cli_positional(cfg, 1) && keep_search(s, cli_positional(cfg, 1), err)) return err->status;
    int status = cluster_ray_nodes(s->ray, &nodes, err);
    if (status) return status;
    if (cli_bool(cfg, "json")) {
        json_t *j =
            json_pack("{s:s, s:s, s:o, s:o}", "address", cluster_ray_address(s->ray), "ray_version",
                      cluster_ray_version(s->ray), "nodes", nodes_json(&nodes), "agents", jobs_json(&s->jobs));
        status = cli_print_json(j, JSON_INDENT(2), stdout, err);
        json_decref(j);
    } else {
        printf("Ray %s at %s\n\n", cluster_ray_version(s->ray), cluster_ray_address(s->ray));
        print_nodes(&nodes);
        print_jobs(&s->jobs);
    }
    cluster_nodes_clear(&nodes);
    return status;
}

/* ---- stop ---- */

static int do_stop(const cli_config *cfg, seen *s, xlstm_error *err) {
    /* Only searches that have agents now are meant, so that one of them need not be named beside older ones. */
    size_t alive = 0;
    for (size_t i = 0; i < s->jobs.count; i++) {
        if (!lives(&s->jobs.at[i])) continue;
        if (alive != i) s->jobs.at[alive] = s->jobs.at[i];
        alive++;
    }
    s->jobs.count = alive;
    if (!alive) {
        printf("no agents\n");
        return XLSTM_OK;
    }
    int status = keep_search(s, cli_positional(cfg, 1), err);
    for (size_t i = 0; !status && i < s->jobs.count; i++) {
        status = cluster_ray_stop(s->ray, s->jobs.at[i].id, err);
        if (!status) printf("%s: stopped\n", s->jobs.at[i].node);
    }
    return status;
}

/* ---- logs ---- */

static int print_log(const seen *s, const cluster_job *job, bool headed, xlstm_error *err) {
    char *text;
    size_t bytes;
    int status = cluster_ray_logs(s->ray, job->id, &text, &bytes, err);
    if (status) return status;
    if (headed) printf("== %s, job %s, %s\n", job->node, job->id, cluster_state_name(job->state));
    cli_flush();
    cli_put(text, bytes);
    if (bytes && text[bytes - 1] != '\n') printf("\n");
    free(text);
    return XLSTM_OK;
}

static int do_logs(const cli_config *cfg, seen *s, xlstm_error *err) {
    const char *node = cli_positional(cfg, 2);
    bool any = false;
    int status = keep_search(s, cli_positional(cfg, 1), err);
    for (size_t i = 0; !status && i < s->jobs.count; i++) {
        const cluster_job *job = &s->jobs.at[i];
        if (is_old(&s->jobs, job) || (node && strcmp(node, job->node) != 0)) continue;
        any = true;
        status = print_log(s, job, !node, err);
    }
    if (!status && !any)
        status = xl_fail(err, XLSTM_ENOTFOUND, "%s: the search has had no agent on that node", node);
    return status;
}

/* ---- the table of actions ---- */

typedef struct action {
    const char *name;
    int most; /* number of arguments after the action's name */
    int (*run)(const cli_config *cfg, seen *s, xlstm_error *err);
} action;

static const action actions[] = {{"status", 1, do_status}, {"stop", 1, do_stop}, {"logs", 2, do_logs}};
enum { ACTIONS = sizeof actions / sizeof *actions };

static int run_action(const cli_config *cfg) {
    const char *name = cli_positional(cfg, 0), *names[ACTIONS];
    const action *a = NULL;
    for (int i = 0; i < ACTIONS; i++) {
        names[i] = actions[i].name;
        if (!strcmp(names[i], name)) a = &actions[i];
    }
    if (!a) {
        int near = xl_nearest_name(name, names, ACTIONS);
        return cli_usage(cfg, "unknown action %s%s%s%s", name, near < 0 ? "" : ", did you mean ",
                         near < 0 ? "" : names[near], near < 0 ? "" : "?");
    }
    if (cli_positional_count(cfg) - 1 > a->most)
        return cli_usage(cfg, "%s: found %d arguments, wanted at most %d", name, cli_positional_count(cfg) - 1,
                         a->most);
    if (!cli_str(cfg, "ray_address"))
        return cli_usage(cfg, "%s: which cluster? --ray-address http://HEAD:8265 is wanted", name);
    xlstm_error err = {0};
    seen s = {.ray = NULL};
    cli_signals_install();
    int status = cluster_ray_open(&s.ray, cli_str(cfg, "ray_address"), cli_signals_cancel, NULL, &err);
    const bool usage = status == XLSTM_EARG;
    if (!status) status = cluster_ray_jobs(s.ray, CLUSTER_PREFIX, &s.jobs, &err);
    if (!status) {
        qsort(s.jobs.at, s.jobs.count, sizeof *s.jobs.at, by_search);
        status = a->run(cfg, &s, &err);
    }
    cluster_jobs_clear(&s.jobs);
    cluster_ray_close(s.ray);
    if (cli_signals_stop()) return cli_signals_code();
    if (usage) return cli_usage(cfg, "%s", err.text);
    return status ? cli_fail(cfg, &err) : 0;
}

static int run(int argc, char **argv) {
    cli_config *cfg = NULL;
    int code = cli_config_parse(&cfg, &spec, argc, argv);
    if (code != CLI_GO_ON) return code;
    code = run_action(cfg);
    cli_config_free(cfg);
    return code;
}

const cli_command cli_cmd_cluster = {"show, end and read agents on a Ray cluster", run};

#include "cluster/roster.h"

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* Of "node:ADDRESS" a node has 1, so that two of these do not fit. */
#define MOST_OF_A_NODE 0.51
/* A job that was submitted is in the head's list after at most so long. */
#define LISTED_S 15.0
#define RETRY_MOST_S 60.0

static void say(const cluster_roster *roster, const char *format, ...) XLSTM_PRINTF(2, 3);
static void say(const cluster_roster *roster, const char *format, ...) {
    char text[1024];
    va_list args;
    if (!roster->plan.say) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    roster->plan.say(roster->plan.user, text);
}

int cluster_roster_init(cluster_roster *roster, const cluster_roster_plan *plan, xlstm_error *err) {
    const char *key;
    json_t *value;
    *roster = (cluster_roster){.plan = *plan, .told_missing = SIZE_MAX};
    if (plan->resources && !json_is_object(plan->resources))
        return xl_fail(err, XLSTM_EARG, "resources: wanted an object as {\"GPU\": 1}");
    json_object_foreach((json_t *)(uintptr_t)plan->resources, key, value) {
        if (!json_is_number(value) || !(json_number_value(value) > 0) || !isfinite(json_number_value(value)))
            return xl_fail(err, XLSTM_EARG, "resources: %s: wanted a number above 0", key);
        if (!strncmp(key, "node:", 5))
            return xl_fail(err, XLSTM_EARG, "resources: %s: agents are placed on nodes by xltune itself", key);
    }
    return XLSTM_OK;
}

void cluster_roster_clear(cluster_roster *roster) {
    free(roster->at);
    *roster = (cluster_roster){0};
}

char *cluster_roster_prefix(const char *search) {
    return xl_format(CLUSTER_PREFIX "%s-", search);
}

/* ---- machines ---- */

/* Whether a node that is there has what an agent needs. A head that was started with no CPUs is to do no work. */
static bool would_do(const cluster_roster *roster, const cluster_node *node) {
    const char *key;
    json_t *value;
    if (!node->alive || cluster_node_has(node, "CPU") <= 0) return false;
    json_object_foreach((json_t *)(uintptr_t)roster->plan.resources, key, value) {
        if (cluster_node_has(node, key) < json_number_value(value)) return false;
    }
    return true;
}

static const cluster_node *find_node(const cluster_nodes *nodes, const char *id) {
    for (size_t i = 0; i < nodes->count; i++) {
        if (!strcmp(nodes->at[i].id, id)) return &nodes->at[i];
    }
    return NULL;
}

/* A node of that address that would do; NULL: there is none. */
static const cluster_node *find_machine(const cluster_roster *roster, const cluster_nodes *nodes, const char *ip) {
    for (size_t i = 0; i < nodes->count; i++) {
        if (!strcmp(nodes->at[i].ip, ip) && would_do(roster, &nodes->at[i])) return &nodes->at[i];
    }
    return NULL;
}

static cluster_agent *find_agent(const cluster_roster *roster, const char *ip) {
    for (size_t i = 0; i < roster->count; i++) {
        if (!strcmp(roster->at[i].ip, ip)) return &roster->at[i];
    }
    return NULL;
}

static void is_on(cluster_agent *agent, const cluster_node *node) {
    memcpy(agent->node, node->id, sizeof agent->node);
    agent->cpus = cluster_node_has(node, "CPU");
}

static void set_phase(cluster_agent *agent, cluster_phase phase, double now_s) {
    agent->phase = phase;
    agent->since_s = now_s;
    agent->told = false;
}

static cluster_agent *add_agent(cluster_roster *roster, const char *ip, double now_s) {
    if (roster->count == roster->room) {
        const size_t room = roster->room ? roster->room * 2 : 16;
        cluster_agent *grown = realloc(roster->at, room * sizeof *grown);
        if (!grown) return NULL;
        roster->at = grown;
        roster->room = room;
    }
    cluster_agent *agent = &roster->at[roster->count++];
    *agent = (cluster_agent){.next_s = now_s};
    snprintf(agent->ip, sizeof agent->ip, "%s", ip);
    set_phase(agent, CLUSTER_DUE, now_s);
    return agent;
}

/* ---- jobs ---- */

/* The attempt that the id of a job names; 0: none. */
static int attempt_of(const cluster_job *job) {
    const char *dash = strrchr(job->id, '-');
    const long n = dash ? strtol(dash + 1, NULL, 10) : 0;
    return n > 0 && n < 1000000 ? (int)n : 0;
}

static const cluster_job *find_job(const cluster_jobs *jobs, const char *id) {
    for (size_t i = 0; *id && i < jobs->count; i++) {
        if (!strcmp(jobs->at[i].id, id)) return &jobs->at[i];
    }
    return NULL;
}

/* Counts jobs of this search that an earlier process has submitted, and takes over the last one where it lives. */
static bool adopt(cluster_roster *roster, const cluster_jobs *jobs, double now_s) {
    for (size_t i = 0; i < jobs->count; i++) {
        const cluster_job *job = &jobs->at[i];
        const bool lives = !cluster_state_over(job->state);
        if (strcmp(job->search, roster->plan.search) != 0 || !*job->node) continue;
        cluster_agent *agent = find_agent(roster, job->node);
        if (!agent && lives) agent = add_agent(roster, job->node, now_s);
        if (!agent && lives) return false;
        if (!agent || attempt_of(job) <= agent->attempt) continue;
        agent->attempt = attempt_of(job);
        if (!lives || agent->phase != CLUSTER_DUE) continue;
        memcpy(agent->job, job->id, sizeof agent->job);
        set_phase(agent, CLUSTER_WAITING, now_s);
    }
    return true;
}

static void give_up(const cluster_roster *roster, cluster_agent *agent, double now_s) {
    char often[40] = "";
    if (agent->failures > 1) snprintf(often, sizeof often, " %d times", agent->failures);
    agent->unread = true;
    set_phase(agent, CLUSTER_GIVEN_UP, now_s);
    say(roster, "%s: the agent failed%s and is not started again: %s", agent->ip, often, agent->why);
}

/* An agent that ended is started again after a while, unless it fails again and again. `failed`: it is to blame. */
static void lose(const cluster_roster *roster, cluster_agent *agent, const char *why, bool failed, bool quiet,
                 double now_s) {
    const bool told = !strcmp(agent->why, why);
    if (agent->phase == CLUSTER_AT_WORK && now_s - agent->since_s >= CLUSTER_SHORT_S) agent->failures = 0;
    agent->failures += failed;
    agent->unread = true;
    snprintf(agent->why, sizeof agent->why, "%s", why);
    if (agent->failures >= CLUSTER_TRIES) {
        give_up(roster, agent, now_s);
        return;
    }
    agent->next_s = now_s + fmin(RETRY_MOST_S, failed ? ldexp(1, agent->failures) : 1);
    set_phase(agent, CLUSTER_DUE, now_s);
    if (!told && !quiet) say(roster, "%s: the agent is lost and is started again: %s", agent->ip, why);
}

/* The job of an agent may still run, or may begin to run later, though it is no longer counted on. */
static void abandon(const cluster_roster *roster, cluster_agent *agent, const char *why, double now_s) {
    memcpy(agent->orphan, agent->job, sizeof agent->orphan);
    lose(roster, agent, why, false, false, now_s);
}

static void go_absent(const cluster_roster *roster, cluster_agent *agent, double now_s) {
    if (agent->phase != CLUSTER_DUE) memcpy(agent->orphan, agent->job, sizeof agent->orphan);
    snprintf(agent->why, sizeof agent->why, "its node is gone");
    set_phase(agent, CLUSTER_ABSENT, now_s);
    say(roster, "%s: the node is gone; its agent is started again when it is back", agent->ip);
}

static void tell_waiting(const cluster_roster *roster, cluster_agent *agent, double now_s) {
    char *needs = roster->plan.resources ? json_dumps(roster->plan.resources, 0) : NULL;
    if (agent->told || now_s - agent->since_s < CLUSTER_PATIENCE_S) {
        free(needs);
        return;
    }
    agent->told = true;
    if (needs) say(roster, "%s: the agent waits until its node has %s free, and no other agent", agent->ip, needs);
    else
        say(roster, "%s: the agent waits until all %g CPUs of its node are free, and no other agent is there",
            agent->ip, agent->cpus);
    free(needs);
}

static void look_over(const cluster_roster *roster, cluster_agent *agent, const cluster_job *job, double now_s) {
    char why[400];
    if (job->state == CLUSTER_STOPPED) {
        agent->unread = true;
        snprintf(agent->why, sizeof agent->why, "its job was stopped");
        set_phase(agent, CLUSTER_ENDED, now_s);
        say(roster, "%s: somebody has stopped the agent's job; it is not started again", agent->ip);
        return;
    }
    if (job->state == CLUSTER_SUCCEEDED) {
        lose(roster, agent, "it ended by itself", true, !agent->failures, now_s);
        return;
    }
    if (job->exited && job->exit_code == CLUSTER_CANNOT) {
        agent->failures++;
        snprintf(agent->why, sizeof agent->why, "%s", job->why);
        give_up(roster, agent, now_s);
        return;
    }
    if (job->exited && (job->exit_code == -SIGILL || job->exit_code == 128 + SIGILL))
        snprintf(why, sizeof why, "its processor lacks an instruction of the program (signal %d)", SIGILL);
    else if (job->exited && job->exit_code < 0)
        snprintf(why, sizeof why, "it was killed by signal %d", -job->exit_code);
    else if (job->exited) snprintf(why, sizeof why, "exit code %d: %.370s", job->exit_code, job->why);
    else snprintf(why, sizeof why, "%s", *job->why ? job->why : "Ray gives no reason");
    /* A job that Ray has failed because it was pending for long has only waited. */
    const bool waited =
        !job->exited && agent->phase == CLUSTER_WAITING && now_s - agent->since_s > CLUSTER_PENDING_S / 2;
    lose(roster, agent, why, !waited, false, now_s);
}

static void look_at(const cluster_roster *roster, cluster_agent *agent, const cluster_nodes *nodes,
                    const cluster_job *job, double now_s) {
    const cluster_node *at = job ? find_node(nodes, job->at) : NULL;
    if (!find_machine(roster, nodes, agent->ip) ||
        (job && job->state == CLUSTER_RUNNING && *job->at && (!at || !at->alive))) {
        go_absent(roster, agent, now_s);
    } else if (!job) {
        if (now_s - agent->since_s >= LISTED_S) abandon(roster, agent, "the head does not know its job", now_s);
    } else if (cluster_state_over(job->state)) {
        look_over(roster, agent, job, now_s);
    } else if (job->state == CLUSTER_PENDING) {
        if (now_s - agent->since_s >= CLUSTER_PENDING_S)
            abandon(roster, agent, "Ray has not started its job", now_s);
        else tell_waiting(roster, agent, now_s);
    } else if (agent->phase == CLUSTER_WAITING) {
        set_phase(agent, CLUSTER_AT_WORK, now_s);
        say(roster, "%s: the agent is at work%s", agent->ip, agent->attempt > 1 ? " again" : "");
    }
}

/* ---- the whole ---- */

cluster_counts cluster_roster_count(const cluster_roster *roster) {
    cluster_counts n = {0};
    for (size_t i = 0; i < roster->count; i++) {
        const cluster_phase phase = roster->at[i].phase;
        n.at_work += phase == CLUSTER_AT_WORK;
        n.waiting += phase == CLUSTER_DUE || phase == CLUSTER_WAITING;
        n.absent += phase == CLUSTER_ABSENT;
        n.ended += phase == CLUSTER_ENDED;
        n.given_up += phase == CLUSTER_GIVEN_UP;
    }
    return n;
}

static bool wants_more(const cluster_roster *roster) {
    const cluster_counts n = cluster_roster_count(roster);
    return !roster->plan.nodes || n.at_work + n.waiting < roster->plan.nodes;
}

/* An agent without a job waits for its node where that is gone, and for its turn where that is back. */
static void follow_node(const cluster_roster *roster, cluster_agent *agent, const cluster_nodes *nodes,
                        double now_s) {
    const cluster_node *node = find_machine(roster, nodes, agent->ip);
    if (node) is_on(agent, node);
    if (agent->phase == CLUSTER_DUE && !node) {
        go_absent(roster, agent, now_s);
    } else if (agent->phase == CLUSTER_ABSENT && node && wants_more(roster)) {
        agent->next_s = now_s;
        agent->failures = 0;
        set_phase(agent, CLUSTER_DUE, now_s);
    }
}

static size_t count_machines(const cluster_roster *roster, const cluster_nodes *nodes) {
    size_t count = 0;
    for (size_t i = 0; i < nodes->count; i++)
        count += would_do(roster, &nodes->at[i]) && find_machine(roster, nodes, nodes->at[i].ip) == &nodes->at[i];
    return count;
}

static bool add_machines(cluster_roster *roster, const cluster_nodes *nodes, double now_s) {
    for (size_t i = 0; i < nodes->count && wants_more(roster); i++) {
        const cluster_node *node = &nodes->at[i];
        if (!would_do(roster, node) || find_agent(roster, node->ip)) continue;
        cluster_agent *agent = add_agent(roster, node->ip, now_s);
        if (!agent) return false;
        is_on(agent, node);
    }
    return true;
}

/* Says once for how many nodes it waits, and again where that number changes. */
static void tell_missing(cluster_roster *roster) {
    const cluster_counts n = cluster_roster_count(roster);
    const size_t wanted = roster->plan.nodes ? roster->plan.nodes : 1, have = n.at_work + n.waiting;
    const size_t missing = wanted > have ? wanted - have : 0;
    if (missing == roster->told_missing || (!missing && roster->told_missing == SIZE_MAX)) return;
    roster->told_missing = missing;
    if (!missing) return;
    char *needs = roster->plan.resources ? json_dumps(roster->plan.resources, 0) : NULL;
    say(roster, "waiting for %zu more node%s%s%s: the cluster has %zu that would do", missing,
        missing == 1 ? "" : "s", needs ? " with " : "", needs ? needs : "", roster->machines);
    free(needs);
}

bool cluster_roster_look(cluster_roster *roster, const cluster_nodes *nodes, const cluster_jobs *jobs,
                         double now_s) {
    if (!adopt(roster, jobs, now_s)) return false;
    for (size_t i = 0; i < roster->count; i++) {
        cluster_agent *agent = &roster->at[i];
        if (agent->phase == CLUSTER_WAITING || agent->phase == CLUSTER_AT_WORK)
            look_at(roster, agent, nodes, find_job(jobs, agent->job), now_s);
        follow_node(roster, agent, nodes, now_s);
    }
    roster->machines = count_machines(roster, nodes);
    if (!add_machines(roster, nodes, now_s)) return false;
    tell_missing(roster);
    return true;
}

cluster_agent *cluster_roster_due(const cluster_roster *roster, double now_s) {
    for (size_t i = 0; i < roster->count; i++) {
        if (roster->at[i].phase == CLUSTER_DUE && roster->at[i].next_s <= now_s) return &roster->at[i];
    }
    return NULL;
}

/* What an agent asks for, as the members of a request. */
static bool add_resources(const cluster_roster *roster, const cluster_agent *agent, json_t *request) {
    char node[80];
    const char *key;
    json_t *value, *others = json_object();
    bool cpus = false;
    snprintf(node, sizeof node, "node:%s", agent->ip);
    bool ok = others && !json_object_set_new(others, node, json_real(MOST_OF_A_NODE));
    json_object_foreach((json_t *)(uintptr_t)roster->plan.resources, key, value) {
        if (!strcmp(key, "CPU")) {
            cpus = true;
            ok = ok && !json_object_set(request, "entrypoint_num_cpus", value);
        } else if (!strcmp(key, "GPU")) {
            ok = ok && !json_object_set(request, "entrypoint_num_gpus", value);
        } else if (!strcmp(key, "memory")) {
            ok = ok && !json_object_set_new(request, "entrypoint_memory",
                                            json_integer((json_int_t)json_number_value(value)));
        } else {
            ok = ok && !json_object_set(others, key, value);
        }
    }
    if (!cpus) ok = ok && !json_object_set_new(request, "entrypoint_num_cpus", json_real(agent->cpus));
    return !json_object_set_new(request, "entrypoint_resources", others) && ok;
}

json_t *cluster_roster_request(const cluster_roster *roster, cluster_agent *agent) {
    char *address = strdup(agent->ip), *package = xl_format("gcs://%s", roster->plan.package);
    for (char *c = address; c && *c; c++) {
        if (*c == ':' || *c == '%') *c = '_';
    }
    snprintf(agent->job, sizeof agent->job, CLUSTER_PREFIX "%.60s-%s-%d", roster->plan.search,
             address ? address : "", agent->attempt + 1);
    json_t *request = !address || !package
                          ? NULL
                          : json_pack("{s:s, s:s, s:{s:s}, s:{s:s, s:s}}", "submission_id", agent->job,
                                      "entrypoint", roster->plan.command, "runtime_env", "working_dir", package,
                                      "metadata", "xltune_search", roster->plan.search, "xltune_node", agent->ip);
    if (request && !add_resources(roster, agent, request)) {
        json_decref(request);
        request = NULL;
    }
    free(address);
    free(package);
    return request;
}

void cluster_roster_submitted(const cluster_roster *roster, cluster_agent *agent, const char *why, double now_s) {
    if (why) {
        if (strcmp(agent->why, why) != 0) say(roster, "%s: the agent could not be submitted: %s", agent->ip, why);
        snprintf(agent->why, sizeof agent->why, "%s", why);
        agent->next_s = now_s + 5;
        return;
    }
    agent->attempt++;
    set_phase(agent, CLUSTER_WAITING, now_s);
}

bool cluster_roster_is_over(const cluster_roster *roster, char *why, size_t size) {
    const cluster_counts n = cluster_roster_count(roster);
    if (!roster->count || n.at_work || n.waiting || n.absent) return false;
    for (size_t i = 0; i < roster->count; i++) {
        const cluster_agent *agent = &roster->at[i];
        snprintf(why, size, "%s: %s", agent->ip, agent->why);
        if (agent->phase == CLUSTER_GIVEN_UP) break;
    }
    return true;
}

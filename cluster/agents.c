#include "cluster/agents.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"
#include "base/thread.h"
#include "cluster/ray.h"

/* How often the head is asked. A list of many jobs is long, so that it is asked for less often then. */
#define POLL_S 1.0
#define POLL_MOST_S 30.0
#define JOBS_A_SECOND 200.0
#define LOGS_S 10.0
/* Of more agents than these only the logs of lost ones are read before the end. */
enum { LOGS_MOST = 64 };
#define END_S 30.0

struct cluster_agents {
    cluster_ray *ray;
    cluster_package package;
    json_t *resources;
    size_t nodes;
    void (*say)(const char *text);
    int (*cancel)(void *user); /* until the thread starts */
    char *search, *command, *folder, *prefix;

    pthread_t thread;
    bool started;
    pthread_mutex_t mutex; /* of what follows; the roster is used by the thread alone */
    pthread_cond_t wake;
    bool ending;
    double deadline_s; /* by which everything has to end; 0: not ending */
    bool over;
    char why[500];
    cluster_counts counts;

    cluster_roster roster;
    bool unreachable; /* it was said that the head is */
    double logs_s;    /* when logs were fetched last */
};

/* ---- ending requests ---- */

static bool is_ending(cluster_agents *a) {
    pthread_mutex_lock(&a->mutex);
    const bool ending = a->ending;
    pthread_mutex_unlock(&a->mutex);
    return ending;
}

/* Asked during each request: before the thread starts by the options, then at the beginning of the end, which ends
 * the request in flight, and at its deadline. */
static int is_cancelled(void *user) {
    cluster_agents *a = user;
    if (!a->started) return a->cancel ? a->cancel(NULL) : 0;
    pthread_mutex_lock(&a->mutex);
    const bool cancelled = a->ending && xl_now_s() >= a->deadline_s;
    pthread_mutex_unlock(&a->mutex);
    return cancelled;
}

/* ---- opening ---- */

int cluster_agents_open(cluster_agents **out, const cluster_agents_options *options, xlstm_error *err) {
    *out = NULL;
    cluster_agents *a = calloc(1, sizeof *a);
    if (!a) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    pthread_mutex_init(&a->mutex, NULL);
    pthread_cond_init(&a->wake, NULL);
    a->say = options->say;
    a->cancel = options->cancel;
    a->nodes = options->nodes;
    a->resources = json_incref((json_t *)(uintptr_t)options->resources);
    const cluster_roster_plan plan = {.resources = a->resources};
    int status = cluster_roster_init(&a->roster, &plan, err);
    if (!status) status = cluster_ray_open(&a->ray, options->address, is_cancelled, a, err);
    if (!status) status = cluster_package_make(&a->package, &options->package, err);
    if (!status) status = cluster_ray_package(a->ray, a->package.name, a->package.data, a->package.bytes, err);
    if (!status && a->say) {
        char text[256];
        snprintf(text, sizeof text, "Ray %s at %s; sent %s (%.1f MB)", cluster_ray_version(a->ray),
                 cluster_ray_address(a->ray), a->package.words, (double)a->package.bytes * 1e-6);
        a->say(text);
    }
    if (status) cluster_agents_close(a);
    else *out = a;
    return status;
}

const char *cluster_agents_model(const cluster_agents *agents) {
    return agents->package.model;
}

/* ---- the thread ---- */

static void say(cluster_agents *a, const char *text) {
    if (a->say) a->say(text);
}

static void on_roster(void *user, const char *text) {
    say(user, text);
}

/* Says once that the head cannot be reached, and once that it can be again. */
static void tell_reached(cluster_agents *a, int status, const xlstm_error *err) {
    char text[1200];
    if (!status == !a->unreachable || status == XLSTM_ECANCELLED) return;
    a->unreachable = status != 0;
    if (status) {
        snprintf(text, sizeof text, "%s (agents that run go on; lost ones are started again when it answers)",
                 err->text);
        say(a, text);
    } else {
        say(a, "the head answers again");
    }
}

/* Writes what the last job of an agent has printed so far. A log that cannot be had now is had later, or stays with
 * Ray. */
static void keep_log(cluster_agents *a, cluster_agent *agent) {
    xlstm_error err;
    char *text = NULL, *path = xl_format("%s/%s-%d.log", a->folder, agent->ip, agent->attempt);
    size_t bytes;
    if (path && agent->attempt && !cluster_ray_logs(a->ray, agent->job, &text, &bytes, &err)) {
        (void)xl_file_write(path, text, bytes, &err);
        if (agent->phase != CLUSTER_AT_WORK) agent->unread = false;
    }
    free(text);
    free(path);
}

static void keep_logs(cluster_agents *a, bool at_work) {
    for (size_t i = 0; i < a->roster.count; i++) {
        cluster_agent *agent = &a->roster.at[i];
        if (agent->unread || (at_work && agent->phase == CLUSTER_AT_WORK)) keep_log(a, agent);
    }
}

static void publish(cluster_agents *a) {
    pthread_mutex_lock(&a->mutex);
    a->counts = cluster_roster_count(&a->roster);
    a->over = cluster_roster_is_over(&a->roster, a->why, sizeof a->why);
    pthread_mutex_unlock(&a->mutex);
}

/* Submits what is due. The head drops a package that no job uses, so that it is asked for each time. */
static int submit(cluster_agents *a, xlstm_error *err) {
    cluster_agent *agent;
    int status = XLSTM_OK;
    bool sent = false;
    while (!status && !is_ending(a) && (agent = cluster_roster_due(&a->roster, xl_now_s()))) {
        if (!sent) status = cluster_ray_package(a->ray, a->package.name, a->package.data, a->package.bytes, err);
        if (status) return status;
        sent = true;
        json_t *request = cluster_roster_request(&a->roster, agent);
        status = request ? cluster_ray_submit(a->ray, request, err) : xl_fail(err, XLSTM_ENOMEM, "out of memory");
        json_decref(request);
        if (status == XLSTM_ECANCELLED) return status;
        cluster_roster_submitted(&a->roster, agent, status ? err->text : NULL, xl_now_s());
        if (status == XLSTM_EIO) status = XLSTM_OK; /* the next agent may be luckier */
    }
    return status;
}

static void end_orphans(cluster_agents *a) {
    xlstm_error err;
    for (size_t i = 0; i < a->roster.count; i++) {
        cluster_agent *agent = &a->roster.at[i];
        if (*agent->orphan && !cluster_ray_stop(a->ray, agent->orphan, &err)) *agent->orphan = 0;
    }
}

/* Looks once; *jobs_seen: how many jobs there were. */
static int look(cluster_agents *a, size_t *jobs_seen, xlstm_error *err) {
    cluster_nodes nodes;
    cluster_jobs jobs;
    int status = cluster_ray_nodes(a->ray, &nodes, err);
    if (status) return status;
    status = cluster_ray_jobs(a->ray, a->prefix, &jobs, err);
    if (!status) {
        *jobs_seen = jobs.count;
        if (!cluster_roster_look(&a->roster, &nodes, &jobs, xl_now_s()))
            status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
        cluster_jobs_clear(&jobs);
    }
    cluster_nodes_clear(&nodes);
    return status;
}

/* Waits for so long, or until the end begins. */
static void pause_for(cluster_agents *a, double seconds) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)seconds;
    until.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&a->mutex);
    while (!a->ending && pthread_cond_timedwait(&a->wake, &a->mutex, &until) != ETIMEDOUT) continue;
    pthread_mutex_unlock(&a->mutex);
}

/* Asks for the end of every job of the search that lives; *alive: how many there are. */
static int end_jobs(cluster_agents *a, size_t *alive, xlstm_error *err) {
    cluster_jobs jobs;
    int status = cluster_ray_jobs(a->ray, a->prefix, &jobs, err);
    *alive = 0;
    if (status) return status;
    for (size_t i = 0; i < jobs.count; i++) {
        if (cluster_state_over(jobs.at[i].state) || strcmp(jobs.at[i].search, a->search) != 0) continue;
        ++*alive;
        const int stopped = cluster_ray_stop(a->ray, jobs.at[i].id, err);
        if (!status) status = stopped;
    }
    cluster_jobs_clear(&jobs);
    return status;
}

static void end_all(cluster_agents *a) {
    xlstm_error err = {0};
    size_t alive = 1;
    int status = XLSTM_OK;
    while (alive && xl_now_s() < a->deadline_s) {
        status = end_jobs(a, &alive, &err);
        if (status) alive = 1;
        if (alive) nanosleep(&(struct timespec){.tv_nsec = 500000000L}, NULL);
    }
    keep_logs(a, true);
    if (!alive) return;
    char text[1400];
    snprintf(text, sizeof text,
             "agents may still run: %s; they end by themselves when the study tells them so, or by `xltune cluster "
             "stop --ray-address %s`",
             status ? err.text : "Ray has not ended their jobs in time", cluster_ray_address(a->ray));
    say(a, text);
}

static void *follow(void *user) {
    cluster_agents *a = user;
    while (!is_ending(a)) {
        xlstm_error err = {0};
        size_t jobs = 0;
        int status = look(a, &jobs, &err);
        publish(a);
        if (!status) {
            const bool due = xl_now_s() - a->logs_s >= LOGS_S;
            keep_logs(a, due && a->roster.count <= LOGS_MOST);
            if (due) a->logs_s = xl_now_s();
            end_orphans(a);
            status = submit(a, &err);
        }
        tell_reached(a, status, &err);
        const double poll = (double)jobs / JOBS_A_SECOND;
        pause_for(a, poll < POLL_S ? POLL_S : poll > POLL_MOST_S ? POLL_MOST_S : poll);
    }
    end_all(a);
    return NULL;
}

int cluster_agents_start(cluster_agents *a, const char *search, const char *const *arguments, const char *folder,
                         xlstm_error *err) {
    a->search = strdup(search);
    a->folder = strdup(folder);
    a->command = cluster_package_command(arguments);
    a->prefix = a->search ? cluster_roster_prefix(search) : NULL;
    if (!a->search || !a->folder || !a->command || !a->prefix) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    int status = xl_make_folder(folder, err);
    if (status) return status;
    const cluster_roster_plan plan = {.search = a->search,
                                      .command = a->command,
                                      .package = a->package.name,
                                      .nodes = a->nodes,
                                      .resources = a->resources,
                                      .say = on_roster,
                                      .user = a};
    status = cluster_roster_init(&a->roster, &plan, err);
    if (status) return status;
    a->started = true;
    if (xl_thread_start(&a->thread, follow, a)) {
        a->started = false;
        return xl_fail(err, XLSTM_ENOMEM, "agents: no thread could be started");
    }
    return XLSTM_OK;
}

/* ---- from outside ---- */

bool cluster_agents_are_over(cluster_agents *a, xlstm_error *err) {
    pthread_mutex_lock(&a->mutex);
    const bool over = a->over;
    if (over) xl_error_set(err, XLSTM_EIO, "no agent is left: %s", a->why);
    pthread_mutex_unlock(&a->mutex);
    return over;
}

cluster_counts cluster_agents_count(cluster_agents *a) {
    pthread_mutex_lock(&a->mutex);
    const cluster_counts counts = a->counts;
    pthread_mutex_unlock(&a->mutex);
    return counts;
}

void cluster_agents_close(cluster_agents *a) {
    if (!a) return;
    if (a->started) {
        pthread_mutex_lock(&a->mutex);
        a->ending = true;
        a->deadline_s = xl_now_s() + END_S;
        pthread_cond_signal(&a->wake);
        pthread_mutex_unlock(&a->mutex);
        pthread_join(a->thread, NULL);
    }
    cluster_roster_clear(&a->roster);
    cluster_ray_close(a->ray);
    cluster_package_clear(&a->package);
    json_decref(a->resources);
    pthread_mutex_destroy(&a->mutex);
    pthread_cond_destroy(&a->wake);
    free(a->search);
    free(a->command);
    free(a->folder);
    free(a->prefix);
    free(a);
}

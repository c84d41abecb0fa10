/* Which agents there should be, and what to do about it: a table of one agent for each machine, to which what Ray
 * says of nodes and jobs is shown, and which answers with jobs to submit and jobs to end. It connects to nothing
 * and reads no clock, so that tests can play every accident.
 *
 * A machine is an address: several Ray nodes of one address get one agent. Placement is by Ray's own resources: an
 * agent takes all the CPUs of its node (or what --resources says) and more than half of the resource
 * "node:ADDRESS", of which each node has one. So no other work that Ray places runs beside it, and no second agent,
 * whoever starts it. */
#ifndef CLUSTER_ROSTER_H
#define CLUSTER_ROSTER_H

#include "cluster/ray_answers.h"

/* An agent that ended so often, each time within CLUSTER_SHORT_S of its start, is not started again: one that comes
 * further has all that it needs. */
enum { CLUSTER_TRIES = 5 };
#define CLUSTER_SHORT_S 10.0
/* The exit code of a job whose node cannot run the program (package.c). It is not started again. */
enum { CLUSTER_CANNOT = 126 };
/* Ray fails a job that is pending for longer than 900 s. */
#define CLUSTER_PENDING_S 960.0
/* After so long of an agent's waiting it is said what it waits for. */
#define CLUSTER_PATIENCE_S 10.0

typedef struct cluster_roster_plan {
    const char *search;                        /* its name: letters, digits, '-' and '_' */
    const char *command;                       /* of an agent */
    const char *package;                       /* "_ray_pkg_….zip" */
    size_t nodes;                              /* so many agents; 0: one on each node */
    const json_t *resources;                   /* what an agent needs, {"GPU": 1}; NULL: all CPUs of its node */
    void (*say)(void *user, const char *text); /* a line for people; may be NULL */
    void *user;
} cluster_roster_plan;

typedef enum cluster_phase {
    CLUSTER_DUE,     /* is to be submitted, at next_s */
    CLUSTER_WAITING, /* was submitted, and Ray has not started it */
    CLUSTER_AT_WORK,
    CLUSTER_ABSENT, /* its node is not there */
    CLUSTER_ENDED,  /* somebody has stopped it; it is not started again */
    CLUSTER_GIVEN_UP
} cluster_phase;

typedef struct cluster_agent {
    char ip[64], node[65]; /* the machine, and the Ray node on it */
    char job[160];         /* its last job; "": none yet */
    char orphan[160];      /* a job that may still run though it is lost: to be ended; "": none */
    char why[400];         /* what ended it last */
    cluster_phase phase;
    int attempt;  /* the number of its last job; 0: none */
    int failures; /* one after the other */
    bool told;    /* what it waits for was said */
    bool unread;  /* its last job has ended, and nobody has read its log; for the user of the roster to clear */
    double cpus;
    double since_s, next_s;
} cluster_agent;

typedef struct cluster_roster {
    cluster_roster_plan plan;
    cluster_agent *at;
    size_t count, room;
    size_t machines;     /* that have what an agent needs, as of the last look */
    size_t told_missing; /* agents for which there is no machine, when that was said; SIZE_MAX: never */
} cluster_roster;

typedef struct cluster_counts {
    size_t at_work, waiting, absent, ended, given_up;
} cluster_counts;

/* The members of the plan must live as long as the roster. XLSTM_EARG where the resources are no object of positive
 * numbers. */
int cluster_roster_init(cluster_roster *roster, const cluster_roster_plan *plan, xlstm_error *err);
void cluster_roster_clear(cluster_roster *roster);

/* What the ids of all jobs of a search begin with, malloc'd; NULL when out of memory. */
#define CLUSTER_PREFIX "xltune-"
char *cluster_roster_prefix(const char *search);

/* Shows the nodes and the jobs (of that prefix) as they are at `now_s`, seconds of any one clock. Jobs of this
 * search that an earlier process has submitted are taken over. False when out of memory. */
bool cluster_roster_look(cluster_roster *roster, const cluster_nodes *nodes, const cluster_jobs *jobs,
                         double now_s);

/* The next agent to submit; NULL: none is due. */
cluster_agent *cluster_roster_due(const cluster_roster *roster, double now_s);
/* The request for its next job, for cluster_ray_submit; sets agent->job. A new reference; NULL when out of memory.
 */
json_t *cluster_roster_request(const cluster_roster *roster, cluster_agent *agent);
/* Says how submitting went; `why` NULL: well. After a failure it is tried again later. */
void cluster_roster_submitted(const cluster_roster *roster, cluster_agent *agent, const char *why, double now_s);

cluster_counts cluster_roster_count(const cluster_roster *roster);
/* Whether nothing more will come of it: there were agents, and all were stopped or given up. The reason of one is
 * written to `why`. */
bool cluster_roster_is_over(const cluster_roster *roster, char *why, size_t size);

#endif

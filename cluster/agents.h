/* The agents of a search on a Ray cluster: started, followed, started again where they are lost, and ended. A
 * thread of its own asks the head every few seconds. Nothing that the agents measure goes through here or through
 * Ray: they work on the study, so that an unreachable head only means that no lost agent is started again. */
#ifndef CLUSTER_AGENTS_H
#define CLUSTER_AGENTS_H

#include <stdbool.h>

#include <jansson.h>

#include "cluster/package.h"
#include "cluster/roster.h"

typedef struct cluster_agents cluster_agents;

typedef struct cluster_agents_options {
    const char *address; /* of the head: "http://HEAD:8265" */
    cluster_package_options package;
    size_t nodes;                  /* so many agents; 0: one on each node */
    const json_t *resources;       /* what each needs; NULL: all CPUs of its node */
    void (*say)(const char *text); /* a line for people; called from the thread */
    int (*cancel)(void *user);     /* non-zero ends what cluster_agents_open does; may be NULL */
} cluster_agents_options;

/* Finds the head, and makes and sends the package. Starts no agent yet. */
int cluster_agents_open(cluster_agents **out, const cluster_agents_options *options, xlstm_error *err);
/* The checkpoint as a node finds it; NULL: there is none. */
const char *cluster_agents_model(const cluster_agents *agents);

/* Starts one agent a node in the background. `search` names it: letters, digits, '-' and '_'. `arguments`, ended by
 * NULL, are those of xltune on a node. What the agents print is kept in files `folder`/ADDRESS-N.log, N counting
 * its jobs. To be called once. */
int cluster_agents_start(cluster_agents *agents, const char *search, const char *const *arguments,
                         const char *folder, xlstm_error *err);

/* Whether no agent is left, and none will be started; `err` then says why. */
bool cluster_agents_are_over(cluster_agents *agents, xlstm_error *err);
cluster_counts cluster_agents_count(cluster_agents *agents);

/* Ends all agents, waits for up to half a minute until Ray says that they are over, and frees everything. NULL is
 * accepted. */
void cluster_agents_close(cluster_agents *agents);

#endif

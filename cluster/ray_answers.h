/* What a Ray head answers, checked: the text of an answer in, values out. An answer is input from outside, so texts
 * are cut to the room that they have here and cleaned, and an answer of another form is an error that says what was
 * found. Nothing here connects to anything. */
#ifndef CLUSTER_RAY_ANSWERS_H
#define CLUSTER_RAY_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <xlstm/status.h>

/* More nodes or jobs than these in one answer are an error. */
enum { CLUSTER_NODES_MOST = 100000, CLUSTER_JOBS_MOST = 1000000 };

/* The version of the jobs API that this program speaks, and Ray's own version. */
#define CLUSTER_JOBS_API "4"
typedef struct cluster_version {
    char api[16], ray[32];
} cluster_version;
/* {"version": "4", "ray_version": "2.50.0", …}. XLSTM_EFORMAT where it is none; XLSTM_EUNSUPPORTED for another
 * version of the API, with *out filled. */
int cluster_version_read(const char *data, size_t bytes, cluster_version *out, xlstm_error *err);

typedef struct cluster_node {
    char id[65];
    char ip[64];
    bool alive, head;
    json_t *resources; /* what the node has in all: {"CPU": 8.0, "node:10.0.0.5": 1.0}; numbers only */
} cluster_node;
typedef struct cluster_nodes {
    cluster_node *at;
    size_t count;
} cluster_nodes;
/* {"result": true, "data": {"result": {"result": [{…}, …]}}}. */
int cluster_nodes_read(const char *data, size_t bytes, cluster_nodes *out, xlstm_error *err);
void cluster_nodes_clear(cluster_nodes *nodes);
/* How much of a resource the node has; 0 where it has none. */
double cluster_node_has(const cluster_node *node, const char *resource);

typedef enum cluster_state {
    CLUSTER_PENDING,
    CLUSTER_RUNNING,
    CLUSTER_STOPPED,
    CLUSTER_SUCCEEDED,
    CLUSTER_FAILED
} cluster_state;
/* "PENDING", as Ray says it. */
const char *cluster_state_name(cluster_state state);
bool cluster_state_over(cluster_state state);

typedef struct cluster_job {
    char id[160];    /* the submission id */
    char search[64]; /* what our own jobs say in their metadata: the search, and the node that they are for */
    char node[64];   /* an address */
    char at[65];     /* id of the node that it runs on; "" while it does not */
    char why[400];   /* the last line of the message of a job that has failed, or the message; cleaned */
    double began_s;  /* when it was submitted, by the head's clock, in seconds since 1970; 0: not known */
    bool exited;     /* the command itself ended, with `exit_code` */
    int exit_code;
    cluster_state state;
} cluster_job;
typedef struct cluster_jobs {
    cluster_job *at;
    size_t count;
} cluster_jobs;
/* [{…}, …]: those whose submission id begins with `prefix`; the others are left out, whatever they hold. */
int cluster_jobs_read(const char *data, size_t bytes, const char *prefix, cluster_jobs *out, xlstm_error *err);
void cluster_jobs_clear(cluster_jobs *jobs);

/* {"logs": "…"}: *text is malloc'd and NUL-terminated; NUL bytes in it are left out. */
int cluster_logs_read(const char *data, size_t bytes, char **text, size_t *length, xlstm_error *err);

/* The last line with text in an answer that says what went wrong (Ray sends a Python traceback), cleaned and cut.
 */
void cluster_reason(const char *data, size_t bytes, char *out, size_t size);

#endif

/* The head of a Ray cluster, through the REST API of its dashboard: version, nodes, packages and jobs. Each call is
 * one request (or a few), and a failure is one line that begins with the head's address. */
#ifndef CLUSTER_RAY_H
#define CLUSTER_RAY_H

#include <jansson.h>

#include "cluster/http.h"
#include "cluster/ray_answers.h"

typedef struct cluster_ray cluster_ray;

/* Asks the head for its version. XLSTM_EARG: `address` is none. XLSTM_EIO: nobody answers there. XLSTM_EFORMAT: it
 * is no Ray head. XLSTM_EUNSUPPORTED: it speaks another version of the API, or this program has no libcurl. The
 * token of a cluster that wants one is read from the environment variable RAY_AUTH_TOKEN, or from the file that
 * RAY_AUTH_TOKEN_PATH names, as Ray's own programs do. */
int cluster_ray_open(cluster_ray **out, const char *address, int (*cancel)(void *user), void *user,
                     xlstm_error *err);
void cluster_ray_close(cluster_ray *ray);
const char *cluster_ray_address(const cluster_ray *ray);
const char *cluster_ray_version(const cluster_ray *ray); /* "2.50.0" */

int cluster_ray_nodes(cluster_ray *ray, cluster_nodes *out, xlstm_error *err);

/* Makes sure that the head has a package of that name ("_ray_pkg_<hash>.zip"), and keeps it for the next minutes.
 */
int cluster_ray_package(cluster_ray *ray, const char *name, const void *zip, size_t bytes, xlstm_error *err);

/* Submits a job: the request as the API has it, with its "submission_id". A job of that id that is there already
 * counts as submitted: the answer to an earlier request was lost. */
int cluster_ray_submit(cluster_ray *ray, const json_t *request, xlstm_error *err);
/* Our jobs: those whose id begins with `prefix`. */
int cluster_ray_jobs(cluster_ray *ray, const char *prefix, cluster_jobs *out, xlstm_error *err);
/* Asks for the end of a job; that it is over or gone already is no failure. */
int cluster_ray_stop(cluster_ray *ray, const char *id, xlstm_error *err);
/* All that a job has printed. XLSTM_ENOTFOUND: there is no such job. */
int cluster_ray_logs(cluster_ray *ray, const char *id, char **text, size_t *bytes, xlstm_error *err);

#endif

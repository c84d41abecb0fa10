#include "cluster/ray.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

#define SMALL ((size_t)1 << 20)
#define LARGE ((size_t)256 << 20)
#define TOKEN_MOST ((size_t)1 << 16)

struct cluster_ray {
    cluster_http *http;
    cluster_version version;
};

const char *cluster_ray_address(const cluster_ray *ray) {
    return cluster_http_address(ray->http);
}

const char *cluster_ray_version(const cluster_ray *ray) {
    return ray->version.ray;
}

/* An answer that says no: the request, the code, and the last line of what the head says. */
static int refused(const cluster_ray *ray, const char *method, const char *path, const cluster_answer *answer,
                   xlstm_error *err) {
    char why[400];
    cluster_reason(answer->data, answer->bytes, why, sizeof why);
    if (answer->code == 401 || answer->code == 403)
        return xl_fail(err, XLSTM_EIO, "%s: the cluster wants a token (HTTP %ld); set RAY_AUTH_TOKEN",
                       cluster_ray_address(ray), answer->code);
    return xl_fail(err, answer->code == 404 ? XLSTM_ENOTFOUND : XLSTM_EIO, "%s: %s %s: HTTP %ld: %s",
                   cluster_ray_address(ray), method, path, answer->code, why);
}

/* Puts the head's address before the text of an error about its answer. */
static int about(const cluster_ray *ray, int status, xlstm_error *err) {
    if (!status || !err) return status;
    const xlstm_error inner = *err;
    return xl_fail(err, status, "%s: %.900s", cluster_ray_address(ray), inner.text);
}

/* An answer with code 200; any other is an error. */
static int ask(cluster_ray *ray, const char *method, const char *path, const void *body, size_t bytes,
               const char *type, size_t limit, cluster_answer *out, xlstm_error *err) {
    int status = cluster_http_ask(ray->http, method, path, body, bytes, type, limit, out, err);
    if (status || out->code == 200) return status;
    status = refused(ray, method, path, out, err);
    cluster_answer_clear(out);
    return status;
}

/* The token as Ray's own programs find it, malloc'd; NULL: there is none. */
static int read_token(char **token, xlstm_error *err) {
    const char *text = getenv("RAY_AUTH_TOKEN"), *path = getenv("RAY_AUTH_TOKEN_PATH");
    size_t bytes;
    *token = NULL;
    if (text && *text) {
        *token = strdup(text);
        return *token ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "out of memory");
    }
    if (!path || !*path) return XLSTM_OK;
    int status = xl_file_read(path, TOKEN_MOST, token, &bytes, err);
    if (!status) (*token)[strcspn(*token, "\r\n")] = 0;
    return status;
}

int cluster_ray_open(cluster_ray **out, const char *address, int (*cancel)(void *user), void *user,
                     xlstm_error *err) {
    cluster_answer answer;
    char *token;
    *out = NULL;
    int status = read_token(&token, err);
    if (status) return status;
    cluster_ray *ray = calloc(1, sizeof *ray);
    status =
        ray ? cluster_http_open(
                  &ray->http,
                  &(cluster_http_options){.address = address, .token = token, .cancel = cancel, .user = user}, err)
            : xl_fail(err, XLSTM_ENOMEM, "out of memory");
    free(token);
    if (status == XLSTM_EARG && err) {
        const xlstm_error inner = *err;
        status = xl_fail(err, XLSTM_EARG, "ray_address: %.900s", inner.text);
    }
    if (!status) {
        status = ask(ray, "GET", "/api/version", NULL, 0, NULL, SMALL, &answer, err);
        /* Another server than a head has no such page. */
        if (status == XLSTM_ENOTFOUND)
            status = xl_fail(err, XLSTM_EFORMAT,
                             "%s: found a server without /api/version, wanted the dashboard of a "
                             "Ray head",
                             address);
        if (!status) {
            status = about(ray, cluster_version_read(answer.data, answer.bytes, &ray->version, err), err);
            cluster_answer_clear(&answer);
        }
    }
    if (status) cluster_ray_close(ray);
    else *out = ray;
    return status;
}

void cluster_ray_close(cluster_ray *ray) {
    if (!ray) return;
    cluster_http_close(ray->http);
    free(ray);
}

int cluster_ray_nodes(cluster_ray *ray, cluster_nodes *out, xlstm_error *err) {
    cluster_answer answer;
    *out = (cluster_nodes){0};
    int status = ask(ray, "GET", "/api/v0/nodes?detail=false&limit=10000", NULL, 0, NULL, LARGE, &answer, err);
    if (status) return status;
    status = about(ray, cluster_nodes_read(answer.data, answer.bytes, out, err), err);
    cluster_answer_clear(&answer);
    return status;
}

int cluster_ray_package(cluster_ray *ray, const char *name, const void *zip, size_t bytes, xlstm_error *err) {
    cluster_answer answer;
    char *path = xl_format("/api/packages/gcs/%s", name);
    if (!path) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    int status = ask(ray, "GET", path, NULL, 0, NULL, SMALL, &answer, err);
    if (status == XLSTM_ENOTFOUND)
        status = ask(ray, "PUT", path, zip, bytes, "application/octet-stream", SMALL, &answer, err);
    if (!status) cluster_answer_clear(&answer);
    free(path);
    return status;
}

int cluster_ray_submit(cluster_ray *ray, const json_t *request, xlstm_error *err) {
    cluster_answer answer;
    char *text = json_dumps(request, JSON_COMPACT);
    const char *id = json_string_value(json_object_get(request, "submission_id"));
    if (!text || !id) {
        free(text);
        return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    }
    int status = ask(ray, "POST", "/api/jobs/", text, strlen(text), "application/json", SMALL, &answer, err);
    if (!status) {
        cluster_answer_clear(&answer);
    } else if (status == XLSTM_EIO) {
        xlstm_error ignored;
        char *path = xl_format("/api/jobs/%s", id);
        if (path && !ask(ray, "GET", path, NULL, 0, NULL, SMALL, &answer, &ignored)) {
            status = XLSTM_OK;
            cluster_answer_clear(&answer);
        }
        free(path);
    }
    free(text);
    return status;
}

int cluster_ray_jobs(cluster_ray *ray, const char *prefix, cluster_jobs *out, xlstm_error *err) {
    cluster_answer answer;
    *out = (cluster_jobs){0};
    int status = ask(ray, "GET", "/api/jobs/", NULL, 0, NULL, LARGE, &answer, err);
    if (status) return status;
    status = about(ray, cluster_jobs_read(answer.data, answer.bytes, prefix, out, err), err);
    cluster_answer_clear(&answer);
    return status;
}

int cluster_ray_stop(cluster_ray *ray, const char *id, xlstm_error *err) {
    cluster_answer answer;
    char *path = xl_format("/api/jobs/%s/stop", id);
    if (!path) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    int status = ask(ray, "POST", path, NULL, 0, NULL, SMALL, &answer, err);
    if (!status) cluster_answer_clear(&answer);
    free(path);
    return status == XLSTM_ENOTFOUND ? XLSTM_OK : status;
}

int cluster_ray_logs(cluster_ray *ray, const char *id, char **text, size_t *bytes, xlstm_error *err) {
    cluster_answer answer;
    char *path = xl_format("/api/jobs/%s/logs", id);
    *text = NULL;
    if (!path) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    int status = ask(ray, "GET", path, NULL, 0, NULL, LARGE, &answer, err);
    free(path);
    if (status) return status;
    status = about(ray, cluster_logs_read(answer.data, answer.bytes, text, bytes, err), err);
    cluster_answer_clear(&answer);
    return status;
}

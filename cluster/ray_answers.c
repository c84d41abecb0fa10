#include "cluster/ray_answers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

/* Copies a text of JSON, cut at `size` and cleaned; "" for anything else. */
static void copy(const json_t *value, char *out, size_t size) {
    const char *text = json_string_value(value);
    snprintf(out, size, "%s", text ? text : "");
    xl_utf8_clean(out);
}

static json_t *parse(const char *what, const char *data, size_t bytes, xlstm_error *err) {
    json_error_t at;
    json_t *j = json_loadb(data, bytes, 0, &at);
    char start[64];
    if (j) return j;
    cluster_reason(data, bytes < 512 ? bytes : 512, start, sizeof start);
    xl_error_set(err, XLSTM_EFORMAT, "%s: found an answer that begins with '%.40s', wanted JSON of a Ray head",
                 what, start);
    return NULL;
}

int cluster_version_read(const char *data, size_t bytes, cluster_version *out, xlstm_error *err) {
    *out = (cluster_version){{0}, {0}};
    json_t *j = parse("/api/version", data, bytes, err);
    if (!j) return XLSTM_EFORMAT;
    copy(json_object_get(j, "version"), out->api, sizeof out->api);
    copy(json_object_get(j, "ray_version"), out->ray, sizeof out->ray);
    json_decref(j);
    if (!*out->api || !*out->ray)
        return xl_fail(err, XLSTM_EFORMAT,
                       "/api/version: found no version and ray_version, wanted those of a Ray head");
    if (strcmp(out->api, CLUSTER_JOBS_API) != 0)
        return xl_fail(err, XLSTM_EUNSUPPORTED,
                       "Ray %s: found version %s of the jobs API, wanted " CLUSTER_JOBS_API, out->ray, out->api);
    return XLSTM_OK;
}

/* ---- nodes ---- */

void cluster_nodes_clear(cluster_nodes *nodes) {
    for (size_t i = 0; i < nodes->count; i++) json_decref(nodes->at[i].resources);
    free(nodes->at);
    *nodes = (cluster_nodes){0};
}

double cluster_node_has(const cluster_node *node, const char *resource) {
    return json_number_value(json_object_get(node->resources, resource));
}

static json_t *numbers_of(const json_t *object) {
    json_t *out = json_object(), *value;
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        if (json_is_number(value) && isfinite(json_number_value(value)) && json_number_value(value) >= 0)
            json_object_set(out, key, value);
    }
    return out;
}

/* A node's address goes into names and commands, so it may hold nothing else than addresses do. */
static bool is_address(const char *text) {
    return *text && strspn(text, "0123456789abcdefABCDEF.:%") == strlen(text);
}

static int read_node(const json_t *j, cluster_node *out, xlstm_error *err) {
    char state[16];
    copy(json_object_get(j, "node_id"), out->id, sizeof out->id);
    copy(json_object_get(j, "node_ip"), out->ip, sizeof out->ip);
    copy(json_object_get(j, "state"), state, sizeof state);
    if (!*out->id || !is_address(out->ip))
        return xl_fail(err, XLSTM_EFORMAT,
                       "/api/v0/nodes: found node_id '%s' and node_ip '%s', wanted an id and an "
                       "address",
                       out->id, out->ip);
    out->alive = !strcmp(state, "ALIVE");
    out->head = json_is_true(json_object_get(j, "is_head_node"));
    out->resources = numbers_of(json_object_get(j, "resources_total"));
    return out->resources ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "out of memory");
}

int cluster_nodes_read(const char *data, size_t bytes, cluster_nodes *out, xlstm_error *err) {
    *out = (cluster_nodes){0};
    json_t *j = parse("/api/v0/nodes", data, bytes, err);
    if (!j) return XLSTM_EFORMAT;
    const json_t *list = json_object_get(json_object_get(json_object_get(j, "data"), "result"), "result");
    const size_t count = json_array_size(list);
    int status = XLSTM_OK;
    if (!json_is_array(list) || count > CLUSTER_NODES_MOST)
        status = xl_fail(err, XLSTM_EFORMAT,
                         "/api/v0/nodes: found %zu nodes in data.result.result, wanted a list of "
                         "at most %d",
                         count, CLUSTER_NODES_MOST);
    const json_t *total = json_object_get(json_object_get(json_object_get(j, "data"), "result"), "total");
    if (!status && json_is_integer(total) && json_integer_value(total) > (json_int_t)count)
        status = xl_fail(err, XLSTM_EUNSUPPORTED, "/api/v0/nodes: found %zu of %lld nodes, wanted all", count,
                         (long long)json_integer_value(total));
    if (!status && !(out->at = calloc(count + 1, sizeof *out->at)))
        status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    for (size_t i = 0; !status && i < count; i++) {
        status = read_node(json_array_get(list, i), &out->at[i], err);
        if (!status) out->count++;
    }
    json_decref(j);
    if (status) cluster_nodes_clear(out);
    return status;
}

/* ---- jobs ---- */

static const char *const states[] = {[CLUSTER_PENDING] = "PENDING",
                                     [CLUSTER_RUNNING] = "RUNNING",
                                     [CLUSTER_STOPPED] = "STOPPED",
                                     [CLUSTER_SUCCEEDED] = "SUCCEEDED",
                                     [CLUSTER_FAILED] = "FAILED"};
enum { STATES = sizeof states / sizeof *states };

const char *cluster_state_name(cluster_state state) {
    return states[state];
}

bool cluster_state_over(cluster_state state) {
    return state == CLUSTER_STOPPED || state == CLUSTER_SUCCEEDED || state == CLUSTER_FAILED;
}

void cluster_jobs_clear(cluster_jobs *jobs) {
    free(jobs->at);
    *jobs = (cluster_jobs){0};
}

void cluster_reason(const char *data, size_t bytes, char *out, size_t size) {
    const char *end = data + bytes, *line;
    for (line = end;; end = line > data ? line - 1 : data, line = end) {
        while (line > data && line[-1] != '\n') line--;
        while (end > line && strchr(" \t\r\n", end[-1])) end--;
        if (end > line || line == data) break;
    }
    while (line < end && strchr(" \t", *line)) line++;
    snprintf(out, size, "%.*s", end - line > 4096 ? 4096 : (int)(end - line), line);
    xl_utf8_clean(out);
}

static int read_job(const json_t *j, const char *id, cluster_job *out, xlstm_error *err) {
    char state[16];
    const json_t *metadata = json_object_get(j, "metadata"), *code = json_object_get(j, "driver_exit_code");
    const json_t *began = json_object_get(j, "start_time"), *message = json_object_get(j, "message");
    snprintf(out->id, sizeof out->id, "%s", id);
    copy(json_object_get(j, "status"), state, sizeof state);
    copy(json_object_get(metadata, "xltune_search"), out->search, sizeof out->search);
    copy(json_object_get(metadata, "xltune_node"), out->node, sizeof out->node);
    copy(json_object_get(j, "driver_node_id"), out->at, sizeof out->at);
    cluster_reason(json_is_string(message) ? json_string_value(message) : "", json_string_length(message), out->why,
                   sizeof out->why);
    if (json_is_number(began) && isfinite(json_number_value(began))) out->began_s = json_number_value(began) / 1000;
    out->exited = json_is_integer(code);
    if (out->exited) out->exit_code = (int)json_integer_value(code);
    for (int i = 0; i < STATES; i++) {
        if (strcmp(states[i], state) != 0) continue;
        out->state = (cluster_state)i;
        return XLSTM_OK;
    }
    return xl_fail(err, XLSTM_EFORMAT,
                   "/api/jobs/: job %s: found status '%s', wanted PENDING, RUNNING, STOPPED, "
                   "SUCCEEDED or FAILED",
                   out->id, state);
}

int cluster_jobs_read(const char *data, size_t bytes, const char *prefix, cluster_jobs *out, xlstm_error *err) {
    *out = (cluster_jobs){0};
    json_t *j = parse("/api/jobs/", data, bytes, err), *one;
    if (!j) return XLSTM_EFORMAT;
    const size_t count = json_array_size(j);
    int status = XLSTM_OK;
    size_t i;
    if (!json_is_array(j) || count > CLUSTER_JOBS_MOST)
        status = xl_fail(err, XLSTM_EFORMAT, "/api/jobs/: found %zu jobs, wanted a list of at most %d", count,
                         CLUSTER_JOBS_MOST);
    size_t ours = 0;
    json_array_foreach(j, i, one) {
        const char *id = json_string_value(json_object_get(one, "submission_id"));
        ours += id && !strncmp(id, prefix, strlen(prefix));
    }
    if (!status && !(out->at = calloc(ours + 1, sizeof *out->at)))
        status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    json_array_foreach(j, i, one) {
        const char *id = json_string_value(json_object_get(one, "submission_id"));
        if (status || !id || strncmp(id, prefix, strlen(prefix)) != 0) continue;
        if (strlen(id) >= sizeof out->at->id || strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                                           "0123456789._-") != strlen(id))
            continue; /* not made by this program */
        status = read_job(one, id, &out->at[out->count], err);
        if (!status) out->count++;
    }
    json_decref(j);
    if (status) cluster_jobs_clear(out);
    return status;
}

/* ---- logs ---- */

int cluster_logs_read(const char *data, size_t bytes, char **text, size_t *length, xlstm_error *err) {
    *text = NULL;
    *length = 0;
    json_error_t at;
    json_t *j = json_loadb(data, bytes, JSON_ALLOW_NUL, &at), *logs = json_object_get(j, "logs");
    if (!json_is_string(logs)) {
        json_decref(j);
        return xl_fail(err, XLSTM_EFORMAT, "/api/jobs/…/logs: found no text under logs, wanted the log of a job");
    }
    const char *from = json_string_value(logs);
    const size_t n = json_string_length(logs);
    char *out = malloc(n + 1);
    for (size_t i = 0; out && i < n; i++) {
        if (from[i]) out[(*length)++] = from[i];
    }
    json_decref(j);
    if (!out) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    out[*length] = 0;
    *text = out;
    return XLSTM_OK;
}

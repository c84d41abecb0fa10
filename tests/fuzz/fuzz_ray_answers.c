/* The input is what a Ray head answers; each reader gets all of it. */
#include <stdlib.h>
#include <string.h>

#include "cluster/ray_answers.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    cluster_version version;
    cluster_nodes nodes;
    cluster_jobs jobs;
    char *log, why[40];
    size_t bytes;
    xlstm_error err = {.status = XLSTM_OK};
    int status = cluster_version_read(text, size, &version, &err);
    if (status && (status != err.status || !err.text[0])) abort();
    status = cluster_nodes_read(text, size, &nodes, &err);
    if (status && (status != err.status || nodes.count)) abort();
    for (size_t i = 0; i < nodes.count; i++) {
        if (!nodes.at[i].id[0] || !nodes.at[i].ip[0] || cluster_node_has(&nodes.at[i], "CPU") < 0) abort();
    }
    cluster_nodes_clear(&nodes);
    status = cluster_jobs_read(text, size, "xltune-", &jobs, &err);
    if (status && (status != err.status || jobs.count)) abort();
    for (size_t i = 0; i < jobs.count; i++) {
        if (strncmp(jobs.at[i].id, "xltune-", 7) != 0 || !cluster_state_name(jobs.at[i].state)) abort();
    }
    cluster_jobs_clear(&jobs);
    status = cluster_logs_read(text, size, &log, &bytes, &err);
    if (!status && strlen(log) != bytes) abort();
    free(log);
    cluster_reason(text, size, why, sizeof why);
    if (strlen(why) >= sizeof why || strchr(why, '\n')) abort();
    return 0;
}

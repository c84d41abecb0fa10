/* The agents of `xltune optimize --ray-address URL` on a Ray cluster. */
#ifndef CLI_OPTIMIZE_CLUSTER_H
#define CLI_OPTIMIZE_CLUSTER_H

#include "cli/config.h"
#include "cluster/agents.h"

/* What is no usage of the flags of clusters, or NULL. Where it is one that --ray-address makes wrong, the study
 * must be one that all nodes reach. */
const char *cli_cluster_misuse(const cli_config *cfg);

/* Finds the head and sends the package, where the configuration names a cluster; *out is NULL where it names none.
 * Returns CLI_GO_ON or an exit code, with the reason printed. */
int cli_cluster_open(cluster_agents **out, cli_config *cfg, const char *argv0);
/* Starts an agent on each node, for that fleet of the study. Their logs go into LOG_DIR/agents_FLEET. */
int cli_cluster_start(cluster_agents *agents, const cli_config *cfg, const char *fleet, xlstm_error *err);

#endif

#include "cli/optimize_cluster.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cli/optimize.h"
#include "cli/signals.h"
#include "tuner/study/study_address.h"
#include "tuner/target/targets.h"

enum { NODES_MOST = 100000 };

/* 0: all; -1: neither that nor a number. */
static long nodes_of(const cli_config *cfg) {
    const char *text = cli_str(cfg, "nodes");
    char *end;
    if (!strcmp(text, "all")) return 0;
    const long n = strtol(text, &end, 10);
    return end != text && !*end && n >= 1 && n <= NODES_MOST ? n : -1;
}

const char *cli_cluster_misuse(const cli_config *cfg) {
    static const char *const keys[] = {"nodes", "resources", "ship"};
    const bool cluster = cli_str(cfg, "ray_address") != NULL;
    for (size_t i = 0; !cluster && i < sizeof keys / sizeof *keys; i++) {
        if (!cli_is_set(cfg, keys[i])) continue;
        return i == 0   ? "nodes: it is for a cluster, which --ray-address names"
               : i == 1 ? "resources: it is for a cluster, which --ray-address names"
                        : "ship: it is for a cluster, which --ray-address names";
    }
    if (!cluster) return NULL;
    if (strcmp(cli_str(cfg, "backend"), "ray") != 0)
        return "ray_address: a cluster is for --backend ray; the other schedulers work in this process";
    if (nodes_of(cfg) < 0) return "nodes: wanted all, or a number from 1 to 100000";
    const char *study = cli_str(cfg, "study");
    if (!study || !tune_study_is_server(study))
        return "ray_address: the nodes need a study that all of them reach, --study "
               "postgresql://USER@HOST/DATABASE; "
               "a file is seen by this machine alone";
    return NULL;
}

static void say(const char *text) {
    cli_notice("%s", text);
}

int cli_cluster_open(cluster_agents **out, cli_config *cfg, const char *argv0) {
    const char *address = cli_str(cfg, "ray_address"), *model = NULL;
    const tune_target_class *class = tune_target_find(cli_str(cfg, "target"));
    const size_t ships = cli_list_count(cfg, "ship");
    xlstm_error err = {0};
    *out = NULL;
    if (!address || !class) return CLI_GO_ON; /* a target that there is not is told of later */
    if (class->of_checkpoint && !(model = cli_model_path(cfg, &err))) return cli_fail(cfg, &err);
    char *program = cli_find_program(argv0);
    const char **ship = xl_array(ships, sizeof *ship);
    for (size_t i = 0; ship && i < ships; i++) ship[i] = cli_list_str(cfg, "ship", i);
    const cluster_agents_options options = {
        .address = address,
        .package = {.program = program, .model = model, .ship = ship, .ships = ships},
        .nodes = (size_t)nodes_of(cfg),
        .resources = cli_object(cfg, "resources"),
        .say = say,
        .cancel = cli_signals_cancel};
    int status =
        ship && program ? cluster_agents_open(out, &options, &err) : xl_fail(&err, XLSTM_ENOMEM, "out of memory");
    free(ship);
    free(program);
    if (!status) return CLI_GO_ON;
    if (cli_signals_stop()) return cli_signals_code();
    return status == XLSTM_EARG ? cli_usage(cfg, "%s", err.text) : cli_fail(cfg, &err);
}

int cli_cluster_start(cluster_agents *agents, const cli_config *cfg, const char *fleet, xlstm_error *err) {
    const char *model = cluster_agents_model(agents);
    char *folder = xl_format("%s/agents_%.8s", cli_str(cfg, "log_dir"), fleet);
    const char *const arguments[] = {
        "agent", "--study", cli_str(cfg, "study"), "--fleet", fleet, model ? "--model_path" : NULL, model, NULL};
    int status = folder ? cluster_agents_start(agents, fleet, arguments, folder, err)
                        : xl_fail(err, XLSTM_ENOMEM, "out of memory");
    free(folder);
    return status;
}

/* xltune optimize: what the configuration says of the search. */
#include <string.h>

#include "cli/optimize.h"
#include "cli/signals.h"
#include "tuner/search/strategy.h"

static int stopped(void *ctx) {
    (void)ctx;
    return cli_signals_stop() != 0;
}

/* The strategy to use: the one asked for by `mode`, or where only `generations` or `population` were given the
 * first one that works in generations. */
static const tune_strategy_class *mode_of(const cli_config *cfg) {
    const bool generations = cli_is_set(cfg, "generations") || cli_is_set(cfg, "population");
    for (int i = 0; !cli_is_set(cfg, "mode") && generations && tune_strategies[i]; i++) {
        if (tune_strategies[i]->ends == TUNE_ENDS_GENERATIONS) return tune_strategies[i];
    }
    return tune_strategy_find(cli_str(cfg, "mode"));
}

void cli_job_options(const cli_job *job, tune_drive_options *o) {
    const cli_config *cfg = job->cfg;
    const tune_metrics *metrics = job->target.metrics;
    tune_drive_options_init(o, metrics);
    const tune_strategy_class *mode = mode_of(cfg);
    o->mode = mode->name;
    o->seed = (uint64_t)cli_int(cfg, "seed");
    o->trials = mode->exhaustive && !cli_is_set(cfg, "trials") ? 0 : (int)cli_int(cfg, "trials");
    o->population = (int)cli_int(cfg, "population");
    o->generations = (int)cli_int(cfg, "generations");
    if (cli_has(cfg, "budget")) o->budget_s = cli_num(cfg, "budget");
    if (cli_has(cfg, "spread")) o->spread_s = cli_num(cfg, "spread");
    int effort = tune_effort_parse(cli_str(cfg, "effort"));
    o->effort = effort < 0 ? TUNE_NORMAL : (tune_effort)effort;
    /* The default of `repeats` means one sample for a first look; only a number given by the user limits how many
     * samples the race may add. */
    o->repeats = cli_is_set(cfg, "repeats") ? (int)cli_int(cfg, "repeats") : 0;
    o->every = cli_has(cfg, "export_landscape");
    memcpy(o->objective, job->objective, sizeof o->objective);
    o->objectives = job->objectives;
    o->apart = mode->divides && metrics->apart[0] >= 0 && o->objectives == 1 && o->objective[0] == metrics->seconds;
    o->stop = stopped;
}

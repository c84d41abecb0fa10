/* What the verdict of several machines is worth: thousands of last comparisons whose processes run in turn on
 * simulated machines, each with an effect of its own. Prints CSV.
 *
 * usage: honesty_nodes [RUNS]
 *
 * nodes: machines of the kind that take part; node_sd: of their effects, in units of the scatter of processes (1
 * %); odd: by how much one of them differs besides; processes: how many each comparison used on average; covered:
 * share of intervals that hold the kind's mean ratio, of all machines of the kind, which the odd one is not; good:
 * that hold the mean of those that took part, without the odd one; all: with it, which the interval does not speak
 * of where the odd one is surely not of the kind; alone: the first for the interval of independent processes, which
 * knows no machines; width and alone_width: medians, in percent; aside: share of comparisons that set a machine
 * aside; left_out: share whose interval does not also hold with all of them; found: share that set the odd one
 * aside and no other. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "tuner/measure/final.h"
#include "tuner/measure/nodes.h"
#include "tuner/measure/stats.h"

#define PROCESS_SD 0.01
#define TRUTH 0.04

typedef struct world {
    xl_rng rng;
    int nodes, at;
    double effect[TUNE_NODES_MOST];
} world;

static int run_process(void *ctx, const tune_block_plan *plan, tune_block_result *out, xlstm_error *err) {
    world *w = ctx;
    (void)err;
    const double x = TRUTH + w->effect[w->at++ % w->nodes] + PROCESS_SD * xl_rng_normal(&w->rng);
    *out = (tune_block_result){.blocks = plan->blocks, .seconds = 1, .at = 1 + w->at};
    for (int i = 0; i < plan->blocks; i++) out->log_ratio[i] = x;
    return 0;
}

static int simulate(tune_effort effort, int nodes, double node_sd, double odd, int runs) {
    double *width = malloc((size_t)runs * sizeof *width), *alone = malloc((size_t)runs * sizeof *alone);
    int covered = 0, good_covered = 0, all_covered = 0, alone_covered = 0, aside = 0, found = 0, sure = 0;
    double processes = 0;
    if (!width || !alone) return 1;
    for (int run = 0; run < runs; run++) {
        world w = {.nodes = nodes};
        tune_final_options o;
        tune_final f;
        tune_nodes s;
        int of[TUNE_PROCESSES_MOST];
        xl_rng_seed(&w.rng, 1000003 * (uint64_t)(run + 1) + (uint64_t)nodes);
        for (int i = 0; i < nodes; i++) w.effect[i] = node_sd * PROCESS_SD * xl_rng_normal(&w.rng);
        double good = TRUTH, all = TRUTH;
        for (int i = 0; i < nodes; i++) good += odd > 0 && i == nodes / 2 ? 0 : w.effect[i] / (nodes - (odd > 0));
        w.effect[nodes / 2] += odd;
        for (int i = 0; i < nodes; i++) all += w.effect[i] / nodes;
        tune_final_options_init(&o, effort);
        o.machines = nodes;
        o.seed = (uint64_t)run + 1;
        o.now_s = NULL;
        if (tune_final_run(&o, run_process, &w, &f, NULL)) return 1;
        processes += f.processes;
        for (int i = 0; i < f.processes; i++) of[i] = i % nodes;
        alone_covered += f.log_low <= TRUTH && f.log_high >= TRUTH;
        alone[run] = 100 * (f.log_high - f.log_low);
        tune_nodes_judge(&f, of, nodes, &s);
        covered += f.log_low <= TRUTH && f.log_high >= TRUTH;
        good_covered += f.log_low <= good && f.log_high >= good;
        all_covered += f.log_low <= all && f.log_high >= all;
        width[run] = 100 * (f.log_high - f.log_low);
        aside += s.left < nodes;
        found += s.left == nodes - 1 && s.at[nodes / 2].aside;
        sure += s.left < nodes && s.unsure < nodes - s.left;
    }
    static const char *const names[] = {
        [TUNE_QUICK] = "quick", [TUNE_NORMAL] = "normal", [TUNE_THOROUGH] = "thorough"};
    printf("%s,%d,%g,%g,%d,%.1f,%.4f,%.4f,%.4f,%.4f,%.2f,%.2f,%.4f,%.4f,%.4f\n", names[effort], nodes, node_sd, odd,
           runs, processes / runs, (double)covered / runs, (double)good_covered / runs, (double)all_covered / runs,
           (double)alone_covered / runs, tune_median(width, (size_t)runs), tune_median(alone, (size_t)runs),
           (double)aside / runs, (double)sure / runs, odd > 0 ? (double)found / runs : 0);
    fflush(stdout);
    free(width);
    free(alone);
    return 0;
}

int main(int argc, char **argv) {
    static const int nodes[] = {2, 3, 4, 6, 8, 16};
    static const double node_sd[] = {0, 0.25, 0.5, 1, 2, 5}, odd[] = {0.02, 0.05, 0.2};
    const int runs = argc > 1 ? atoi(argv[1]) : 4000;
    int status = runs < 1;
    printf(
        "effort,nodes,node_sd,odd,runs,processes,covered,good,all,alone,width,alone_width,aside,left_out,found\n");
    for (int effort = TUNE_QUICK; effort <= TUNE_NORMAL; effort++) {
        for (size_t n = 0; n < sizeof nodes / sizeof *nodes && !status; n++) {
            for (size_t s = 0; s < sizeof node_sd / sizeof *node_sd && !status; s++)
                status = simulate((tune_effort)effort, nodes[n], node_sd[s], 0, runs);
            for (size_t k = 0; k < sizeof odd / sizeof *odd && !status; k++)
                status = simulate((tune_effort)effort, nodes[n], 0.25, odd[k], runs);
        }
    }
    return status;
}

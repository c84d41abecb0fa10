/* What more agents buy: searches of recorded landscapes by simulated agents that measure at the same time, each
 * trial for as long as it took when it was recorded. Prints CSV: for each landscape and number of agents the mean
 * seconds until the best point of the strategy is within 5 % of the optimum, and how many times sooner that is than
 * with one.
 *
 * usage: fleet_replay FOLDER [--seeds K] [--strategy NAME] [--agents A,B,…] [--spare S] [--only PART]
 *
 * As the proposing process does, it proposes ahead of the agents: one trial for each, and as many more as they
 * finish in S seconds (default: the proposing process's own 0.25), at least one. One agent stands for a search
 * without agents, which proposes when a trial has ended. The last lines have, over all landscapes, the sum of the
 * seconds and how much sooner that is, and the geometric mean and the median of "sooner".
 * Landscapes whose rows have no recorded cost count a second for each row. */
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/memory.h"
#include "base/pool.h"
#include "tuner/landscape/landscape.h"
#include "tuner/measure/stats.h"
#include "tuner/search/strategy.h"

enum { AGENTS = 256, KINDS = 8, SEEDS = 1000, LANDSCAPES = 256, AHEAD_MOST = 64, EVALUATIONS = 5000 };
#define NEAR 0.95

typedef struct options {
    const char *strategy, *only;
    int seeds, kinds, agents[KINDS];
    double spare_s;
} options;

typedef struct search {
    const tune_landscape *l;
    const options *o;
    int agents;
    double seconds[SEEDS];
    int trials[SEEDS]; /* measured until then */
    bool reached[SEEDS];
    int status;
} search;

typedef struct trial {
    tune_proposal p;
    double end;
} trial;

static double cost_of(const tune_landscape *l, uint32_t row) {
    return l->cost[row] > 0 ? l->cost[row] : 1;
}

/* How many trials are proposed or measured at a time. */
static int ahead(const search *s, double spent, int told) {
    if (s->agents == 1) return 1;
    const double trial_s = told ? spent / told : 1;
    const int more = (int)ceil(s->agents * fmin(AHEAD_MOST, s->o->spare_s / trial_s));
    return s->agents + (more > 1 ? more : 1);
}

/* Runs one search; ends when the best point is near enough, or nothing is left. */
static int run(search *s, int seed) {
    const tune_landscape *l = s->l;
    const int room = s->agents * (AHEAD_MOST + 2);
    tune_strategy *strategy = NULL;
    tune_strategy_options so;
    trial measured[AGENTS];
    xlstm_error err;
    int busy = 0, waiting = 0, first = 0, told = 0;
    double now = 0, spent = 0;
    tune_proposal *queue = xl_array((size_t)room, sizeof *queue);
    bool *known = calloc(l->rows, sizeof *known);
    tune_strategy_options_init(&so);
    so.seed = (uint64_t)seed + 1;
    so.budget = 400;
    int status = queue && known ? tune_strategy_create(s->o->strategy, l->space, &so, &strategy, &err) : -1;
    while (!status) {
        const int wanted = ahead(s, spent, told);
        for (int free = 0; busy + waiting < wanted && !tune_strategy_done(strategy) && free < 100000;) {
            tune_proposal p;
            if (tune_strategy_ask(strategy, &p, &err)) break; /* it has nothing before it is told more */
            if (!p.again && known[p.point]) {
                status = tune_strategy_tell(strategy, p.point, l->time[p.point], 0, &err);
                free++;
            } else {
                queue[(first + waiting++) % room] = p;
            }
        }
        while (busy < s->agents && waiting) {
            const tune_proposal p = queue[first];
            measured[busy++] = (trial){p, now + cost_of(l, p.point)};
            first = (first + 1) % room;
            waiting--;
        }
        if (!busy || told >= EVALUATIONS) break;
        int next = 0;
        for (int i = 1; i < busy; i++) next = measured[i].end < measured[next].end ? i : next;
        const tune_proposal p = measured[next].p;
        now = measured[next].end;
        measured[next] = measured[--busy];
        known[p.point] = true;
        spent += cost_of(l, p.point);
        told++;
        status = tune_strategy_tell(strategy, p.point, l->time[p.point], cost_of(l, p.point), &err);
        const tune_best best = tune_strategy_best(strategy);
        if (best.point != TUNE_NO_POINT && l->optimum / l->time[best.point] >= NEAR) {
            s->reached[seed] = true;
            break;
        }
    }
    s->seconds[seed] = now;
    s->trials[seed] = told;
    tune_strategy_destroy(strategy);
    free(queue);
    free(known);
    return status;
}

static void run_task(void *ctx, int64_t task, int thread) {
    search *s = ctx;
    (void)thread;
    if (run(s, (int)task)) s->status = -1;
}

static double mean_of(const search *s) {
    return tune_mean(s->seconds, (size_t)s->o->seeds);
}

static int replay(const tune_landscape *l, const options *o, double seconds[KINDS], double gain[KINDS]) {
    search *s = malloc(sizeof *s);
    double one = NAN;
    for (int k = 0; s && k < o->kinds; k++) {
        double trials = 0;
        int reached = 0;
        *s = (search){.l = l, .o = o, .agents = o->agents[k]};
        xl_pool_run(xl_pool_shared(), xl_cpu_count(), o->seeds, run_task, s);
        if (s->status) break;
        for (int i = 0; i < o->seeds; i++) {
            trials += s->trials[i];
            reached += s->reached[i];
        }
        if (!k) one = mean_of(s);
        seconds[k] = mean_of(s);
        gain[k] = one / seconds[k];
        printf("%s,%s,%d,%d,%.2f,%.1f,%d,%.3f\n", l->name, o->strategy, o->agents[k], o->seeds, mean_of(s),
               trials / o->seeds, reached, gain[k]);
        fflush(stdout);
    }
    const int status = s ? s->status : -1;
    free(s);
    return status;
}

int main(int argc, char **argv) {
    options o = {.strategy = "auto", .only = "", .seeds = 20, .kinds = 3, .agents = {1, 4, 16}, .spare_s = 0.25};
    double total[KINDS] = {0}, gains[KINDS][LANDSCAPES];
    int landscapes = 0, status = 0;
    glob_t files;
    for (int i = 2; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (!strcmp(argv[i], "--seeds")) o.seeds = atoi(value);
        else if (!strcmp(argv[i], "--strategy")) o.strategy = value;
        else if (!strcmp(argv[i], "--spare")) o.spare_s = atof(value);
        else if (!strcmp(argv[i], "--only")) o.only = value;
        else if (!strcmp(argv[i], "--agents")) {
            char *list = strdup(value), *save = NULL;
            o.kinds = 0;
            for (char *n = strtok_r(list, ",", &save); n && o.kinds < KINDS; n = strtok_r(NULL, ",", &save))
                o.agents[o.kinds++] = atoi(n);
            free(list);
        }
    }
    for (int k = 0; k < o.kinds; k++) status |= o.agents[k] < 1 || o.agents[k] > AGENTS;
    char *pattern = argc > 1 ? xl_format("%s/*.csv.gz", argv[1]) : NULL;
    if (status || !pattern || o.seeds < 1 || o.seeds > SEEDS || glob(pattern, 0, NULL, &files)) {
        fprintf(stderr, "usage: fleet_replay FOLDER [--seeds K] [--strategy NAME] [--agents A,B] [--spare S] "
                        "[--only PART]\n");
        return 2;
    }
    printf("landscape,strategy,agents,seeds,seconds,trials,reached,sooner\n");
    for (size_t i = 0; i < files.gl_pathc && landscapes < LANDSCAPES && !status; i++) {
        tune_landscape *l;
        xlstm_error err;
        double seconds[KINDS], gain[KINDS];
        if (strstr(files.gl_pathv[i], "/noise__") || !strstr(files.gl_pathv[i], o.only)) continue;
        if (tune_landscape_read(files.gl_pathv[i], &l, &err)) {
            fprintf(stderr, "fleet_replay: %s\n", err.text);
            status = 1;
            break;
        }
        status = replay(l, &o, seconds, gain);
        for (int k = 0; k < o.kinds && !status; k++) {
            total[k] += seconds[k];
            gains[k][landscapes] = gain[k];
        }
        landscapes++;
        tune_landscape_destroy(l);
    }
    for (int k = 0; k < o.kinds && !status && landscapes; k++) {
        double logs = 0;
        for (int i = 0; i < landscapes; i++) logs += log(gains[k][i]);
        printf("sum of %d,%s,%d,%d,%.2f,,,%.3f\n", landscapes, o.strategy, o.agents[k], o.seeds, total[k],
               total[0] / total[k]);
        printf("geometric mean of %d,%s,%d,%d,,,,%.3f\n", landscapes, o.strategy, o.agents[k], o.seeds,
               exp(logs / landscapes));
        printf("median of %d,%s,%d,%d,,,,%.3f\n", landscapes, o.strategy, o.agents[k], o.seeds,
               tune_median(gains[k], (size_t)landscapes));
    }
    globfree(&files);
    free(pattern);
    return status != 0;
}

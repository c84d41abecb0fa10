/* How long a proposal takes in a space that is far too large to be enumerated: twelve parameters of ten values,
 * 10^12 settings.
 *
 *   bench_propose OUT.csv [--strategy A,B] [--space A,B] [--seeds K]
 *
 * A proposal is one call of ask and the telling of its result. It is timed by the clock and by the processor time
 * of the thread. Each count of measured points is the start of a window of 20 proposals; a row has the figures of
 * the windows of all seeds, and the last row of a search those of every proposal from the first on. The memory is
 * the largest resident set until then of a process that does nothing but these searches.
 *
 * Spaces: plain; conditions (half of the parameters may not be far from the one before); names (texts instead of
 * numbers); noise (the plain space, with told values that spread by 2 %). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"
#include "bench/origin.h"
#include "tuner/search/strategy.h"

enum { PARAMS = 12, VALUES = 10, WINDOW = 20, OBJECTIVES = 2 };
static const int counts[] = {0, 10, 50, 100, 200, 500};
enum { COUNTS = sizeof counts / sizeof *counts, PROPOSALS = 500 + WINDOW };

static const char *const kinds[] = {"plain", "conditions", "names", "noise"};

static int fail(const char *text) {
    fprintf(stderr, "bench_propose: %s\n", text);
    return 1;
}

static int make_space(const char *kind, tune_space **out, xlstm_error *err) {
    char text[16], texts[VALUES][16];
    tune_value values[VALUES];
    int status = 0;
    tune_space *s = *out = tune_space_create();
    if (!s) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    for (int v = 0; v < VALUES; v++) {
        snprintf(texts[v], sizeof texts[v], "name%d", v);
        values[v] = (tune_value){.text = texts[v]};
    }
    for (int i = 0; i < PARAMS && !status; i++) {
        snprintf(text, sizeof text, "p%d", i);
        if (!strcmp(kind, "names")) status = tune_space_add_list(s, text, 0, values, VALUES, err);
        else status = tune_space_add_range(s, text, 0, 1, VALUES, 1, err);
    }
    for (int i = 1; i < PARAMS && !status && !strcmp(kind, "conditions"); i += 2) {
        char rule[32];
        snprintf(rule, sizeof rule, "p%d * p%d <= 30", i, i - 1);
        status = tune_space_add_condition(s, rule, err);
    }
    return status ? status : tune_space_seal(s, err);
}

/* A valley along which the parameters depend on each other; the second value falls where the first one rises. */
static void measure(const tune_space *s, uint32_t point, double spread, xl_rng *rng, double y[OBJECTIVES]) {
    const uint16_t *index = tune_space_index(s, point);
    double before = 3, sum = 0;
    y[0] = 1;
    for (size_t i = 0; i < PARAMS; i++) {
        const double x = index[i] + 1;
        y[0] += (x - before) * (x - before) / 100;
        sum += x;
        before = 0.5 * x + 2;
    }
    y[0] *= exp(spread * xl_rng_normal(rng));
    y[1] = 1 + sum / PARAMS;
}

static double thread_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static double peak_mib(void) {
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
#ifdef __APPLE__
    return (double)use.ru_maxrss / (1 << 20);
#else
    return (double)use.ru_maxrss / 1024;
#endif
}

typedef struct times { /* milliseconds of each proposal, [seeds][PROPOSALS], and MiB after it */
    double *wall, *cpu, *peak;
    int seeds;
} times;

static int search(const char *strategy, const char *kind, int seed, times *t, xlstm_error *err) {
    tune_space *space = NULL;
    tune_strategy *s = NULL;
    tune_strategy_options o;
    xl_rng rng;
    const double spread = strcmp(kind, "noise") ? 0 : 0.02;
    tune_strategy_options_init(&o);
    o.seed = (uint64_t)seed;
    xl_rng_seed(&rng, o.seed);
    const tune_strategy_class *class = tune_strategy_find(strategy);
    /* What is made for several objectives is told two. */
    o.objectives = class && class->tell_all ? OBJECTIVES : 1;
    int status = make_space(kind, &space, err);
    if (!status) status = tune_strategy_create(strategy, space, &o, &s, err);
    for (size_t i = 0; i < PROPOSALS && !status; i++) {
        const size_t at = (size_t)(seed - 1) * PROPOSALS + i;
        tune_proposal p;
        double y[OBJECTIVES];
        double wall = xl_now_s(), cpu = thread_ms();
        status = tune_strategy_ask(s, &p, err);
        if (status) break;
        t->cpu[at] = thread_ms() - cpu;
        t->wall[at] = 1e3 * (xl_now_s() - wall);
        measure(space, p.point, spread, &rng, y);
        wall = xl_now_s(), cpu = thread_ms();
        status = tune_strategy_tell_all(s, p.point, y, NAN, err);
        t->cpu[at] += thread_ms() - cpu;
        t->wall[at] += 1e3 * (xl_now_s() - wall);
        t->peak[at] = peak_mib();
    }
    tune_strategy_destroy(s);
    tune_space_destroy(space);
    return status;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median, 95th percentile (nearest rank) and largest of the proposals [first, first + count) of all seeds. */
static void print_figures(FILE *out, const double *ms, int seeds, int first, int count) {
    const size_t n = (size_t)seeds * (size_t)count;
    double *all = xl_array(n, sizeof *all);
    if (!all) exit(fail("out of memory"));
    for (int k = 0; k < seeds; k++)
        memcpy(all + (size_t)k * (size_t)count, ms + (size_t)k * PROPOSALS + first, (size_t)count * sizeof *all);
    qsort(all, n, sizeof *all, ascending);
    fprintf(out, ",%.3f,%.3f,%.3f", all[n / 2], all[(size_t)ceil(0.95 * (double)n) - 1], all[n - 1]);
    free(all);
}

static void print_row(FILE *out, const char *strategy, const char *kind, const char *told, const times *t,
                      int first, int count) {
    double peak = 0;
    for (int k = 0; k < t->seeds; k++)
        peak = fmax(peak, t->peak[(size_t)k * PROPOSALS + (size_t)(first + count - 1)]);
    fprintf(out, "%s,%s,%s,%d", strategy, kind, told, t->seeds * count);
    print_figures(out, t->cpu, t->seeds, first, count);
    print_figures(out, t->wall, t->seeds, first, count);
    fprintf(out, ",%.1f\n", peak);
}

/* All searches of one strategy in one space, in a process of their own because of the memory. */
static int run(FILE *out, const char *strategy, const char *kind, int seeds) {
    xlstm_error err;
    const size_t n = (size_t)seeds * PROPOSALS;
    times t = {xl_array(n, sizeof *t.wall), xl_array(n, sizeof *t.cpu), xl_array(n, sizeof *t.peak), seeds};
    if (!t.wall || !t.cpu || !t.peak) return fail("out of memory");
    for (int k = 1; k <= seeds; k++) {
        if (search(strategy, kind, k, &t, &err)) return fail(err.text);
    }
    for (int i = 0; i < COUNTS; i++) {
        char told[16];
        snprintf(told, sizeof told, "%d", counts[i]);
        print_row(out, strategy, kind, told, &t, counts[i], WINDOW);
    }
    print_row(out, strategy, kind, "any", &t, 0, PROPOSALS);
    free(t.wall);
    free(t.cpu);
    free(t.peak);
    return fflush(out) != 0;
}

/* Whether `name` is one of the names in `list`, between commas. */
static bool listed(const char *list, const char *name) {
    const size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        if (!strncmp(at, name, length) && (at[length] == ',' || !at[length])) return true;
    }
    return false;
}

int main(int argc, char **argv) {
    const char *strategies = "auto,ehvi,nsga2,ga,random,grid", *spaces = "plain,conditions,names,noise";
    int seeds = 5, status = 0;
    if (argc < 2) return fail("usage: bench_propose OUT.csv [--strategy A,B] [--space A,B] [--seeds K]");
    for (int i = 2; i < argc; i += 2) {
        if (i + 1 == argc) return fail("an option without its value");
        if (!strcmp(argv[i], "--strategy")) strategies = argv[i + 1];
        else if (!strcmp(argv[i], "--space")) spaces = argv[i + 1];
        else if (!strcmp(argv[i], "--seeds")) seeds = atoi(argv[i + 1]);
        else return fail("unknown option");
    }
    if (seeds < 1) return fail("--seeds must be positive");
    FILE *out = fopen(argv[1], "w");
    double load = -1;
    if (!out) return fail("cannot write the file");
    getloadavg(&load, 1);
    bench_origin(out, argc, argv);
    fprintf(out,
            "# twelve parameters of ten values; load average of one minute at the start: %.2f\n"
            "strategy,space,told,proposals,cpu_median_ms,cpu_p95_ms,cpu_max_ms,wall_median_ms,wall_p95_ms,"
            "wall_max_ms,peak_mib\n",
            load);
    for (size_t k = 0; tune_strategies[k]; k++) {
        const char *strategy = tune_strategies[k]->name;
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds && listed(strategies, strategy) && !status; i++) {
            if (!listed(spaces, kinds[i])) continue;
            int child = 1;
            fflush(out);
            const pid_t pid = fork();
            if (!pid) _exit(run(out, strategy, kinds[i], seeds));
            if (pid < 0 || waitpid(pid, &child, 0) != pid || child) status = fail("a search failed");
        }
    }
    if (fclose(out)) status = fail("cannot write the file");
    return status;
}

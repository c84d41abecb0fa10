/* Which share of the true Pareto front's hypervolume a strategy has found after given numbers of measurements, on
 * invented and on recorded spaces.
 *
 *   bench_front [--strategy A,B] [--seeds K] [--noise SD] [--csv FILE] [--label TEXT] [--only PART]
 *               [--recorded SUMMARY.csv --params NAME,NAME --objectives NAME,NAME] [--folder FOLDER]
 *
 * `auto`, like every strategy for one objective, is told only the first objective. --noise multiplies the values
 * that are told (not those that are scored) by a normal factor of that standard deviation. --recorded takes the
 * summary.csv of a run that measured its whole space, and --folder the recorded spaces of this project, which are
 * in bench/results. The reference point is the worst value of the true front in each objective, plus a tenth of the
 * front's range. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/rng.h"
#include "tuner/search/pareto.h"
#include "tuner/search/strategy.h"

static const size_t counts[] = {10, 20, 40, 80, 160};
enum { COUNTS = sizeof counts / sizeof *counts, MOST = 4 };

typedef struct problem {
    char name[64];
    tune_space *space;
    int objectives;
    double *values; /* [points][objectives]; where the first is NaN the point fails */
    double reference[MOST], volume;
} problem;

static int fail(const char *text) {
    fprintf(stderr, "bench_front: %s\n", text);
    return 1;
}

/* ---- hypervolume ---- */

typedef struct slice_point {
    double v[MOST];
} slice_point;

static int last_of;
static int by_last(const void *a, const void *b) {
    double x = ((const slice_point *)a)->v[last_of], y = ((const slice_point *)b)->v[last_of];
    return (x > y) - (x < y);
}

/* Returns the volume between the points and the reference, as slices along the last objective, each of which has
 * one objective less. */
static double volume(slice_point *p, size_t n, int objectives, const double *reference) {
    const int k = objectives - 1;
    double sum = 0, least = INFINITY;
    if (k == 0) {
        for (size_t i = 0; i < n; i++) least = fmin(least, p[i].v[0]);
        return fmax(0, reference[0] - least);
    }
    slice_point *copy = xl_array(n, sizeof *copy);
    if (!copy) exit(fail("out of memory"));
    last_of = k;
    qsort(p, n, sizeof *p, by_last);
    for (size_t i = 0; i < n; i++) {
        double to = i + 1 < n ? fmin(p[i + 1].v[k], reference[k]) : reference[k];
        if (!(to > p[i].v[k])) continue;
        memcpy(copy, p, (i + 1) * sizeof *copy);
        sum += (to - p[i].v[k]) * volume(copy, i + 1, k, reference);
        last_of = k;
    }
    free(copy);
    return sum;
}

/* A front that grows; it holds only points within the reference that no other point beats. */
typedef struct front {
    slice_point *p;
    size_t n;
} front;

static bool front_add(front *f, const double *values, int objectives, const double *reference) {
    for (int k = 0; k < objectives; k++) {
        if (!(values[k] < reference[k])) return false;
    }
    size_t kept = 0;
    for (size_t i = 0; i < f->n; i++) {
        if (tune_pareto_beats(f->p[i].v, values, objectives) ||
            !memcmp(f->p[i].v, values, (size_t)objectives * sizeof *values))
            return false;
    }
    for (size_t i = 0; i < f->n; i++) {
        if (!tune_pareto_beats(values, f->p[i].v, objectives)) f->p[kept++] = f->p[i];
    }
    memcpy(f->p[kept].v, values, (size_t)objectives * sizeof *values);
    f->n = kept + 1;
    return true;
}

static double front_volume(const front *f, int objectives, const double *reference) {
    slice_point *copy = xl_array(f->n, sizeof *copy);
    if (!copy) exit(fail("out of memory"));
    memcpy(copy, f->p, f->n * sizeof *copy);
    double v = volume(copy, f->n, objectives, reference);
    free(copy);
    return v;
}

static int finish(problem *p) {
    const size_t size = tune_space_size(p->space), m = (size_t)p->objectives;
    front f = {.p = xl_array(size + 1, sizeof *f.p)};
    if (!f.p) return fail("out of memory");
    const double everything[MOST] = {INFINITY, INFINITY, INFINITY, INFINITY};
    for (size_t i = 0; i < size; i++) {
        if (!isnan(p->values[i * m])) front_add(&f, p->values + i * m, p->objectives, everything);
    }
    for (size_t k = 0; k < m; k++) {
        double best = INFINITY, worst = -INFINITY;
        for (size_t i = 0; i < f.n; i++) {
            best = fmin(best, f.p[i].v[k]);
            worst = fmax(worst, f.p[i].v[k]);
        }
        p->reference[k] = worst + (worst > best ? 0.1 * (worst - best) : 1);
    }
    p->volume = front_volume(&f, p->objectives, p->reference);
    printf("# %s: %zu points, %zu on the front of %d objectives\n", p->name, size, f.n, p->objectives);
    free(f.p);
    return 0;
}

/* ---- invented spaces ---- */

static tune_value number(double x) {
    return (tune_value){.number = x};
}

/* Returns the position of a point's value of a parameter in its range, from 0 to 1. */
static double at(const tune_space *s, uint32_t point, size_t i) {
    return (double)tune_space_index(s, point)[i] / (tune_space_param(s, i)->count - 1);
}

static tune_space *box(int params, int values) {
    tune_space *s = tune_space_create();
    for (int i = 0; i < params; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        if (tune_space_add_range(s, name, 0, 1, values, 1, NULL)) exit(fail("space"));
    }
    if (tune_space_seal(s, NULL)) exit(fail("space"));
    return s;
}

/* A convex front along p0. The other parameters, of which each has a best value of its own, lie between a point
 * and the front. */
static void convex(const tune_space *s, uint32_t point, double *v) {
    double g = 1, x = at(s, point, 0);
    for (size_t i = 1; i < tune_space_params(s); i++) g += 2 * fabs(at(s, point, i) - 0.15 * (double)i);
    v[0] = 1 + x;
    v[1] = 1 + g * (1 - sqrt(x / g));
}

/* Squared distances from three corners in the first two parameters, and a rugged function of the others. */
static void corners(const tune_space *s, uint32_t point, double *v) {
    static const double corner[3][2] = {{0.1, 0.1}, {0.9, 0.2}, {0.4, 0.9}};
    double rest = 0;
    for (size_t i = 2; i < tune_space_params(s); i++) {
        double x = at(s, point, i) - 0.4;
        rest += x * x + 0.05 * (1 - cos(9 * x));
    }
    for (int k = 0; k < 3; k++) {
        double x = at(s, point, 0) - corner[k][0], y = at(s, point, 1) - corner[k][1];
        v[k] = 1 + x * x + y * y + rest;
    }
}

/* A space like an engine's: formats trade memory against divergence, schedules trade time against memory, threads
 * help up to a point, one parameter has no effect, and some settings do not fit into memory. */
static tune_space *engine_space(void) {
    const tune_value formats[] = {{.text = "f32"}, {.text = "f16"}, {.text = "bf16"}};
    const tune_value pins[] = {{.text = "none"}, {.text = "compact"}, {.text = "scatter"}};
    tune_space *s = tune_space_create();
    int status = tune_space_add_list(s, "weights", 0, formats, 3, NULL);
    if (!status) status = tune_space_add_powers(s, "chunk", 0, 8, 256, NULL);
    if (!status) status = tune_space_add_powers(s, "segment", 0, 32, 2048, NULL);
    if (!status) status = tune_space_add_range(s, "workers", 0, 1, 8, 1, NULL);
    if (!status) status = tune_space_add_list(s, "pinning", 0, pins, 3, NULL);
    if (!status) status = tune_space_seal(s, NULL);
    if (status) exit(fail("space"));
    return s;
}

static void engine(const tune_space *s, uint32_t point, double *v) {
    static const double slow[] = {1.5, 1.0, 0.9}, bytes[] = {4, 2, 2}, kl[] = {0, 2e-4, 3e-3};
    const uint16_t *x = tune_space_index(s, point);
    double chunk = tune_space_value(s, point, 1).number, segment = tune_space_value(s, point, 2).number;
    double workers = tune_space_value(s, point, 3).number;
    double work = slow[x[0]] * (1 + 24 / chunk + chunk / 90) * (1 + 40 / segment);
    v[0] = work * (0.2 + 0.8 / fmin(workers, 5) + 0.03 * workers) * (x[4] == 1 ? 0.96 : 1);
    v[1] = 100 * bytes[x[0]] + 0.1 * segment + workers * chunk * chunk / 2000;
    v[2] = kl[x[0]];
    if (workers * chunk > 1400) v[0] = NAN;
}

static void invent(problem *p, const char *name, tune_space *space, int objectives,
                   void (*f)(const tune_space *, uint32_t, double *)) {
    *p = (problem){.space = space, .objectives = objectives};
    snprintf(p->name, sizeof p->name, "%s", name);
    p->values = xl_array(tune_space_size(space) * (size_t)objectives, sizeof *p->values);
    if (!p->values) exit(fail("out of memory"));
    for (uint32_t i = 0; i < tune_space_size(space); i++) f(space, i, p->values + (size_t)i * (size_t)objectives);
}

/* ---- a recorded space ---- */

static int by_number(const void *a, const void *b) {
    double x = ((const tune_value *)a)->number, y = ((const tune_value *)b)->number;
    return (x > y) - (x < y);
}

/* Adds a parameter with the distinct cells of a column: numbers in order where all are numbers, else texts in the
 * order of appearance. */
static int add_column(tune_space *space, const xl_csv *csv, int column, const char *name, xlstm_error *err) {
    tune_value *all = xl_array(csv->rows, sizeof *all);
    size_t n = 0;
    bool numeric = true;
    if (!all) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    for (size_t r = 0; r < csv->rows; r++) {
        char *end;
        const char *cell = xl_csv_cell(csv, r, column);
        strtod(cell, &end);
        numeric &= *cell && !*end;
    }
    for (size_t r = 0; r < csv->rows; r++) {
        const char *cell = xl_csv_cell(csv, r, column);
        tune_value value = numeric ? number(strtod(cell, NULL)) : (tune_value){.text = cell};
        bool seen = false;
        for (size_t i = 0; i < n && !seen; i++)
            seen = numeric ? all[i].number == value.number : !strcmp(all[i].text, cell);
        if (!seen) all[n++] = value;
    }
    if (numeric) qsort(all, n, sizeof *all, by_number);
    int status = tune_space_add_list(space, name, 0, all, n, err);
    free(all);
    return status;
}

static int load(problem *p, const char *title, const char *path, char *params, char *objectives, xlstm_error *err) {
    xl_csv csv;
    int column[TUNE_SPACE_PARAMS] = {0}, metric[MOST] = {0}, n = 0;
    bool larger[MOST] = {false};
    char *save = NULL;
    int status = xl_csv_read(&csv, path, XL_CSV_BYTES, err);
    if (status) return status;
    *p = (problem){.space = tune_space_create()};
    snprintf(p->name, sizeof p->name, "%s", title);
    for (char *name = strtok_r(params, ",", &save); name && !status; name = strtok_r(NULL, ",", &save)) {
        column[n] = xl_csv_column(&csv, name);
        if (column[n] < 0) status = xl_fail(err, XLSTM_EARG, "%s: no column %s", path, name);
        else status = add_column(p->space, &csv, column[n++], name, err);
    }
    for (char *name = strtok_r(objectives, ",", &save); name && !status && p->objectives < MOST;
         name = strtok_r(NULL, ",", &save)) {
        larger[p->objectives] = strstr(name, "tok_s") != NULL;
        metric[p->objectives] = xl_csv_column(&csv, name);
        if (metric[p->objectives++] < 0) status = xl_fail(err, XLSTM_EARG, "%s: no column %s", path, name);
    }
    if (!status) status = tune_space_seal(p->space, err);
    const size_t size = status ? 0 : tune_space_size(p->space), m = (size_t)p->objectives;
    p->values = xl_array(size * m + 1, sizeof *p->values);
    if (!p->values) status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    for (size_t i = 0; !status && i < size * m; i++) p->values[i] = NAN;
    for (size_t r = 0; r < csv.rows && !status; r++) {
        tune_value values[TUNE_SPACE_PARAMS];
        for (int i = 0; i < n; i++) {
            const char *cell = xl_csv_cell(&csv, r, column[i]);
            values[i] = tune_space_param(p->space, (size_t)i)->ordered ? number(strtod(cell, NULL))
                                                                       : (tune_value){.text = cell};
        }
        uint32_t point = tune_space_find_values(p->space, values);
        for (size_t k = 0; k < m && point != TUNE_NO_POINT && !status; k++) {
            double x;
            status = xl_csv_number(&csv, path, r, metric[k], &x, err);
            if (!status && isfinite(x)) p->values[point * m + k] = larger[k] ? 1 / x : x;
        }
    }
    xl_csv_free(&csv);
    return status;
}

/* The spaces that bench/front_spaces.sh recorded, and one of the engine. */
static const struct {
    const char *name, *file, *params, *objectives;
} recordings[] = {
    {"engine-recorded", "front-space-zen5-2cpu.csv", "weights,chunk_size,segment,workers,decode_workers",
     "request_s,peak_mb,kl"},
    {"zstd2", "front-zstd.csv", "strategy,window,search,match", "cpu_s,size"},
    {"zstd3", "front-zstd.csv", "strategy,window,search,match", "cpu_s,size,peak_mb"},
    {"sqlite2", "front-sqlite.csv", "page,journal,synchronous,cache,parts", "cpu_s,size"},
    {"sqlite3", "front-sqlite.csv", "page,journal,synchronous,cache,parts", "cpu_s,size,peak_mb"},
    {"gcc2", "front-gcc.csv", "level,vector,unroll,inline,math", "run_s,size"},
    {"gcc3", "front-gcc.csv", "level,vector,unroll,inline,math", "run_s,size,compile_s"},
};
enum { RECORDINGS = sizeof recordings / sizeof *recordings, INVENTED = 4 };

static int load_recording(problem *p, const char *folder, int i, xlstm_error *err) {
    char *path = xl_format("%s/%s", folder, recordings[i].file), *params = xl_format("%s", recordings[i].params);
    char *objectives = xl_format("%s", recordings[i].objectives);
    const bool whole = path && params && objectives;
    const int status = whole ? load(p, recordings[i].name, path, params, objectives, err)
                             : xl_fail(err, XLSTM_ENOMEM, "out of memory");
    free(path);
    free(params);
    free(objectives);
    return status;
}

/* ---- running ---- */

/* Sets shares[k] to the share after counts[k] measurements. */
static int run(const problem *p, const char *name, uint64_t seed, double noise, double *shares, xlstm_error *err) {
    const size_t m = (size_t)p->objectives, size = tune_space_size(p->space);
    tune_strategy_options o;
    tune_strategy *s;
    tune_strategy_options_init(&o);
    o.seed = seed;
    o.objectives = p->objectives;
    o.noise = 0;
    front f = {.p = xl_array(counts[COUNTS - 1] + 1, sizeof *f.p)};
    uint8_t *seen = calloc(size, 1);
    if (!f.p || !seen) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    xl_rng rng;
    xl_rng_seed(&rng, seed + 1000);
    int status = tune_strategy_create(name, p->space, &o, &s, err), k = 0;
    double share = 0;
    for (size_t n = 0; !status && n < counts[COUNTS - 1] && !tune_strategy_done(s);) {
        tune_proposal proposal;
        double told[MOST];
        status = tune_strategy_ask(s, &proposal, err);
        if (status) break;
        const double *v = p->values + (size_t)proposal.point * m;
        /* A point that was measured before costs nothing and is told with the same value. */
        xl_rng own;
        xl_rng_seed(&own, seed * 7919 + proposal.point);
        for (size_t i = 0; i < m; i++) {
            told[i] = v[i] * (1 + (noise > 0 && v[i] != 0 ? noise * xl_rng_normal(&own) : 0));
            if (i == 0 && !(told[0] > 0) && !isnan(v[0])) told[0] = 1e-9;
        }
        status = tune_strategy_tell_all(s, proposal.point, told, 1, err);
        if (seen[proposal.point]) continue;
        seen[proposal.point] = 1;
        n++;
        if (!isnan(v[0]) && front_add(&f, v, p->objectives, p->reference))
            share = front_volume(&f, p->objectives, p->reference) / p->volume;
        if (n == counts[k]) shares[k++] = share;
    }
    while (k < COUNTS) shares[k++] = share;
    tune_strategy_destroy(s);
    free(f.p);
    free(seen);
    return status;
}

static int compare(const problem *p, const char *strategies, int seeds, double noise, const char *label, FILE *csv,
                   xlstm_error *err) {
    char *list = xl_format("%s", strategies), *save = NULL;
    int status = list ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "out of memory");
    for (char *name = status ? NULL : strtok_r(list, ",", &save); name && !status;
         name = strtok_r(NULL, ",", &save)) {
        double mean[COUNTS] = {0}, shares[COUNTS] = {0};
        for (int i = 0; i < seeds && !status; i++) {
            status = run(p, name, (uint64_t)i + 1, noise, shares, err);
            for (int k = 0; k < COUNTS; k++) mean[k] += shares[k] / seeds;
        }
        printf("%-10s %-10s %-10s", label, p->name, name);
        for (int k = 0; k < COUNTS; k++) printf(" %.3f", mean[k]);
        printf("\n");
        fflush(stdout);
        if (!csv) continue;
        fprintf(csv, "%s,%s,%s,%d,%d,%g", label, p->name, name, p->objectives, seeds, noise);
        for (int k = 0; k < COUNTS; k++) fprintf(csv, ",%.5f", mean[k]);
        fprintf(csv, "\n");
    }
    free(list);
    return status;
}

int main(int argc, char **argv) {
    const char *strategies = "random,auto,nsga2", *csv_path = NULL, *label = "-", *only = "", *recorded = NULL,
               *folder = NULL;
    char *params = NULL, *objectives = NULL;
    int seeds = 50;
    double noise = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        char *value = argv[i + 1];
        if (!strcmp(argv[i], "--strategy")) strategies = value;
        else if (!strcmp(argv[i], "--seeds")) seeds = atoi(value);
        else if (!strcmp(argv[i], "--noise")) noise = atof(value);
        else if (!strcmp(argv[i], "--csv")) csv_path = value;
        else if (!strcmp(argv[i], "--label")) label = value;
        else if (!strcmp(argv[i], "--only")) only = value;
        else if (!strcmp(argv[i], "--recorded")) recorded = value;
        else if (!strcmp(argv[i], "--folder")) folder = value;
        else if (!strcmp(argv[i], "--params")) params = value;
        else if (!strcmp(argv[i], "--objectives")) objectives = value;
        else return fail(argv[i]);
    }
    if (seeds < 1) return fail("--seeds must be positive");
    if (recorded && (!params || !objectives)) return fail("--recorded wants --params and --objectives");
    problem all[INVENTED > RECORDINGS ? INVENTED : RECORDINGS] = {{.objectives = 0}};
    xlstm_error err = {0};
    int n = 0, status = XLSTM_OK;
    if (recorded) {
        status = load(&all[n++], "recorded", recorded, params, objectives, &err);
    } else if (folder) {
        while (n < RECORDINGS && !status) {
            status = load_recording(&all[n], folder, n, &err);
            n++;
        }
    } else {
        invent(&all[n++], "convex", box(5, 8), 2, convex);
        invent(&all[n++], "corners", box(5, 7), 3, corners);
        invent(&all[n++], "engine2", engine_space(), 2, engine);
        invent(&all[n++], "engine3", engine_space(), 3, engine);
    }
    FILE *csv = csv_path ? fopen(csv_path, "a") : NULL;
    for (int i = 0; i < n && !status; i++) {
        if (!strstr(all[i].name, only)) continue;
        status = finish(&all[i]);
        if (!status) status = compare(&all[i], strategies, seeds, noise, label, csv, &err);
    }
    for (int i = 0; i < n; i++) {
        tune_space_destroy(all[i].space);
        free(all[i].values);
    }
    if (csv) fclose(csv);
    return status ? fail(err.text) : 0;
}

/* How a search behaves that has very many trials: the time of a trial, late against early, the memory that it
 * takes, and how long resuming it takes. The target is a formula on a clock of its own, so that only the search's
 * own work is seen; the run folder with its study is a real one.
 *
 *   long_search FOLDER MODE TRIALS [EVERY [OBJECTIVES]]
 *
 * begins a run in FOLDER (made new), or resumes the run that it holds, and goes on until it has TRIALS trials: a
 * row of CSV after every EVERY trials (default 1000), and one when the comparison is over. With 2 objectives there
 * is one that the first contradicts.
 *
 *   long_search FOLDER record POINTS
 *
 * records a space of so many points (a multiple of 10) in three rounds instead, and exports it: a row when it is
 * recorded, and one when the landscape is written. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/rng.h"
#include "cli/landscape_export.h"
#include "tuner/driver/driver.h"
#include "tuner/driver/recording.h"
#include "tuner/run/run.h"

#define VALUES 1000 /* of each of two parameters */
#define CALL_S 0.3
#define ROUNDS 3 /* of a recording */

typedef struct world {
    tune_target target;
    tune_space *space;
    xl_rng rng;
    double now;
    double began, last; /* seconds of the real clock */
    int done, every;
} world;

static tune_metrics metrics;

static double value_of(const world *w, int64_t candidate, size_t param) {
    return candidate < 0 ? tune_space_param(w->space, param)->values[0].number
                         : tune_space_value(w->space, (uint32_t)candidate, param).number;
}

static int measure(void *self, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                   xlstm_error *err) {
    (void)repeats;
    (void)err;
    world *w = self;
    const double a = value_of(w, candidate, 0), b = value_of(w, candidate, 1);
    double cost = CALL_S * (1 + 0.2 * sin(a / 90) + 0.2 * cos(b / 130)) * (1 + 0.02 * xl_rng_normal(&w->rng));
    *out = (tune_reading){.cost = cost, .hash = 1};
    for (int p = 0; p < TUNE_PARTS; p++) out->parts[p] = NAN;
    out->parts[0] = cost;
    out->parts[1] = CALL_S * CALL_S / cost;
    w->now += cost;
    return cost > limit ? TUNE_STOPPED : XLSTM_OK;
}

static bool settings(void *self, int64_t candidate, tune_named_list *out) {
    const world *w = self;
    const tune_named both[] = {{"a", {.number = value_of(w, candidate, 0)}},
                               {"b", {.number = value_of(w, candidate, 1)}}};
    return tune_named_copy(out, both, 2);
}

static void derive(void *self, const double parts[TUNE_PARTS], double metric[TUNE_METRICS]) {
    (void)self;
    for (int i = 0; i < metrics.count; i++) metric[i] = NAN;
    metric[metrics.seconds] = parts[0];
}

static double now(void *ctx) {
    return ((world *)ctx)->now;
}

/* The process's memory of its own, in kB: what is in no file. */
static long anonymous_kb(void) {
    char line[128];
    long kb = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f)) sscanf(line, "RssAnon: %ld", &kb);
    if (f) fclose(f);
    return kb;
}

static void print_row(world *w, const char *what) {
    const double at = xl_wall_s();
    printf("%s,%d,%.3f,%.3f,%ld\n", what, w->done, at - w->began, at - w->last, anonymous_kb());
    fflush(stdout);
    w->last = xl_wall_s();
}

static void on_trial(void *ctx, const tune_trial_row *trial, bool old) {
    (void)trial;
    world *w = ctx;
    w->done++;
    if (!old && w->done % w->every == 0) print_row(w, "trials");
}

static void on_progress(void *ctx, const char *stage, int done, int total, double best, int samples,
                        double left_s) {
    (void)done, (void)total, (void)best, (void)samples, (void)left_s;
    static char seen[16] = "search";
    if (strcmp(stage, seen) == 0) return;
    snprintf(seen, sizeof seen, "%s", stage);
    print_row(ctx, stage);
}

static int make_space(world *w, int64_t first, int64_t second, xlstm_error *err) {
    w->space = tune_space_create();
    if (!w->space) return xl_fail(err, XLSTM_ENOMEM, "space: out of memory");
    int status = tune_space_add_range(w->space, "a", TUNE_AFFECTS_FIRST, 1, (double)first, 1, err);
    if (!status) status = tune_space_add_range(w->space, "b", TUNE_AFFECTS_FIRST, 1, (double)second, 1, err);
    return status ? status : tune_space_seal(w->space, err);
}

static int make_run(tune_run **out, const char *folder, const char *mode, const char *objective, xlstm_error *err) {
    tune_run_row row = {.backend = "simulated",
                        .mode = (char *)(uintptr_t)mode,
                        .objective = (char *)(uintptr_t)objective,
                        .machine = "m",
                        .machine_info = "{}",
                        .target = "simulated",
                        .version = "0",
                        .meta = "{}",
                        .space = "{}",
                        .metrics = metrics};
    return tune_run_create(out, folder, "", NULL, &row, err);
}

static int record(world *w, const char *folder, const tune_drive_options *options, tune_run *run,
                  xlstm_error *err) {
    tune_recording r;
    char *path = xl_path_join(folder, "recorded.csv");
    int status = tune_recording_run(&w->target, options, tune_run_keeper(run), NULL, &r, err);
    w->done = r.points;
    print_row(w, "recorded");
    if (!status)
        status = cli_landscape_export(path, &w->target, tune_run_keeper(run),
                                      tune_metrics_find(&metrics, "prefill_s"), ROUNDS, err);
    if (!status) print_row(w, "exported");
    free(path);
    return status;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: long_search FOLDER MODE TRIALS [EVERY [OBJECTIVES]]\n       long_search FOLDER "
                        "record POINTS\n");
        return 2;
    }
    static world w;
    xlstm_error err;
    tune_run *run = NULL;
    tune_drive_options options;
    tune_drive_result result;
    char last[4096] = "";
    const tune_watcher watcher = {.ctx = &w, .trial = on_trial, .progress = on_progress};
    char *name_file = xl_path_join(argv[1], "run");
    FILE *f = name_file ? fopen(name_file, "r") : NULL;
    if (f && !fgets(last, sizeof last, f)) last[0] = 0;
    if (f) fclose(f);
    xl_rng_seed(&w.rng, 1);
    tune_study_first_metrics(&metrics);
    const bool both = argc > 5 && atoi(argv[5]) == 2;
    const bool recorded = !strcmp(argv[2], "record");
    int status = recorded ? make_space(&w, atoi(argv[3]) / 10, 10, &err) : make_space(&w, VALUES, VALUES, &err);
    w.began = w.last = xl_wall_s();
    w.every = argc > 4 ? atoi(argv[4]) : 1000;
    if (!status)
        status = last[0] ? tune_run_resume(&run, last, &err)
                         : make_run(&run, argv[1], argv[2], both ? "prefill_s,decode_s" : "prefill_s", &err);
    if (!status && !last[0] && (f = fopen(name_file, "w"))) {
        fputs(tune_run_folder(run), f);
        fclose(f);
    }
    printf("what,trials,seconds,seconds_since,anonymous_kb\n");
    w.target =
        (tune_target){.self = &w, .space = w.space, .metrics = &metrics, .measure = measure, .settings = settings};
    tune_drive_options_init(&options, &metrics);
    options.mode = recorded ? "grid" : argv[2];
    options.trials = recorded ? 0 : atoi(argv[3]);
    if (recorded) {
        w.target.derive = derive;
        options.repeats = ROUNDS;
    }
    options.budget_s = INFINITY;
    options.objective[0] = tune_metrics_find(&metrics, "prefill_s");
    options.objective[1] = tune_metrics_find(&metrics, "decode_s");
    options.objectives = both ? 2 : 1;
    options.effort = TUNE_QUICK;
    options.now_s = now;
    options.now_ctx = &w;
    if (!status) print_row(&w, "opened");
    if (!status && recorded) status = record(&w, argv[1], &options, run, &err);
    else if (!status) status = tune_drive(&w.target, &options, tune_run_keeper(run), &watcher, &result, &err);
    if (!status && !recorded) print_row(&w, "ended");
    if (status) fprintf(stderr, "long_search: %s\n", err.text);
    tune_run_close(run, status ? TUNE_RUN_INTERRUPTED : TUNE_RUN_FINISHED);
    tune_space_destroy(w.space);
    free(name_file);
    return status ? 1 : 0;
}

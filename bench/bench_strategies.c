/* Replays strategies on every landscape of a folder and prints their scores.
 *
 *   bench_strategies FOLDER [--strategy A,B] [--seeds K] [--budget N] [--noise …] [--set PARAMETER=VALUE]...
 *                    [--csv FILE] [--label TEXT] [--only PART] [--pending N] [--first-seed S] [--brief 1]
 *
 * --set changes a parameter of the strategy auto; --only takes the landscapes whose name contains PART.
 * With --brief 1 a run ends with the budget, and P says nothing. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "tuner/landscape/replay.h"
#include "tuner/search/auto.h"

static const size_t counts[] = {25, 50, 100, 200, 400};
enum { COUNTS = sizeof counts / sizeof *counts, FIGURES = COUNTS + 5 };

static int fail(const char *text) {
    fprintf(stderr, "bench_strategies: %s\n", text);
    return 1;
}

static bool set_knob(tune_auto_params *params, const char *text) {
    const char *value = strchr(text, '=');
    for (const tune_auto_knob *k = tune_auto_knobs; value && k->name; k++) {
        if (strlen(k->name) != (size_t)(value - text) || strncmp(k->name, text, (size_t)(value - text)) != 0)
            continue;
        double x = atof(value + 1);
        memcpy((char *)params + k->offset, &x, sizeof x);
        return true;
    }
    return false;
}

static void print_row(FILE *csv, const char *label, const char *strategy, const char *name, const double *f,
                      const char *noise, int seeds) {
    printf("%-12s %-8s %-26s", label, strategy, name);
    for (int i = 0; i < COUNTS; i++) printf(" %.3f", f[i]);
    printf("  P %6.3f  over %5.2f %% abs %5.2f %%  again %4.1f %%  %6.3f ms\n", f[COUNTS], 100 * f[COUNTS + 1],
           100 * f[COUNTS + 2], 100 * f[COUNTS + 3], f[COUNTS + 4]);
    fflush(stdout);
    if (!csv) return;
    fprintf(csv, "%s,%s,%s,%s,%d", label, strategy, name, noise, seeds);
    for (int i = 0; i < FIGURES; i++) fprintf(csv, ",%.5f", f[i]);
    fprintf(csv, "\n");
    fflush(csv);
}

int main(int argc, char **argv) {
    const char *strategies = "auto", *noise_text = "none", *csv_path = NULL, *label = "-", *only = "";
    tune_auto_params params = tune_auto_defaults;
    tune_replay_options o = {.budget = 400, .seeds = 20};
    tune_strategy_options_init(&o.search);
    o.search.auto_params = &params;
    xlstm_error err;
    if (argc < 2) return fail("usage: bench_strategies FOLDER [options]");
    for (int i = 2; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (!strcmp(argv[i], "--strategy")) strategies = value;
        else if (!strcmp(argv[i], "--seeds")) o.seeds = atoi(value);
        else if (!strcmp(argv[i], "--budget")) o.budget = atoi(value);
        else if (!strcmp(argv[i], "--pending")) o.pending = atoi(value);
        else if (!strcmp(argv[i], "--first-seed")) o.search.seed = (uint64_t)atoll(value);
        else if (!strcmp(argv[i], "--brief")) o.brief = atoi(value);
        else if (!strcmp(argv[i], "--noise")) noise_text = value;
        else if (!strcmp(argv[i], "--csv")) csv_path = value;
        else if (!strcmp(argv[i], "--label")) label = value;
        else if (!strcmp(argv[i], "--only")) only = value;
        else if (strcmp(argv[i], "--set") != 0 || !set_knob(&params, value)) return fail(value);
    }
    if (o.seeds < 1 || o.budget < 1) return fail("--seeds and --budget must be positive");
    if (tune_noise_parse(noise_text, &o.noise, &err)) return fail(err.text);
    FILE *csv = csv_path ? fopen(csv_path, "a") : NULL;
    char *pattern = xl_format("%s/*.csv.gz", argv[1]), *list = xl_format("%s", strategies), *save = NULL;
    tune_trace *traces = xl_array((size_t)o.seeds, sizeof *traces);
    glob_t files;
    if (!pattern || !list || !traces || glob(pattern, 0, NULL, &files)) return fail("no landscape there");
    int status = 0;
    for (char *name = strtok_r(list, ",", &save); name && !status; name = strtok_r(NULL, ",", &save)) {
        double mean[FIGURES] = {0};
        int landscapes = 0;
        o.strategy = name;
        for (size_t i = 0; i < files.gl_pathc && !status; i++) {
            tune_landscape *l;
            if (strstr(files.gl_pathv[i], "/noise__") || !strstr(files.gl_pathv[i], only)) continue;
            double f[FIGURES] = {0};
            tune_replay_score score;
            status = tune_landscape_read(files.gl_pathv[i], &l, &err);
            if (status) break;
            double start = xl_now_s();
            status = tune_replay(l, &o, traces, &err);
            double spent = xl_now_s() - start, evaluations = 0;
            if (!status) status = tune_replay_scores(l, traces, o.seeds, &score, &err);
            if (!status) {
                for (int k = 0; k < COUNTS; k++) f[k] = tune_replay_share(l, traces, o.seeds, counts[k]);
                for (int k = 0; k < o.seeds; k++) evaluations += (double)traces[k].count;
                const double more[] = {score.performance, score.over, score.abs, score.repeats,
                                       1e3 * spent / evaluations};
                memcpy(f + COUNTS, more, sizeof more);
                for (int k = 0; k < FIGURES; k++) mean[k] += f[k];
                landscapes++;
                print_row(csv, label, name, l->name, f, noise_text, o.seeds);
            }
            tune_traces_release(traces, o.seeds);
            tune_landscape_destroy(l);
        }
        for (int k = 0; k < FIGURES && landscapes; k++) mean[k] /= landscapes;
        if (landscapes > 1) print_row(csv, label, name, "mean", mean, noise_text, o.seeds);
    }
    if (status) fail(err.text);
    if (csv) fclose(csv);
    globfree(&files);
    free(traces);
    free(pattern);
    free(list);
    return status != 0;
}

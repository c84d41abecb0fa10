/* How trustworthy verdicts are: thousands of whole runs (search, winner, last comparison) on a simulated program
 * whose true times are known, under each kind of noise. Prints a table; --out writes it as CSV. See
 * docs/measurement.md. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/origin.h"
#include "bench/simulated.h"

enum { RECORDINGS = 3 };

static const char *const recording_files[RECORDINGS][2] = {
    {"recorded-gemm-cuda", "landscapes/noise__gemm_cltune_cuda__A4000.csv.gz"},
    {"recorded-gemm-opencl", "landscapes/noise__gemm_cltune_opencl__A4000.csv.gz"},
    {"recorded-engine", NULL},
};

enum { BUDGETS_MOST = 16 };

typedef struct options {
    int runs, points;
    const char *noise, *out, *engine, *shared;
    double budget_s[BUDGETS_MOST];
    int budgets;
    bool quick_too;
} options;

typedef struct sums {
    int runs, picked, compared, better, better_right, worse, covered, unmeasured, cut;
    double width, search, final, seconds, processes, one_gain;
    int one_right, one_claims;
} sums;

static int run_many(const options *o, sim_setup setup, sums *s) {
    *s = (sums){0};
    for (int i = 0; i < o->runs; i++) {
        sim_outcome r;
        xlstm_error err;
        setup.seed = (uint64_t)i * 7919 + (uint64_t)setup.noise * 104729 + (uint64_t)(1e4 * setup.better);
        if (sim_run(&setup, &r, &err)) {
            fprintf(stderr, "honesty: %s\n", err.text);
            return 1;
        }
        s->runs++;
        s->picked += r.picked_right;
        s->search += r.search_samples;
        s->final += r.final_samples;
        s->seconds += r.seconds;
        s->one_right += r.one_sample_right;
        s->one_claims += r.one_sample_claims;
        s->one_gain += r.one_sample_gain;
        if (!r.compared) continue;
        if (r.final.verdict == TUNE_VERDICT_UNMEASURED) {
            s->unmeasured++;
            continue;
        }
        s->compared++;
        s->cut += r.final.stop == TUNE_STOP_BUDGET;
        s->better += r.final.verdict == TUNE_VERDICT_BETTER;
        s->better_right += r.final.verdict == TUNE_VERDICT_BETTER && r.picked_right;
        s->worse += r.final.verdict == TUNE_VERDICT_WORSE;
        s->covered += r.final.log_low <= r.truth && r.truth <= r.final.log_high;
        s->width += r.final.log_high - r.final.log_low;
        s->processes += r.final.processes;
    }
    return 0;
}

static const char *const header =
    "noise,effort,better_pct,points,runs,announced_pct,announced_right_pct,announced_worse_pct,picked_right_pct,"
    "intervals,covered_pct,covered_se_pct,mean_width_pct,processes,search_samples,final_samples,virtual_s,"
    "one_sample_right_pct,one_sample_claims_pct,one_sample_mean_claim_pct,one_sample_samples,budget_s,cut_off_pct,"
    "too_short_to_compare_pct";

static void print_row(FILE *csv, const char *name, const sim_setup *setup, const sums *s) {
    double n = s->runs, m = s->compared ? s->compared : 1;
    double cover = s->covered / m, se = sqrt(0.95 * 0.05 / m);
    printf("%-21s %-8s %4.0f s %4.0f %%  announced %5.1f %% (right %5.1f)  covered %5.1f %% of %4d (se %.2f)  "
           "width %4.2f %%  "
           "samples %4.0f + %4.0f  one-sample: right %5.1f %%, claims %5.1f %%\n",
           name, tune_effort_name(setup->effort), setup->budget_s, 100 * setup->better, 100 * s->better / n,
           100 * s->better_right / n, 100 * cover, s->compared, 100 * se, 100 * s->width / m, s->search / n,
           s->final / n, 100 * s->one_right / n, 100 * s->one_claims / n);
    fflush(stdout);
    if (!csv) return;
    fprintf(csv, "%s,%s,%g,%d,%d,%.2f,%.2f,%.2f,%.2f,%d,%.2f,%.2f,%.3f,%.1f,%.1f,%.1f,%.1f,%.2f,%.2f,%.2f,%d,",
            name, tune_effort_name(setup->effort), 100 * setup->better, setup->points, s->runs, 100 * s->better / n,
            100 * s->better_right / n, 100 * s->worse / n, 100 * s->picked / n, s->compared, 100 * cover, 100 * se,
            100 * s->width / m, s->processes / m, s->search / n, s->final / n, s->seconds / n,
            100 * s->one_right / n, 100 * s->one_claims / n, 100 * s->one_gain / n, setup->points + 1);
    if (isfinite(setup->budget_s)) fprintf(csv, "%g", setup->budget_s);
    fprintf(csv, ",%.2f,%.2f\n", 100 * s->cut / m, 100 * s->unmeasured / n);
    fflush(csv);
}

static int run_budget(const options *o, FILE *csv, const char *name, sim_noise noise,
                      const sim_recording *recording, double budget_s) {
    static const double better[] = {0, 0.01, 0.02, 0.05, 0.10};
    for (tune_effort effort = o->quick_too ? TUNE_QUICK : TUNE_NORMAL; effort <= TUNE_NORMAL; effort++) {
        for (size_t i = 0; i < sizeof better / sizeof *better; i++) {
            sim_setup setup = {.noise = noise,
                               .recording = recording,
                               .points = o->points,
                               .better = better[i],
                               .effort = effort,
                               .budget_s = budget_s};
            sums s;
            if (run_many(o, setup, &s)) return 1;
            print_row(csv, name, &setup, &s);
        }
    }
    return 0;
}

static int run_noise(const options *o, FILE *csv, const char *name, sim_noise noise,
                     const sim_recording *recording) {
    int failed = 0;
    if (o->noise && strcmp(o->noise, name)) return 0;
    for (int i = 0; i < o->budgets && !failed; i++)
        failed = run_budget(o, csv, name, noise, recording, o->budget_s[i]);
    return failed;
}

static bool read_budgets(options *o, const char *list) {
    for (o->budgets = 0; o->budgets < BUDGETS_MOST && *list;) {
        char *end;
        double s = strtod(list, &end);
        if (end == list || !(s > 0)) return false;
        o->budget_s[o->budgets++] = s;
        list = *end == ',' ? end + 1 : end;
    }
    return o->budgets > 0 && !*list;
}

static int usage(void) {
    printf("usage: honesty [--runs N] [--points N] [--noise NAME] [--budget S,..] [--quick-too]\n"
           "               [--shared DIR] [--engine FILE] [--out FILE]\n"
           "Whole tuning runs on a simulated program, under each kind of noise.\n"
           "  --runs N       runs of each case (2000)\n"
           "  --points N     points beside the baseline (24)\n"
           "  --noise NAME   this kind alone\n"
           "  --budget S,..  virtual seconds a run, a sample takes about one (none); a case each\n"
           "  --quick-too    at effort quick too\n"
           "  --shared DIR   folder with landscapes/noise__*.csv.gz (../shared)\n"
           "  --engine FILE  a recording of the engine, column cost\n"
           "  --out FILE     CSV\n");
    return 0;
}

int main(int argc, char **argv) {
    options o = {.runs = 2000, .points = 24, .shared = "../shared", .budget_s = {INFINITY}, .budgets = 1};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--quick-too")) {
            o.quick_too = true;
            continue;
        }
        if (!strcmp(argv[i], "--budget") && read_budgets(&o, value)) {
            i++;
            continue;
        }
        if (!strcmp(argv[i], "--runs")) o.runs = atoi(value);
        else if (!strcmp(argv[i], "--points")) o.points = atoi(value);
        else if (!strcmp(argv[i], "--noise")) o.noise = value;
        else if (!strcmp(argv[i], "--shared")) o.shared = value;
        else if (!strcmp(argv[i], "--engine")) o.engine = value;
        else if (!strcmp(argv[i], "--out")) o.out = value;
        else return usage();
        i++;
    }
    FILE *csv = o.out ? fopen(o.out, "w") : NULL;
    if (o.out && !csv) {
        perror(o.out);
        return 1;
    }
    if (csv) {
        bench_origin(csv, argc, argv);
        fprintf(csv, "%s\n", header);
    }
    int failed = 0;
    for (sim_noise noise = 0; noise < SIM_RECORDED && !failed; noise++) {
        failed = run_noise(&o, csv, sim_noise_name(noise), noise, NULL);
    }
    for (int i = 0; i < RECORDINGS && !failed; i++) {
        char path[1024];
        if (recording_files[i][1]) snprintf(path, sizeof path, "%s/%s", o.shared, recording_files[i][1]);
        else snprintf(path, sizeof path, "%s", o.engine ? o.engine : "");
        FILE *there = path[0] ? fopen(path, "r") : NULL;
        if (!there) {
            printf("%-21s skipped: no recording\n", recording_files[i][0]);
            continue;
        }
        fclose(there);
        sim_recording recording;
        xlstm_error err;
        if (sim_recording_read(&recording, recording_files[i][0], path, &err)) {
            fprintf(stderr, "honesty: %s\n", err.text);
            failed = 1;
            break;
        }
        failed = run_noise(&o, csv, recording_files[i][0], SIM_RECORDED, &recording);
        sim_recording_clear(&recording);
    }
    if (csv && fclose(csv)) failed = 1;
    return failed;
}

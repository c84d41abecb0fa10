/* An A/A test on the real engine: every point is the same program, so any difference that a run announces is
 * false. Makes whole runs (race, playoff, last comparison in fresh processes). --record also writes every baseline
 * sample, as a recording of this machine's noise that `honesty --engine` can replay. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xlstm/xlstm.h>

#include "base/clock.h"
#include "base/error.h"
#include "bench/origin.h"
#include "tuner/measure/final.h"
#include "tuner/measure/stats.h"

enum { MOST_PROMPT = 4096 };

typedef struct setup {
    const char *model, *out, *record, *program;
    int runs, points, prompt, tokens, workers;
    double budget_s;
    tune_effort effort;
} setup;

typedef struct engine {
    const setup *o;
    xlstm_model *model;
    xlstm_session *session;
    float *logits;
    int32_t prompt[MOST_PROMPT];
} engine;

static void engine_close(engine *e) {
    xlstm_session_destroy(e->session);
    xlstm_model_close(e->model);
    free(e->logits);
}

static int engine_open(engine *e, const setup *o, xlstm_error *err) {
    *e = (engine){.o = o};
    int status = xlstm_model_open(&e->model, o->model, NULL, err);
    if (status) return status;
    const xlstm_hparams *h = xlstm_model_hparams(e->model);
    xlstm_settings settings;
    xlstm_settings_init(&settings, xlstm_model_hparams(e->model));
    xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, o->workers);
    xlstm_settings_set(&settings, XLSTM_TUNE_DECODE_WORKERS, o->workers);
    status = xlstm_session_create(&e->session, e->model, &settings, err);
    e->logits = malloc((size_t)h->vocab_size * sizeof *e->logits);
    if (!status && !e->logits) status = xl_fail(err, XLSTM_ENOMEM, "honesty_engine: out of memory");
    for (int i = 0; i < o->prompt; i++) e->prompt[i] = (int32_t)((i * 37 + 11) % h->vocab_size);
    if (status) engine_close(e);
    return status;
}

static int measure(void *ctx, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                   xlstm_error *err) {
    engine *e = ctx;
    double prefill = 0, decode = 0;
    int32_t vocabulary = (int32_t)xlstm_model_hparams(e->model)->vocab_size;
    for (unsigned r = 0; r < repeats; r++) {
        xlstm_session_reset(e->session);
        double start = xl_now_s();
        int status = xlstm_prefill(e->session, e->prompt, (size_t)e->o->prompt, XLSTM_LOGITS_LAST, e->logits, err);
        double middle = xl_now_s();
        for (int i = 0; i < e->o->tokens && !status; i++) {
            int32_t best = 0;
            for (int32_t t = 1; t < vocabulary; t++) best = e->logits[t] > e->logits[best] ? t : best;
            status = xlstm_decode(e->session, best, e->logits, err);
        }
        if (status) return status;
        prefill += (middle - start) / repeats;
        decode += (xl_now_s() - middle) / repeats;
    }
    *out = (tune_reading){.cost = prefill + decode, .parts = {prefill, decode}};
    return out->cost > limit ? TUNE_STOPPED : 0;
}

static int make_sampler(engine *e, tune_sampler **sampler, xlstm_error *err) {
    tune_sampler_options s;
    tune_sampler_options_init(&s);
    s.measure = measure;
    s.ctx = e;
    return tune_sampler_create(sampler, &s, err);
}

/* ---- a fresh process: this program again, its plan as an argument, its result on standard output ---- */

static int be_process(const setup *o, const char *plan_text) {
    engine e;
    tune_sampler *sampler = NULL;
    tune_block_plan plan = {.deadline_s = INFINITY};
    tune_block_result result;
    xlstm_error err;
    unsigned long long seed;
    if (sscanf(plan_text, "%d,%d,%d,%llu", &plan.blocks, &plan.quads, &plan.spare, &seed) != 4) return 2;
    plan.seed = seed;
    int status = engine_open(&e, o, &err);
    if (status) goto out;
    status = make_sampler(&e, &sampler, &err);
    if (!status) status = tune_blocks_run(sampler, 0, 1, &plan, &result, &err);
    if (!status && fwrite(&result, sizeof result, 1, stdout) != 1) status = XLSTM_EIO;
    tune_sampler_destroy(sampler);
    engine_close(&e);
out:
    if (status) fprintf(stderr, "honesty_engine: %s\n", err.text);
    return status ? 1 : 0;
}

static int spawn(void *ctx, const tune_block_plan *plan, tune_block_result *out, xlstm_error *err) {
    const setup *o = ctx;
    char plan_text[96], numbers[3][16];
    snprintf(plan_text, sizeof plan_text, "%d,%d,%d,%llu", plan->blocks, plan->quads, plan->spare,
             (unsigned long long)plan->seed);
    const int values[3] = {o->prompt, o->tokens, o->workers};
    for (int i = 0; i < 3; i++) snprintf(numbers[i], sizeof numbers[i], "%d", values[i]);
    int ends[2];
    if (pipe(ends)) return xl_fail(err, XLSTM_EIO, "pipe: %s", strerror(errno));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        execl(o->program, o->program, "--process", plan_text, "--model", o->model, "--prompt", numbers[0],
              "--tokens", numbers[1], "--workers", numbers[2], (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *f = fdopen(ends[0], "r");
    size_t got = f ? fread(out, sizeof *out, 1, f) : 0;
    if (f) fclose(f);
    int code = -1;
    while (pid > 0 && waitpid(pid, &code, 0) < 0 && errno == EINTR) {
    }
    if (got != 1 || code != 0) return xl_fail(err, XLSTM_EIO, "a fresh process failed");
    return 0;
}

/* ---- a run ---- */

typedef struct outcome {
    bool compared;
    tune_final final;
    tune_sampler_counts counts;
    double seconds;
} outcome;

static int run_once(const setup *o, int run, FILE *record, outcome *out, xlstm_error *err) {
    engine e;
    tune_sampler *sampler = NULL;
    tune_race *race = NULL;
    tune_race_options options;
    int64_t winner = 0;
    double begin = xl_now_s();
    *out = (outcome){0};
    int status = engine_open(&e, o, err);
    if (status) return status;
    tune_race_options_init(&options, o->effort);
    options.deadline_s = o->budget_s * 2 / 3;
    status = make_sampler(&e, &sampler, err);
    if (!status) status = tune_race_create(&race, sampler, 0, &options, err);
    for (int64_t c = 1; c <= o->points && !status; c++) {
        tune_race_entry entry;
        status = tune_race_run(race, &c, 1, &entry, err);
    }
    if (!status) status = tune_race_finish(race, &winner, err);
    size_t n = 0;
    const double *costs = race ? tune_race_baseline_costs(race, &n) : NULL;
    for (size_t i = 0; i < n && record; i++) fprintf(record, "%d,%zu,%.9g\n", run, i, costs[i]);
    if (!status && winner != 0) {
        tune_final_options f;
        tune_final_options_init(&f, o->effort);
        f.seed = (uint64_t)run + 1;
        f.budget_s = o->budget_s - (xl_now_s() - begin);
        f.quads = tune_block_quads(costs, n, tune_sampler_seconds(sampler) / (double)n, tune_median(costs, n));
        status = tune_final_run(&f, spawn, (void *)(uintptr_t)o, &out->final, err);
        out->compared = !status;
    }
    if (sampler) tune_sampler_get_counts(sampler, &out->counts);
    out->seconds = xl_now_s() - begin;
    tune_race_destroy(race);
    tune_sampler_destroy(sampler);
    engine_close(&e);
    return status;
}

static FILE *open_result(const char *path, int argc, char **argv, const char *header) {
    FILE *f = path ? fopen(path, "w") : NULL;
    if (path && !f) perror(path);
    if (!f) return NULL;
    bench_origin(f, argc, argv);
    fprintf(f, "%s\n", header);
    return f;
}

static int run_all(const setup *o, int argc, char **argv) {
    FILE *csv = open_result(o->out, argc, argv,
                            "run,compared,verdict,speedup_pct,low_pct,high_pct,processes,blocks,discarded_blocks,"
                            "kept_disturbed_blocks,search_samples,set_aside,within_sd_pct,between_sd_pct,seconds");
    FILE *record = open_result(o->record, argc, argv, "run,index,cost");
    int status = (o->out && !csv) || (o->record && !record);
    int announced = 0, compared = 0, covered = 0, done = 0;
    for (int run = 0; run < o->runs && !status; run++) {
        outcome r;
        xlstm_error err;
        status = run_once(o, run, record, &r, &err);
        if (status) {
            fprintf(stderr, "honesty_engine: %s\n", err.text);
            break;
        }
        const tune_final *f = &r.final;
        bool interval = r.compared && f->verdict != TUNE_VERDICT_UNMEASURED;
        done++;
        compared += interval;
        announced += interval && f->verdict == TUNE_VERDICT_BETTER;
        covered += interval && f->low <= 0 && 0 <= f->high;
        if (csv) {
            fprintf(csv, "%d,%d,%s,", run, interval,
                    interval ? tune_verdict_name(f->verdict) : "the baseline stays");
            if (interval) {
                fprintf(csv, "%.3f,%.3f,%.3f,%d,%d,%d,%d,%llu,%llu,%.3f,%.3f,%.1f\n", 100 * f->speedup,
                        100 * f->low, 100 * f->high, f->processes, f->blocks, f->discarded, f->kept,
                        (unsigned long long)r.counts.taken, (unsigned long long)r.counts.set_aside,
                        100 * f->within_sd, 100 * f->between_sd, r.seconds);
            } else {
                fprintf(csv, ",,,,,,,%llu,%llu,,,%.1f\n", (unsigned long long)r.counts.taken,
                        (unsigned long long)r.counts.set_aside, r.seconds);
            }
            fflush(csv);
        }
        if (record) fflush(record);
        printf("%d runs: %d announced a winner, %d of %d intervals hold 0; the last took %.1f s\n", done, announced,
               covered, compared, r.seconds);
        fflush(stdout);
    }
    if (csv) fclose(csv);
    if (record) fclose(record);
    return status ? 1 : 0;
}

static int usage(void) {
    printf("usage: honesty_engine [--runs N] [--points N] [--prompt N] [--tokens N] [--workers N]\n"
           "                      [--budget S] [--effort NAME] [--model DIR] [--out FILE] [--record FILE]\n"
           "Whole runs on the engine in which every point is the same.\n"
           "  --runs N       runs (60)\n  --points N     points beside the baseline (12)\n"
           "  --prompt N     tokens of the prompt (64)\n  --tokens N     tokens decoded (8)\n"
           "  --workers N    threads (1)\n  --budget S     seconds a run (60)\n  --effort NAME  (quick)\n"
           "  --model DIR    checkpoint (models/tiny-literature)\n  --out FILE     CSV, a row a run\n"
           "  --record FILE  CSV, every baseline sample of the searches\n");
    return 0;
}

int main(int argc, char **argv) {
    const char *process = NULL;
    setup o = {.model = "models/tiny-literature",
               .program = argv[0],
               .runs = 60,
               .points = 12,
               .prompt = 64,
               .tokens = 8,
               .workers = 1,
               .budget_s = 60,
               .effort = TUNE_QUICK};
    struct {
        const char *name;
        int *number;
        const char **text;
    } flags[] = {{"--runs", &o.runs, NULL},     {"--points", &o.points, NULL},   {"--prompt", &o.prompt, NULL},
                 {"--tokens", &o.tokens, NULL}, {"--workers", &o.workers, NULL}, {"--model", NULL, &o.model},
                 {"--out", NULL, &o.out},       {"--record", NULL, &o.record},   {"--process", NULL, &process}};
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        bool known = false;
        for (size_t k = 0; k < sizeof flags / sizeof *flags && value; k++) {
            if (strcmp(argv[i], flags[k].name)) continue;
            known = true;
            if (flags[k].number) *flags[k].number = (int)strtol(value, NULL, 10);
            else *flags[k].text = value;
        }
        if (value && !strcmp(argv[i], "--budget")) o.budget_s = strtod(value, NULL), known = true;
        if (value && !strcmp(argv[i], "--effort")) {
            int effort = tune_effort_parse(value);
            if (effort < 0) return usage();
            o.effort = (tune_effort)effort;
            known = true;
        }
        if (!known) return usage();
    }
    if (o.prompt < 1 || o.prompt > MOST_PROMPT || o.tokens < 0 || o.points < 1) return usage();
    return process ? be_process(&o, process) : run_all(&o, argc, argv);
}

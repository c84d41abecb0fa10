#include "bench/simulated.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/rng.h"
#include "tuner/landscape/gzip.h"
#include "tuner/measure/stats.h"

#define POINTS_MOST 256
#define PROCESS_START_S 2.0
/* The same shares of a budget as the driver's: no new trial after the first, no playoff after the second. */
#define SEARCH_SHARE 0.55
#define PLAYOFF_SHARE 0.65

typedef struct world {
    const sim_setup *setup;
    xl_rng rng;
    double now;
    double effect[POINTS_MOST + 1]; /* true ln(cost / baseline's); [0] is the baseline */
    double placement[POINTS_MOST + 1];
    int runs[POINTS_MOST + 1]; /* how often each point has run in this process */
    double walk, phase;
    double burst_left;
    size_t at; /* position in the recording */
    long samples;
} world;

const char *sim_noise_name(sim_noise noise) {
    static const char *const names[] = {"steady",         "drifting",  "bursty",  "heavy-tailed",
                                        "first-run-slow", "placement", "recorded"};
    return names[noise];
}

static void fresh_process(world *w) {
    memset(w->runs, 0, sizeof w->runs);
    for (int i = 0; i <= w->setup->points; i++) {
        w->placement[i] = w->setup->noise == SIM_PLACEMENT ? 0.015 * xl_rng_normal(&w->rng) : 0;
    }
    w->now += PROCESS_START_S;
}

static double student_two(xl_rng *rng) {
    double chi = -2 * log(1 - xl_rng_uniform(rng)); /* chi squared with 2 degrees of freedom */
    return xl_rng_normal(rng) / sqrt(chi / 2);
}

static double noise_now(world *w, int point) {
    xl_rng *rng = &w->rng;
    switch (w->setup->noise) {
    case SIM_STEADY:
        return 0.02 * xl_rng_normal(rng);
    case SIM_DRIFTING:
        w->walk += 0.1 / sqrt(1000) * xl_rng_normal(rng);
        return w->walk + 0.08 * sin(w->phase + w->now * 6.283185307179586 / 150) + 0.015 * xl_rng_normal(rng);
    case SIM_BURSTY:
        if (w->burst_left <= 0 && xl_rng_uniform(rng) < 0.01) w->burst_left = -6 * log(1 - xl_rng_uniform(rng));
        w->burst_left -= 1;
        return 0.01 * xl_rng_normal(rng) + (w->burst_left > 0 ? log(1.3) : 0);
    case SIM_HEAVY:
        return 0.01 * fabs(student_two(rng));
    case SIM_FIRST_RUN: {
        double cold = w->runs[point] == 0 ? log(1.5) : w->runs[point] == 1 ? log(1.1) : 0;
        return cold + 0.015 * xl_rng_normal(rng);
    }
    case SIM_PLACEMENT:
        return w->placement[point] + 0.01 * xl_rng_normal(rng);
    case SIM_RECORDED:
        w->at = (w->at + 1) % w->setup->recording->n;
        return log(w->setup->recording->factor[w->at]);
    default:
        return 0;
    }
}

static double sample_cost(world *w, int point) {
    double cost = exp(w->effect[point] + noise_now(w, point));
    w->runs[point]++;
    w->now += cost;
    w->samples++;
    return cost;
}

static int measure(void *ctx, int64_t candidate, unsigned repeats, double limit, tune_reading *out,
                   xlstm_error *err) {
    *out = (tune_reading){.cost = sample_cost(ctx, (int)candidate)};
    return out->cost > limit ? TUNE_STOPPED : 0;
}

static double world_now(void *ctx) {
    return ((world *)ctx)->now;
}

static int make_sampler(world *w, tune_sampler **out, xlstm_error *err) {
    tune_sampler_options options;
    tune_sampler_options_init(&options);
    options.measure = measure;
    options.ctx = w;
    options.watch = false;
    options.now_s = world_now;
    options.now_ctx = w;
    return tune_sampler_create(out, &options, err);
}

typedef struct pair {
    world *world;
    int64_t winner;
} pair;

static int run_process(void *ctx, const tune_block_plan *plan, tune_block_result *out, xlstm_error *err) {
    pair *p = ctx;
    fresh_process(p->world);
    tune_sampler *sampler = NULL;
    int status = make_sampler(p->world, &sampler, err);
    if (!status) status = tune_blocks_run(sampler, 0, p->winner, plan, out, err);
    tune_sampler_destroy(sampler);
    return status;
}

static int search(world *w, const int64_t *order, int64_t *winner, int *quads, xlstm_error *err) {
    tune_sampler *sampler = NULL;
    tune_race *race = NULL;
    tune_race_options options;
    tune_race_options_init(&options, w->setup->effort);
    options.deadline_s = w->setup->budget_s * PLAYOFF_SHARE;
    int status = make_sampler(w, &sampler, err);
    if (!status) status = tune_race_create(&race, sampler, 0, &options, err);
    for (int i = 0; i < w->setup->points && !status; i++) {
        tune_race_entry entry;
        if (i && tune_sampler_seconds(sampler) > w->setup->budget_s * SEARCH_SHARE) break;
        status = tune_race_run(race, &order[i], 1, &entry, err);
    }
    if (!status) status = tune_race_finish(race, winner, err);
    if (!status) {
        size_t n;
        const double *costs = tune_race_baseline_costs(race, &n);
        *quads =
            n ? tune_block_quads(costs, n, tune_sampler_seconds(sampler) / (double)n, tune_median(costs, n)) : 1;
    }
    tune_race_destroy(race);
    tune_sampler_destroy(sampler);
    return status;
}

static void shuffle(int64_t *order, int n, xl_rng *rng) {
    for (int i = n - 1; i > 0; i--) {
        int j = (int)xl_rng_below(rng, (uint64_t)i + 1);
        int64_t swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
}

static void start(world *w, const sim_setup *setup, int64_t *order, uint64_t seed) {
    *w = (world){.setup = setup};
    xl_rng_seed(&w->rng, seed);
    for (int i = 0; i < setup->points; i++) order[i] = i + 1;
    shuffle(order, setup->points, &w->rng);
    if (setup->better > 0) w->effect[1] = -log1p(setup->better);
    w->phase = 6.283185307179586 * xl_rng_uniform(&w->rng);
    if (setup->noise == SIM_RECORDED) w->at = xl_rng_below(&w->rng, setup->recording->n);
    fresh_process(w);
}

/* What the original does: every point is measured once, the fastest wins, and its gain over the baseline's one
 * sample is taken for true. */
static void one_sample(const sim_setup *setup, sim_outcome *out) {
    static _Thread_local world w;
    int64_t order[POINTS_MOST];
    start(&w, setup, order, setup->seed ^ UINT64_C(0x5bd1e995));
    double baseline = sample_cost(&w, 0), best = INFINITY;
    int64_t winner = 0;
    for (int i = 0; i < setup->points; i++) {
        double cost = sample_cost(&w, (int)order[i]);
        if (cost < best) {
            best = cost;
            winner = order[i];
        }
    }
    out->one_sample_right = setup->better > 0 && winner == 1;
    out->one_sample_claims = best < baseline;
    out->one_sample_gain = baseline / best - 1;
}

int sim_run(const sim_setup *setup, sim_outcome *out, xlstm_error *err) {
    *out = (sim_outcome){0};
    if (setup->points < 1 || setup->points > POINTS_MOST) {
        return xl_fail(err, XLSTM_EARG, "simulation: %d points, wanted 1 to %d", setup->points, POINTS_MOST);
    }
    static _Thread_local world w;
    int64_t order[POINTS_MOST], winner = 0;
    int quads = 1;
    one_sample(setup, out);
    start(&w, setup, order, setup->seed);
    double begin = w.now;
    int status = search(&w, order, &winner, &quads, err);
    if (status) return status;
    out->search_samples = (int)w.samples;
    out->picked_right = setup->better > 0 && winner == 1;
    out->truth = -w.effect[winner];
    if (winner != 0) {
        tune_final_options options;
        tune_final_options_init(&options, setup->effort);
        options.seed = setup->seed;
        options.quads = quads;
        options.now_s = world_now;
        options.now_ctx = &w;
        options.budget_s = fmax(0, setup->budget_s - (w.now - begin));
        pair p = {&w, winner};
        if (tune_final_fit(&options, 1)) status = tune_final_run(&options, run_process, &p, &out->final, err);
        else out->final.verdict = TUNE_VERDICT_UNMEASURED;
        out->compared = status == 0;
    }
    out->final_samples = (int)w.samples - out->search_samples;
    out->seconds = w.now - begin;
    return status;
}

/* ---- recordings ---- */

static int append(sim_recording *r, size_t *room, double x, xlstm_error *err) {
    if (!(x > 0) || !isfinite(x)) return 0;
    if (r->n == *room) {
        size_t more = *room ? 2 * *room : 4096;
        double *factor = realloc(r->factor, more * sizeof *factor);
        if (!factor) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", r->name);
        r->factor = factor;
        *room = more;
    }
    r->factor[r->n++] = x;
    return 0;
}

/* Removes lines that begin with #, in place. */
static void drop_comments(char *text) {
    char *to = text;
    for (const char *line = text; *line;) {
        const size_t length = strcspn(line, "\n"), whole = length + (line[length] != 0);
        if (*line != '#') {
            memmove(to, line, whole);
            to += whole;
        }
        line += whole;
    }
    *to = 0;
}

static int read_text(const char *path, char **text, xlstm_error *err) {
    enum { MOST = 1 << 30 };
    char *data;
    size_t bytes;
    int status = xl_file_read(path, MOST, &data, &bytes, err);
    *text = data;
    if (status || !tune_gzip_is(data, bytes)) return status;
    status = tune_gzip_unpack(path, data, bytes, MOST, text, &bytes, err);
    free(data);
    return status;
}

int sim_recording_read(sim_recording *out, const char *name, const char *path, xlstm_error *err) {
    *out = (sim_recording){.name = name};
    xl_csv csv = {0};
    char *text = NULL;
    size_t room = 0;
    int status = read_text(path, &text, err);
    if (status) return status;
    drop_comments(text);
    status = xl_csv_parse(&csv, path, text, err);
    if (status) return status;
    int column = xl_csv_column(&csv, "times");
    if (column < 0) column = xl_csv_column(&csv, "cost");
    if (column < 0) status = xl_fail(err, XLSTM_EFORMAT, "%s: no column times or cost", path);
    for (size_t row = 0; !status && row < csv.rows; row++) {
        for (const char *at = xl_csv_cell(&csv, row, column); at && !status;) {
            char *end;
            double x = strtod(at, &end);
            if (end == at) break;
            status = append(out, &room, x, err);
            at = *end == ';' ? end + 1 : NULL;
        }
    }
    xl_csv_free(&csv);
    if (!status && out->n < 100) status = xl_fail(err, XLSTM_EFORMAT, "%s: %zu times, wanted 100", path, out->n);
    if (status) {
        sim_recording_clear(out);
        return status;
    }
    double median = tune_median(out->factor, out->n);
    for (size_t i = 0; i < out->n; i++) out->factor[i] /= median;
    return 0;
}

void sim_recording_clear(sim_recording *recording) {
    free(recording->factor);
    recording->factor = NULL;
    recording->n = 0;
}

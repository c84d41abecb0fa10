/* What one fresh process of the last comparison does: it runs randomized blocks of samples in the order ABBA or
 * BAAB. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/rng.h"
#include "tuner/measure/final.h"
#include "tuner/measure/stats.h"

#define WARM_RUNS 10
#define MOST_QUADS 8

int tune_block_quads(const double *costs, size_t n, double spacing_s, double sample_s) {
    if (n < 16 || !(spacing_s > 0) || !(sample_s > 0)) return 1;
    tune_noise noise;
    tune_describe_noise(costs, n, &noise);
    /* With so few samples a correlation time below 2 cannot be told from uncorrelated noise. */
    if (!(noise.correlation_time > 2)) return 1;
    double quads = ceil(noise.correlation_time * spacing_s / (4 * sample_s));
    return quads < 1 ? 1 : quads > MOST_QUADS ? MOST_QUADS : (int)quads;
}

typedef struct side {
    int64_t candidate;
    double log_sum, cost_sum, parts[TUNE_PARTS]; /* of the current block */
    uint64_t hash;
} side;

typedef struct block {
    double log_ratio, cost[2], parts[2][TUNE_PARTS];
    int disturbed; /* how many of its samples were disturbed */
} block;

/* After a failure *failed is the side's index. */
static int run_block(tune_sampler *sampler, side sides[2], int quads, xl_rng *rng, block *out, int *failed,
                     xlstm_error *err) {
    *out = (block){0};
    for (int s = 0; s < 2; s++) {
        sides[s].log_sum = sides[s].cost_sum = 0;
        for (int p = 0; p < TUNE_PARTS; p++) sides[s].parts[p] = 0;
    }
    for (int q = 0; q < quads; q++) {
        int first = (int)xl_rng_below(rng, 2);
        for (int i = 0; i < 4; i++) {
            const int at = i == 0 || i == 3 ? first : 1 - first;
            side *s = &sides[at];
            tune_sample sample;
            *failed = at;
            int status = tune_sampler_take_once(sampler, s->candidate, INFINITY, &sample, err);
            if (status < 0) return status;
            s->log_sum += log(sample.reading.cost);
            s->cost_sum += sample.reading.cost;
            for (int p = 0; p < TUNE_PARTS; p++) s->parts[p] += sample.reading.parts[p];
            s->hash = sample.reading.hash;
            out->disturbed += sample.disturbance.reasons != 0;
        }
    }
    double n = 2.0 * quads;
    out->log_ratio = (sides[0].log_sum - sides[1].log_sum) / n;
    for (int s = 0; s < 2; s++) {
        out->cost[s] = sides[s].cost_sum / n;
        for (int p = 0; p < TUNE_PARTS; p++) out->parts[s][p] = sides[s].parts[p] / n;
    }
    return 0;
}

static int by_disturbance(const void *a, const void *b) {
    int x = ((const block *)a)->disturbed, y = ((const block *)b)->disturbed;
    return (x > y) - (x < y);
}

int tune_blocks_run(tune_sampler *sampler, int64_t baseline, int64_t winner, const tune_block_plan *plan,
                    tune_block_result *out, xlstm_error *err) {
    *out = (tune_block_result){0};
    if (plan->blocks < 1 || plan->blocks > TUNE_BLOCKS_MOST || plan->quads < 1 || plan->spare < 0) {
        return xl_fail(err, XLSTM_EARG,
                       "comparison: a process of %d blocks of %d quads, wanted 1 to %d of at least 1", plan->blocks,
                       plan->quads, TUNE_BLOCKS_MOST);
    }
    static const tune_culprit culprits[] = {TUNE_CULPRIT_BASELINE, TUNE_CULPRIT_WINNER};
    int most = plan->blocks + plan->spare, ran = 0, clean = 0, status = 0, running = 0;
    tune_gauge *gauge = NULL;
    tune_condition_init(&out->before);
    tune_condition_init(&out->after);
    block *blocks = calloc((size_t)most, sizeof *blocks);
    if (!blocks) return xl_fail(err, XLSTM_ENOMEM, "comparison: out of memory");
    if (plan->gauge_threads > 0) status = tune_gauge_create(&gauge, plan->gauge_threads, err);
    if (status) {
        free(blocks);
        return status;
    }

    side sides[2] = {{.candidate = baseline}, {.candidate = winner}};
    double start = tune_sampler_seconds(sampler), longest = 0;
    const double deadline = start + plan->deadline_s;
    xl_rng rng;
    xl_rng_seed(&rng, plan->seed);
    int first = (int)xl_rng_below(&rng, 2);
    /* Before the warm-up, so that the gauge's threads sleep when the blocks begin. */
    if (gauge) tune_gauge_take(gauge, &out->before);
    for (int i = 0; i < 2; i++) {
        double left = deadline - tune_sampler_seconds(sampler);
        tune_sample last;
        running = i ? 1 - first : first;
        status = tune_sampler_warm(sampler, sides[running].candidate, WARM_RUNS, left / 4, deadline, INFINITY,
                                   &last, err);
        if (status < 0) goto done;
        longest = fmax(longest, 4 * plan->quads * last.seconds);
    }
    /* Where the time does not suffice for a complete block of warm samples, none is run, because samples that are
     * cold or cut short would distort the result. */
    if (tune_sampler_seconds(sampler) + longest > deadline) goto done;
    longest = 0;
    while (ran < most && clean < plan->blocks) {
        double begin = tune_sampler_seconds(sampler);
        if (ran && begin + longest > deadline) break;
        status = run_block(sampler, sides, plan->quads, &rng, &blocks[ran], &running, err);
        if (status < 0) goto done;
        longest = fmax(longest, tune_sampler_seconds(sampler) - begin);
        clean += blocks[ran].disturbed == 0;
        ran++;
    }
    if (gauge && ran) tune_gauge_take(gauge, &out->after);
    /* Undisturbed blocks come first. Where there are too few of them, disturbed ones are used too, the least
     * disturbed first. */
    if (clean < ran) qsort(blocks, (size_t)ran, sizeof *blocks, by_disturbance);
    out->blocks = ran < plan->blocks ? ran : plan->blocks;
    out->kept = out->blocks > clean ? out->blocks - clean : 0;
    out->disturbed = ran - out->blocks;
    for (int i = 0; i < out->blocks; i++) {
        out->log_ratio[i] = blocks[i].log_ratio;
        out->baseline_cost += blocks[i].cost[0] / out->blocks;
        out->winner_cost += blocks[i].cost[1] / out->blocks;
        for (int p = 0; p < TUNE_PARTS; p++) {
            out->baseline_parts[p] += blocks[i].parts[0][p] / out->blocks;
            out->winner_parts[p] += blocks[i].parts[1][p] / out->blocks;
        }
    }
    out->baseline_hash = sides[0].hash;
    out->winner_hash = sides[1].hash;
    status = 0;
done:
    if (status < 0) out->culprit = culprits[running];
    out->seconds = tune_sampler_seconds(sampler) - start;
    tune_gauge_destroy(gauge);
    free(blocks);
    return status;
}

/* How many measurements declared effects save: an exhaustively measured run of the engine (its study) is replayed
 * with one strategy over the whole space and with one each for prefill and decode, told the recorded times; counted
 * are the measurements until the best point known is within 1 % of the best of all.
 *
 *   bench_effects STUDY.sqlite [SEEDS]       CSV on standard output: way, seed, to_1_percent, to_end, found */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tuner/driver/proposer.h"
#include "tuner/driver/result.h"
#include "tuner/study/study.h"

typedef struct recording {
    tune_space *space;
    double *prefill, *decode; /* s, of a point; NAN: not measured */
    double best;              /* s of a request */
} recording;

/* What each phase's parameters affect is the table's; the stored space has values alone. */
static int make_space(const char *text, tune_space **out, xlstm_error *err) {
    tune_known known[XLSTM_TUNABLE_COUNT];
    tune_known_tunables(NULL, known);
    json_t *j = json_loads(text, 0, NULL);
    int status = j ? tune_space_from_json(j, known, XLSTM_TUNABLE_COUNT, out, err)
                   : xl_fail(err, XLSTM_EFORMAT, "the stored space is no JSON");
    json_decref(j);
    return status ? status : tune_space_seal(*out, err);
}

static int load(const char *path, recording *r, xlstm_error *err) {
    tune_study *study = NULL;
    tune_run_row run = {0};
    tune_trial_row *trials = NULL;
    size_t count = 0;
    int status = tune_study_open(&study, path, false, err);
    if (!status) status = tune_study_run_find(study, "", &run, err);
    if (!status) status = tune_study_trials(study, run.id, &trials, &count, err);
    if (!status) status = make_space(run.space, &r->space, err);
    if (!status) {
        size_t size = tune_space_size(r->space);
        r->prefill = xl_array(size, sizeof(double));
        r->decode = xl_array(size, sizeof(double));
        if (!r->prefill || !r->decode) status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
        for (size_t i = 0; !status && i < size; i++) r->prefill[i] = r->decode[i] = NAN;
    }
    r->best = INFINITY;
    for (size_t i = 0; !status && i < count; i++) {
        uint32_t point = tune_result_point(r->space, trials[i].params);
        if (trials[i].status != TUNE_TRIAL_OK || point == TUNE_NO_POINT) continue;
        r->prefill[point] = trials[i].metric[TUNE_PREFILL_S];
        r->decode[point] = trials[i].metric[TUNE_DECODE_S];
        r->best = fmin(r->best, r->prefill[point] + r->decode[point]);
    }
    tune_trial_rows_free(trials, count);
    tune_run_row_clear(&run);
    tune_study_close(study);
    return status;
}

static int replay(const recording *r, bool apart, uint64_t seed, xlstm_error *err) {
    tune_strategy_options o;
    tune_proposer *p = NULL;
    tune_strategy_options_init(&o);
    o.seed = seed;
    o.noise = 0;
    int status = tune_proposer_create(&p, "auto", r->space, apart, &o, err);
    double best = INFINITY;
    int n = 0, first = 0;
    bool *seen = calloc(tune_space_size(r->space), sizeof *seen);
    if (!status && !seen) status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
    while (!status && !tune_proposer_done(p)) {
        uint32_t point;
        status = tune_proposer_ask(p, &point, err);
        if (status) break;
        double prefill = r->prefill[point], decode = r->decode[point], sum = prefill + decode;
        double told[TUNE_TOLD_COUNT] = {sum, prefill, decode};
        n += !seen[point];
        seen[point] = true;
        if (sum < best) best = sum;
        if (!first && best <= 1.01 * r->best) first = n;
        status = tune_proposer_tell(p, point, told, sum, err);
    }
    if (!status)
        printf("%s,%llu,%d,%d,%.5f\n", apart ? "apart" : "joint", (unsigned long long)seed, first, n,
               r->best / best);
    free(seen);
    tune_proposer_destroy(p);
    return status;
}

int main(int argc, char **argv) {
    recording r = {0};
    xlstm_error err = {0};
    if (argc < 2) {
        fprintf(stderr, "usage: bench_effects STUDY.sqlite [SEEDS]\n");
        return 2;
    }
    long seeds = argc > 2 ? strtol(argv[2], NULL, 10) : 100;
    int status = load(argv[1], &r, &err);
    printf("way,seed,to_1_percent,to_end,found\n");
    for (long seed = 0; !status && seed < seeds; seed++) {
        for (int apart = 0; !status && apart < 2; apart++) status = replay(&r, apart, (uint64_t)seed, &err);
    }
    if (status) fprintf(stderr, "bench_effects: %s\n", err.text);
    tune_space_destroy(r.space);
    free(r.prefill);
    free(r.decode);
    return status ? 1 : 0;
}

/* The Pareto front of trials, against its definition. */

#include "base/rng.h"
#include "helper.h"
#include "tuner/driver/front.h"

enum { MOST = 60 };

/* By definition: what no other trial that is ok beats, the best in the first objective first. */
static size_t front_of(const tune_metrics *metrics, const tune_trial_row *t, size_t n, const int *objective, int m,
                       size_t *front) {
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        bool member = t[i].status == TUNE_TRIAL_OK;
        for (size_t k = 0; k < n; k++)
            member &= k == i || t[k].status != TUNE_TRIAL_OK ||
                      !tune_front_beats(metrics, t[k].metric, t[i].metric, objective, m);
        if (!member) continue;
        size_t at = found++;
        for (; at; at--) {
            const tune_trial_row *other = &t[front[at - 1]];
            int k = 0;
            while (k < m && tune_metric_cost(&metrics->at[objective[k]], t[i].metric[objective[k]]) ==
                                tune_metric_cost(&metrics->at[objective[k]], other->metric[objective[k]]))
                k++;
            if (k == m || tune_metric_cost(&metrics->at[objective[k]], t[i].metric[objective[k]]) >
                              tune_metric_cost(&metrics->at[objective[k]], other->metric[objective[k]]))
                break;
            front[at] = front[at - 1];
        }
        front[at] = i;
    }
    return found;
}

/* Metrics with and without a resolution, smaller and larger ones, equal and unknown values, and few or many on the
 * front. */
static void fronts_are_those_of_looking_at_all(void **state) {
    xl_rng rng;
    xl_rng_seed(&rng, 5);
    size_t largest = 0;
    for (int round = 0; round < 3000; round++) {
        static tune_trial_row t[MOST];
        tune_metrics metrics = {.count = 4, .at = {{.name = "a"}, {.name = "b"}, {.name = "c"}, {.name = "d"}}};
        int objective[4] = {0, 1, 2, 3};
        const int m = 1 + (int)xl_rng_below(&rng, 4);
        const size_t n = xl_rng_below(&rng, MOST) + 1, levels = 1 + xl_rng_below(&rng, 40);
        for (int k = 0; k < 4; k++) {
            tune_metric *metric = &metrics.at[k];
            const int swap = (int)xl_rng_below(&rng, 4), kept = objective[k];
            metric->larger_is_better = xl_rng_below(&rng, 2);
            if (xl_rng_below(&rng, 2)) metric->least = 0.3;
            if (xl_rng_below(&rng, 2)) metric->least_share = xl_rng_below(&rng, 8) ? 0.1 : 1.5;
            objective[k] = objective[swap];
            objective[swap] = kept;
        }
        for (size_t i = 0; i < n; i++) {
            t[i] = (tune_trial_row){.index = (int64_t)i,
                                    .status = xl_rng_below(&rng, 9) ? TUNE_TRIAL_OK : TUNE_TRIAL_FAILED};
            for (int k = 0; k < 4; k++)
                t[i].metric[k] = xl_rng_below(&rng, 20) ? (double)xl_rng_below(&rng, levels) / 4 : NAN;
        }
        size_t found[MOST], wanted[MOST], count = tune_front(&metrics, t, n, objective, m, found);
        assert_int_equal(count, front_of(&metrics, t, n, objective, m, wanted));
        for (size_t i = 0; i < count; i++) assert_int_equal(found[i], wanted[i]);
        if (m == 2 && count > largest) largest = count;
    }
    assert_true(largest > 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(fronts_are_those_of_looking_at_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A small version of the benchmark `honesty` with fixed seeds: intervals cover the true value, nothing is
 * announced where nothing is better, and what is better is found. The margins are three standard errors of 200
 * runs. */

#include "bench/simulated.h"
#include "helper.h"

enum { RUNS = 200 };

typedef struct tally {
    int compared, covered, announced, right;
} tally;

static tally simulate(sim_noise noise, double better, double budget_s) {
    tally t = {0};
    for (int i = 0; i < RUNS; i++) {
        sim_setup setup = {.noise = noise,
                           .points = 12,
                           .better = better,
                           .effort = TUNE_NORMAL,
                           .budget_s = budget_s,
                           .seed = 1000 + (uint64_t)i};
        sim_outcome out;
        assert_int_equal(sim_run(&setup, &out, NULL), 0);
        if (!out.compared || out.final.verdict == TUNE_VERDICT_UNMEASURED) continue;
        t.compared++;
        t.covered += out.final.log_low <= out.truth && out.truth <= out.final.log_high;
        t.announced += out.final.verdict == TUNE_VERDICT_BETTER;
        t.right += out.final.verdict == TUNE_VERDICT_BETTER && out.picked_right;
    }
    return t;
}

static void honest(sim_noise noise, double budget_s) {
    tally t = simulate(noise, 0, budget_s);
    double se = sqrt(0.95 * 0.05 / t.compared);
    if (t.compared < RUNS / 3) fail_msg("%s: %d of %d compared", sim_noise_name(noise), t.compared, RUNS);
    if (t.covered < (0.95 - 3 * se) * t.compared) {
        fail_msg("%s: %d of %d covered", sim_noise_name(noise), t.covered, t.compared);
    }
    if (t.announced > (0.05 + 3 * se) * RUNS) fail_msg("%s: %d false winners", sim_noise_name(noise), t.announced);
}

static void nothing_false_is_announced(void **state) {
    for (sim_noise noise = SIM_STEADY; noise < SIM_RECORDED; noise++) honest(noise, INFINITY);
}

static void nor_with_a_tight_budget(void **state) {
    honest(SIM_STEADY, 90);
    honest(SIM_STEADY, 150);
    honest(SIM_PLACEMENT, 200);
}

static void five_percent_is_found(void **state) {
    const sim_noise noises[] = {SIM_STEADY, SIM_DRIFTING};
    for (int i = 0; i < 2; i++) {
        tally t = simulate(noises[i], 0.05, INFINITY);
        if (t.right < 0.9 * RUNS) fail_msg("%s: found %d times", sim_noise_name(noises[i]), t.right);
        t = simulate(noises[i], 0.02, INFINITY);
        if (t.right < 0.5 * RUNS) fail_msg("%s: 2 %% found %d times", sim_noise_name(noises[i]), t.right);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_false_is_announced),
        cmocka_unit_test(nor_with_a_tight_budget),
        cmocka_unit_test(five_percent_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* How many tokens of a prompt are read beside running streams, on simulated machines. */
#include <math.h>

#include "base/rng.h"
#include "helper.h"
#include "server/slices.h"

/* A machine on which a step takes 10 ms, and each token of a prompt 1 ms and, above eight, 8 ms once. */
static double machine(int64_t decodes, int64_t tokens) {
    return 0.010 + 0.0002 * (double)decodes + 0.001 * (double)tokens + (tokens > 8 ? 0.008 : 0);
}

static void slices_keep_the_bound(void **state) {
    static const double bounds[] = {0, 0.015, 0.1};
    for (int i = 0; i < 3; i++) {
        serve_slices s;
        serve_slices_init(&s, bounds[i], 512);
        assert_int_equal(serve_slices_choose(&s, 0), 512);
        const double bound = bounds[i] > 0 ? bounds[i] : 2 * machine(4, 0);
        int64_t sum = 0;
        int late = 0;
        for (int step = 0; step < 2000; step++) {
            const bool prompts_wait = step > 20;
            const int64_t tokens = prompts_wait ? serve_slices_choose(&s, 4) : 0;
            const double t = machine(4, tokens);
            late += t > bound; /* a size must be tried to be known */
            serve_slices_learn(&s, 4, tokens, t);
            sum += tokens;
        }
        assert_true(late < 20);
        /* And it is not timid: at least half of what the bound leaves is used. */
        const double room = bound - machine(4, 0);
        assert_true((double)sum / 2000 > 0.45 * room / 0.001 - 5);
    }
    /* A machine that is disturbed now and then is not slow. */
    serve_slices s;
    xl_rng rng;
    xl_rng_seed(&rng, 1);
    serve_slices_init(&s, 0, 512);
    int64_t sum = 0;
    int late = 0;
    for (int step = 0; step < 4000; step++) {
        const int64_t tokens = step > 20 ? serve_slices_choose(&s, 4) : 0;
        const double t = machine(4, tokens);
        late += t > 2 * machine(4, 0);
        serve_slices_learn(&s, 4, tokens, t * (xl_rng_below(&rng, 20) ? 0.97 + 0.06 * xl_rng_uniform(&rng) : 6));
        sum += tokens;
    }
    assert_true(late < 40);
    assert_true((double)sum / 4000 > 4.5);
    serve_slices_init(&s, 0.001, 1);
    serve_slices_learn(&s, 4, 0, 1);
    assert_int_equal(serve_slices_choose(&s, 4), 1); /* prompts never stand still */
}

/* A machine on which other programs come and go: its speed drifts, each step scatters, and one in 200 is disturbed.
 * Fewer than one step in a hundred is late, those in which sizes are tried counted in. */
static void slices_keep_the_bound_beside_others(void **state) {
    enum { PROMPTS_READ = 60, TOKENS = 2000, PLAIN = 56 };
    int64_t steps = 0, late = 0;
    xl_rng rng;
    xl_rng_seed(&rng, 3);
    for (int i = 0; i < PROMPTS_READ; i++) {
        serve_slices s;
        serve_slices_init(&s, 0, 512);
        double drift = 0;
        int64_t left = TOKENS;
        for (int step = 0; left; step++) {
            int64_t tokens = step < PLAIN ? 0 : serve_slices_choose(&s, 4);
            if (tokens > left) tokens = left;
            drift = 0.93 * drift + 0.018 * xl_rng_normal(&rng);
            double t = (0.021 + 0.00175 * (double)tokens) * exp(drift + 0.05 * xl_rng_normal(&rng));
            if (!xl_rng_below(&rng, 200)) t *= 1.3 + 1.2 * xl_rng_uniform(&rng);
            serve_slices_learn(&s, 4, tokens, t);
            steps += tokens > 0;
            late += tokens > 0 && t > 2 * 0.021;
            left -= tokens;
        }
    }
    print_message("%lld of %lld steps late, %.2f tokens a step\n", (long long)late, (long long)steps,
                  (double)PROMPTS_READ * TOKENS / (double)steps);
    assert_true(late * 100 < steps);
    assert_true((double)PROMPTS_READ * TOKENS / (double)steps > 5);
}

/* Tokens a step, and the share of late ones, where the machine's speed changes while a prompt is read. */
static double after_a_change(double factor, double *late_share) {
    enum { PLAIN = 56, CHANGE = 100, STEPS = 1000 };
    serve_slices s;
    xl_rng rng;
    int64_t sum = 0, late = 0;
    xl_rng_seed(&rng, 5);
    serve_slices_init(&s, 0, 512);
    for (int step = 0; step < CHANGE + STEPS; step++) {
        const double speed = step < CHANGE ? 1 : factor;
        const int64_t tokens = step < PLAIN ? 0 : serve_slices_choose(&s, 4);
        const double t = speed * (0.012 + 0.001 * (double)tokens) * exp(0.04 * xl_rng_normal(&rng));
        serve_slices_learn(&s, 4, tokens, t);
        if (step < CHANGE) continue;
        sum += tokens;
        late += t > 2 * speed * 0.012;
    }
    *late_share = (double)late / STEPS;
    return (double)sum / STEPS;
}

/* What a step takes without prompts is measured while they are read, too: a machine that became slower is not taken
 * for one on which every prompt takes too long, and one that became faster is not measured by what it was. */
static void slices_follow_the_machine(void **state) {
    double late;
    assert_true(after_a_change(1, &late) > 5);
    assert_true(late < 0.01);
    assert_true(after_a_change(1.35, &late) > 4);
    assert_true(late < 0.01);
    assert_true(after_a_change(0.75, &late) > 4);
    assert_true(late < 0.1); /* all of them, until it is noticed */
    serve_slices s;
    serve_slices_init(&s, 0, 512);
    assert_int_equal(serve_slices_choose(&s, 4), 0);
    serve_slices_learn(&s, 4, 0, 0.012);
    for (int step = 0; step < 16; step++) {
        const int64_t tokens = serve_slices_choose(&s, 4);
        assert_true(tokens > 0);
        serve_slices_learn(&s, 4, tokens, 0.012 + 0.001 * (double)tokens);
    }
    assert_int_equal(serve_slices_choose(&s, 4), 0);
    /* For other numbers of sequences it is not known yet. */
    serve_slices_learn(&s, 4, 0, 0.012);
    assert_true(serve_slices_choose(&s, 4) > 0);
    assert_int_equal(serve_slices_choose(&s, 16), 0);
}

/* A size is not tried again and again where the smaller ones say that it takes too long. */
static void slices_try_what_may_fit(void **state) {
    serve_slices s;
    int late = 0;
    serve_slices_init(&s, 0, 512);
    for (int step = 0; step < 4000; step++) {
        const int64_t tokens = serve_slices_choose(&s, 4);
        const double t = 0.0117 + 0.001 * (double)tokens;
        late += t > 2 * 0.0117;
        serve_slices_learn(&s, 4, tokens, t);
    }
    assert_true(late < 4);
}

/* The first step of a size takes long where kernels are compiled for it; the size is tried again at once. */
static void slices_forget_what_was_prepared(void **state) {
    serve_slices s;
    bool prepared[64] = {false};
    int64_t sum = 0;
    serve_slices_init(&s, 0, 32);
    for (int step = 0; step < 100; step++) {
        const int64_t tokens = serve_slices_choose(&s, 4);
        assert_in_range(tokens, 0, 32);
        serve_slices_learn(&s, 4, tokens, 0.005 + 0.0001 * (double)tokens + (prepared[tokens] ? 0 : 0.3));
        prepared[tokens] = true;
        sum += tokens;
    }
    assert_true(sum > 1500);
}

/* One on which one token of a prompt is a step of one more sequence, and more are another pass over all weights, as
 * on a GPU. */
static double two_passes(int64_t decodes, int64_t tokens) {
    const double prompt = tokens < 2 ? 0.0001 * (double)tokens : 0.005 + 0.00006 * (double)tokens;
    return 0.004 + 0.0001 * (double)decodes + prompt;
}

/* Where the least that can be read takes longer than a step may take longer, small slices are of no use: a prompt
 * is read in few steps, unless a bound is given. */
static void slices_are_worth_their_fixed_part(void **state) {
    enum { STEPS = 200 };
    static const double bounds[] = {0, 0.008};
    int64_t sum[2] = {0, 0};
    double longest[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        serve_slices s;
        serve_slices_init(&s, bounds[i], 512);
        for (int step = 0; step < STEPS; step++) {
            const int64_t tokens = serve_slices_choose(&s, 4);
            const double t = two_passes(4, tokens);
            serve_slices_learn(&s, 4, tokens, t);
            sum[i] += tokens;
            if (step > STEPS / 2 && t > longest[i]) longest[i] = t;
        }
    }
    assert_true(sum[0] > 30 * STEPS);
    assert_true(longest[0] < 4 * two_passes(4, 2)); /* and a stream does not wait for a whole prompt */
    assert_true(longest[1] < bounds[1]);
}

/* Times of a GPU, as measured: some sizes cost a step, what is between them little. Each scatters, and a shape that
 * was not among the last steps takes longer. */
static double stairs(xl_rng *rng, int64_t tokens, bool fresh) {
    const double extra = !tokens       ? 0
                         : tokens < 9  ? 2.5
                         : tokens < 48 ? 4.1
                         : tokens < 97 ? 6
                                       : 14 + 0.022 * (double)tokens;
    return 1e-3 * (5.5 + extra + (fresh ? 1.5 : 0)) * exp(0.02 * xl_rng_normal(rng));
}

static void probe(serve_slices *s, xl_rng *rng) {
    for (int step = 0; step < 4; step++) serve_slices_learn(s, 1, 0, stairs(rng, 0, step == 0));
    for (int turn = 0;; turn++) {
        const int64_t tokens = serve_slices_probe(s, turn);
        if (!tokens) break;
        assert_in_range(tokens, 2, 512);
        serve_slices_learn(s, 1, tokens, stairs(rng, tokens, turn % 5 == 0));
    }
}

/* What was measured before anything was asked for is used: a long prompt is read in a few steps, whatever the first
 * steps happened to take. */
static void slices_that_were_probed_are_worth_it(void **state) {
    enum { TOKENS = 4000, SEEDS = 40 };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        xl_rng rng;
        serve_slices s;
        bool met[513] = {false};
        int64_t left = TOKENS;
        int steps = 0;
        xl_rng_seed(&rng, seed);
        serve_slices_init(&s, 0, 512);
        probe(&s, &rng);
        for (; left > 0; steps++) {
            int64_t tokens = serve_slices_choose(&s, 4);
            if (tokens > left) tokens = left;
            serve_slices_learn(&s, 4, tokens, stairs(&rng, tokens, !met[tokens]));
            met[tokens] = true;
            left -= tokens;
        }
        assert_in_range(steps, 8, 24);
    }
    /* A bound that was given holds all the same. */
    xl_rng rng;
    serve_slices s;
    int late = 0;
    xl_rng_seed(&rng, 1);
    serve_slices_init(&s, 0.015, 512);
    probe(&s, &rng);
    for (int step = 0; step < 200; step++) {
        const int64_t tokens = serve_slices_choose(&s, 4);
        const double t = stairs(&rng, tokens, false);
        late += t > 0.015;
        serve_slices_learn(&s, 4, tokens, t);
    }
    assert_true(late < 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_keep_the_bound),
        cmocka_unit_test(slices_keep_the_bound_beside_others),
        cmocka_unit_test(slices_follow_the_machine),
        cmocka_unit_test(slices_try_what_may_fit),
        cmocka_unit_test(slices_forget_what_was_prepared),
        cmocka_unit_test(slices_are_worth_their_fixed_part),
        cmocka_unit_test(slices_that_were_probed_are_worth_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

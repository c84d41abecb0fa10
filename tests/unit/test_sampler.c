/* The distributions from which samplers draw, and their determinism. */
#include <xlstm/session.h>

#include "base/rng.h"
#include "helper.h"

enum { VOCAB = 6, DRAWS = 60000 };
static const float logits[VOCAB] = {1.0f, 3.0f, 2.0f, -1.0f, 2.5f, 0.0f};
static const xlstm_sampling plain = {
    .temperature = 1, .top_p = 1, .repetition_penalty = 1, .repeat_last_n = 64, .seed = 1};

static xlstm_sampler *make(xlstm_sampling options, int64_t vocab) {
    xlstm_sampler *s;
    xlstm_error err;
    if (xlstm_sampler_create(&s, &options, vocab, &err)) fail_msg("%s", err.text);
    return s;
}

/* Draws many times and compares the shares with `wanted`, whose sum need not be 1. The standard deviation of a
 * share is at most 0.5 / sqrt(DRAWS) = 0.002. */
static void assert_shares(xlstm_sampling options, const double *wanted) {
    xlstm_sampler *s = make(options, VOCAB);
    int count[VOCAB] = {0};
    double sum = 0;
    for (int i = 0; i < VOCAB; i++) sum += wanted[i];
    for (int i = 0; i < DRAWS; i++) {
        int32_t id = xlstm_sampler_draw(s, logits);
        assert_in_range(id, 0, VOCAB - 1);
        count[id]++;
    }
    for (int i = 0; i < VOCAB; i++) {
        double share = count[i] / (double)DRAWS;
        if (wanted[i] == 0) assert_int_equal(count[i], 0);
        if (fabs(share - wanted[i] / sum) > 0.01)
            fail_msg("token %d: share %g, wanted %g", i, share, wanted[i] / sum);
    }
    xlstm_sampler_destroy(s);
}

static void softmax_at_a_temperature(void **state) {
    const double temperatures[] = {1, 0.5, 2};
    for (int t = 0; t < 3; t++) {
        xlstm_sampling o = plain;
        double wanted[VOCAB];
        o.temperature = temperatures[t];
        for (int i = 0; i < VOCAB; i++) wanted[i] = exp(logits[i] / temperatures[t]);
        assert_shares(o, wanted);
    }
}

static void top_k_keeps_the_k_best(void **state) {
    xlstm_sampling o = plain;
    o.top_k = 3;
    assert_shares(o, (double[VOCAB]){0, exp(3), exp(2), 0, exp(2.5), 0});
    o.top_k = 1;
    assert_shares(o, (double[VOCAB]){0, 1, 0, 0, 0, 0});
    o.top_k = 100;
    double all[VOCAB];
    for (int i = 0; i < VOCAB; i++) all[i] = exp(logits[i]);
    assert_shares(o, all);
}

static void top_p_keeps_the_smallest_set_that_reaches_it(void **state) {
    /* Shares, best first: .478 (1), .290 (4), .176 (2), .065 less what follows (0), … */
    double all[VOCAB], sum = 0;
    for (int i = 0; i < VOCAB; i++) sum += all[i] = exp(logits[i]);
    xlstm_sampling o = plain;
    o.top_p = all[1] / sum - 0.001;
    assert_shares(o, (double[VOCAB]){0, 1, 0, 0, 0, 0});
    o.top_p = all[1] / sum + 0.001;
    assert_shares(o, (double[VOCAB]){0, all[1], 0, 0, all[4], 0});
    o.top_p = (all[1] + all[4] + all[2]) / sum + 0.001;
    assert_shares(o, (double[VOCAB]){all[0], all[1], all[2], 0, all[4], 0});
    /* After top-k the share is of what top-k left: .75, .25 of two would be … */
    o.top_k = 2;
    o.top_p = all[1] / (all[1] + all[4]) - 0.001;
    assert_shares(o, (double[VOCAB]){0, 1, 0, 0, 0, 0});
}

static void min_p_is_a_share_of_the_best(void **state) {
    xlstm_sampling o = plain;
    o.min_p = exp(2.0 - 3.0) * 0.999;
    assert_shares(o, (double[VOCAB]){0, exp(3), exp(2), 0, exp(2.5), 0});
    o.min_p = exp(2.0 - 3.0) * 1.001;
    assert_shares(o, (double[VOCAB]){0, exp(3), 0, 0, exp(2.5), 0});
    o.min_p = 1;
    assert_shares(o, (double[VOCAB]){0, 1, 0, 0, 0, 0});
}

static void greedy_takes_the_lowest_of_equals(void **state) {
    xlstm_sampling o = plain;
    o.temperature = 0;
    xlstm_sampler *s = make(o, VOCAB);
    assert_int_equal(xlstm_sampler_draw(s, logits), 1);
    assert_int_equal(xlstm_sampler_draw(s, (float[VOCAB]){0, 5, 7, 7, 1, 7}), 2);
    assert_int_equal(xlstm_sampler_draw(s, (float[VOCAB]){NAN, -5, -3, NAN, -4, -9}), 2);
    assert_int_equal(xlstm_sampler_draw(s, (float[VOCAB]){NAN, NAN, NAN, NAN, NAN, NAN}), 0);
    assert_int_equal(xlstm_sampler_draw(s, (float[VOCAB]){0, 0, INFINITY, 0, 0, 0}), 2);
    xlstm_sampler_destroy(s);
    s = make(plain, VOCAB);
    assert_int_equal(xlstm_sampler_draw(s, (float[VOCAB]){0, 0, INFINITY, 0, 0, 0}), 2);
    for (int i = 0; i < 100; i++)
        assert_int_equal(xlstm_sampler_draw(s, (float[VOCAB]){NAN, -INFINITY, 1, NAN, -INFINITY, NAN}), 2);
    xlstm_sampler_destroy(s);
}

static void repetition_is_penalised_inside_the_window(void **state) {
    xlstm_sampling o = plain;
    o.temperature = 0;
    o.repetition_penalty = 2;
    o.repeat_last_n = 2;
    xlstm_sampler *s = make(o, VOCAB);
    assert_int_equal(xlstm_sampler_draw(s, logits), 1);
    xlstm_sampler_accept(s, 1); /* 3 becomes 1.5 */
    assert_int_equal(xlstm_sampler_draw(s, logits), 4);
    xlstm_sampler_accept(s, 4); /* 2.5 becomes 1.25 */
    assert_int_equal(xlstm_sampler_draw(s, logits), 2);
    xlstm_sampler_accept(s, 2); /* and token 1 has left the window */
    assert_int_equal(xlstm_sampler_draw(s, logits), 1);
    xlstm_sampler_accept(s, -1);
    xlstm_sampler_accept(s, VOCAB);
    assert_int_equal(xlstm_sampler_draw(s, logits), 1);
    /* A token that was seen twice is remembered until its last occurrence leaves the window. */
    xlstm_sampler_accept(s, 1);
    xlstm_sampler_accept(s, 1);
    xlstm_sampler_accept(s, 5);
    assert_int_equal(xlstm_sampler_draw(s, logits), 4);
    xlstm_sampler_destroy(s);

    o.repeat_last_n = -1;
    s = make(o, VOCAB);
    xlstm_sampler_accept(s, 1);
    for (int i = 0; i < 1000; i++) xlstm_sampler_accept(s, 3);
    assert_int_equal(xlstm_sampler_draw(s, logits), 4);
    /* Negative logits move away from zero. */
    assert_int_equal(xlstm_sampler_draw(s, (float[VOCAB]){-1.8f, -1, -9, -9, -9, -9}), 0);
    xlstm_sampler_destroy(s);

    o.repeat_last_n = 0;
    s = make(o, VOCAB);
    xlstm_sampler_accept(s, 1);
    assert_int_equal(xlstm_sampler_draw(s, logits), 1);
    xlstm_sampler_destroy(s);
}

/* Compared with sorting everything, on a large vocabulary with many equal logits. */
static int by_rank(const void *a, const void *b, const float *x) {
    int32_t i = *(const int32_t *)a, j = *(const int32_t *)b;
    if (x[i] != x[j]) return x[i] > x[j] ? -1 : 1;
    return i < j ? -1 : 1;
}

static float many[5000];

static int compare(const void *a, const void *b) {
    return by_rank(a, b, many);
}

static void top_k_of_many_is_what_sorting_gives(void **state) {
    enum { MANY = 5000, K = 137 };
    int32_t order[MANY];
    xl_rng rng;
    xl_rng_seed(&rng, 3);
    for (int i = 0; i < MANY; i++) {
        many[i] = (float)xl_rng_below(&rng, 200) / 100;
        order[i] = i;
    }
    qsort(order, MANY, sizeof *order, compare);
    int allowed[MANY] = {0}, hit[MANY] = {0}, distinct = 0;
    for (int i = 0; i < K; i++) allowed[order[i]] = 1;
    xlstm_sampling o = plain;
    o.top_k = K;
    xlstm_sampler *s = make(o, MANY);
    for (int i = 0; i < 5000; i++) {
        int32_t id = xlstm_sampler_draw(s, many);
        assert_true(allowed[id]);
        distinct += !hit[id];
        hit[id] = 1;
    }
    assert_int_equal(distinct, K);
    xlstm_sampler_destroy(s);
}

static void seeds_decide(void **state) {
    xlstm_sampling o = plain;
    o.seed = 42;
    xlstm_sampler *a = make(o, VOCAB), *b = make(o, VOCAB);
    o.seed = 43;
    xlstm_sampler *c = make(o, VOCAB);
    int different = 0;
    for (int i = 0; i < 200; i++) {
        int32_t x = xlstm_sampler_draw(a, logits);
        assert_int_equal(x, xlstm_sampler_draw(b, logits));
        different += x != xlstm_sampler_draw(c, logits);
    }
    assert_true(different > 20);
    xlstm_sampler_destroy(a);
    xlstm_sampler_destroy(b);
    xlstm_sampler_destroy(c);
}

static void a_seed_starts_the_generator_anew(void **state) {
    xlstm_sampling o = plain;
    o.seed = 42;
    xlstm_sampler *a = make(o, VOCAB);
    int32_t first[50];
    for (int i = 0; i < 50; i++) first[i] = xlstm_sampler_draw(a, logits);
    assert_int_equal(xlstm_sampler_seed(a), 42);
    xlstm_sampler_reseed(a, 43);
    assert_int_equal(xlstm_sampler_seed(a), 43);
    int different = 0;
    for (int i = 0; i < 50; i++) different += first[i] != xlstm_sampler_draw(a, logits);
    assert_true(different > 5);
    xlstm_sampler_reseed(a, 42);
    for (int i = 0; i < 50; i++) assert_int_equal(xlstm_sampler_draw(a, logits), first[i]);
    xlstm_sampler_destroy(a);
}

static void options_are_checked(void **state) {
    const struct {
        xlstm_sampling options;
        int64_t vocab;
        const char *text;
    } bad[] = {
        {{.temperature = -1, .top_p = 1, .repetition_penalty = 1}, 5, "temperature: -1, wanted 0 or more"},
        {{.temperature = NAN, .top_p = 1, .repetition_penalty = 1}, 5, "temperature: nan, wanted 0 or more"},
        {{.top_p = 0, .repetition_penalty = 1}, 5, "top_p: 0, wanted above 0, at most 1"},
        {{.top_p = 1.5, .repetition_penalty = 1}, 5, "top_p: 1.5, wanted above 0, at most 1"},
        {{.top_p = 1, .top_k = -1, .repetition_penalty = 1}, 5, "top_k: -1, wanted 0 or more"},
        {{.top_p = 1, .min_p = 2, .repetition_penalty = 1}, 5, "min_p: 2, wanted 0 to 1"},
        {{.top_p = 1, .repetition_penalty = 0}, 5, "repetition_penalty: 0, wanted above 0"},
        {{.top_p = 1, .repetition_penalty = 1, .repeat_last_n = -2}, 5, "repeat_last_n: -2, wanted -1 or more"},
        {{.top_p = 1, .repetition_penalty = 1}, 0, "vocabulary of 0, wanted 1 to 2147483647"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        xlstm_sampler *s = (xlstm_sampler *)&s;
        xlstm_error err;
        assert_int_equal(xlstm_sampler_create(&s, &bad[i].options, bad[i].vocab, &err), XLSTM_EARG);
        assert_string_equal(err.text, bad[i].text);
        assert_null(s);
    }
    xlstm_sampler_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softmax_at_a_temperature),
        cmocka_unit_test(top_k_keeps_the_k_best),
        cmocka_unit_test(top_p_keeps_the_smallest_set_that_reaches_it),
        cmocka_unit_test(min_p_is_a_share_of_the_best),
        cmocka_unit_test(greedy_takes_the_lowest_of_equals),
        cmocka_unit_test(repetition_is_penalised_inside_the_window),
        cmocka_unit_test(top_k_of_many_is_what_sorting_gives),
        cmocka_unit_test(seeds_decide),
        cmocka_unit_test(a_seed_starts_the_generator_anew),
        cmocka_unit_test(options_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Statistics compared with tables and numpy. */

#include "base/rng.h"
#include "helper.h"
#include "tuner/measure/stats.h"

static void near(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) fail_msg("got %.12g, wanted %.12g", got, want);
}

static const double seven[] = {3.1, 2.9, 3.4, 10.0, 3.0, 2.7, 3.3};

static void moments_as_numpy(void **state) {
    near(tune_mean(seven, 7), 4.057142857142857, 1e-14);
    near(tune_variance(seven, 7), 6.922857142857144, 1e-13);
    near(tune_sd(seven, 7), sqrt(6.922857142857144), 1e-13);
    assert_true(isnan(tune_mean(seven, 0)));
    assert_true(isnan(tune_variance(seven, 1)));
    const double big[] = {1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16};
    near(tune_variance(big, 4), 30, 1e-9);
}

/* A sum that grows is the same as one that is made at once, and loses nothing beside a large number. */
static void a_total_grows(void **state) {
    xl_rng rng;
    double x[300];
    tune_total total = {0};
    xl_rng_seed(&rng, 4);
    for (size_t i = 0; i < 300; i++) {
        x[i] = i == 1 ? 1e16 : xl_rng_uniform(&rng);
        tune_total_add(&total, x[i]);
        assert_true(total.sum / (double)(i + 1) == tune_mean(x, i + 1));
    }
    double small = 0;
    for (int i = 0; i < 300; i++) small += i == 1 ? 0 : x[i];
    near(total.sum - 1e16, small, 2.1);
}

static void quantiles_as_numpy(void **state) {
    const double p[] = {0, 0.1, 0.25, 0.5, 0.9, 1};
    const double want[] = {2.7, 2.82, 2.95, 3.1, 6.04, 10};
    for (int i = 0; i < 6; i++) near(tune_quantile(seven, 7, p[i]), want[i], 1e-12);
    near(tune_median(seven, 7), 3.1, 0);
    near(tune_median(seven, 1), 3.1, 0);
    near(tune_mad(seven, 7), 1.4826 * 0.2, 1e-12);
    assert_true(isnan(tune_quantile(seven, 7, 1.5)));
    assert_true(isnan(tune_median(seven, 0)));
    near(seven[3], 10.0, 0); /* not sorted in place */
}

static void student_as_tables(void **state) {
    near(tune_t_quantile(0.975, 7), 2.364624, 1e-6);
    near(tune_t_quantile(0.975, 1), 12.706205, 1e-6);
    near(tune_t_quantile(0.95, 2), 2.919986, 1e-6);
    near(tune_t_quantile(0.995, 30), 2.749996, 1e-6);
    near(tune_t_quantile(0.025, 7), -2.364624, 1e-6);
    near(tune_t_quantile(0.9995, 4), 8.610302, 1e-6);
    near(tune_t_quantile(0.975, INFINITY), 1.959963985, 1e-8);
    assert_true(isnan(tune_t_quantile(0, 5)) && isnan(tune_t_quantile(1, 5)) && isnan(tune_t_quantile(NAN, 5)));
    assert_true(isnan(tune_t_quantile(0.975, 0)) && isnan(tune_t_quantile(0.975, -1)));
    assert_true(tune_t_quantile(0.5, 3) == 0);
    near(tune_t_cdf(2, 5), 0.949030, 1e-6);
    near(tune_t_cdf(-2, 5), 0.050970, 1e-6);
    near(tune_t_cdf(0, 3), 0.5, 1e-12);
    near(tune_normal_cdf(1.6448536), 0.95, 1e-7);
    assert_true(isnan(tune_t_quantile(0, 5)));
    assert_true(isnan(tune_t_quantile(0.5, 0)));
    for (double df = 0.7; df < 1000; df *= 1.9) {
        for (double p = 0.001; p < 1; p += 0.083) near(tune_t_cdf(tune_t_quantile(p, df), df), p, 1e-10);
    }
}

static void intervals(void **state) {
    const double x[] = {0.10, 0.12, 0.09, 0.14, 0.11};
    tune_interval i = tune_mean_interval(x, 5, 0.95);
    near(i.mean, 0.112, 1e-12);
    near(i.high - i.low, 2 * 2.776445 * 0.019235384 / sqrt(5), 1e-6);
    i = tune_mean_interval(x, 1, 0.95);
    assert_true(isinf(i.low) && isinf(i.high));
}

static void correlation_time_of_ar1(void **state) {
    static double x[20000];
    xl_rng rng;
    xl_rng_seed(&rng, 11);
    for (int i = 0; i < 20000; i++) x[i] = xl_rng_normal(&rng);
    near(tune_correlation_time(x, 20000), 1, 0.15);
    for (int i = 1; i < 20000; i++) x[i] = 0.8 * x[i - 1] + xl_rng_normal(&rng);
    near(tune_correlation_time(x, 20000), 1.8 / 0.2, 1.5); /* (1 + r) / (1 - r) */
}

static void noise_is_described(void **state) {
    double x[200];
    xl_rng rng;
    xl_rng_seed(&rng, 9);
    for (int i = 0; i < 200; i++) x[i] = 2.0 * (1 + 0.005 * xl_rng_normal(&rng));
    tune_noise noise;
    tune_describe_noise(x, 200, &noise);
    near(noise.median, 2, 0.01);
    near(noise.spread, 0.005, 0.001);
    assert_true(noise.drift_p > 0.05);
    assert_int_equal(noise.outliers, 0);
    char text[200];
    tune_noise_text(text, sizeof text, &noise);
    assert_string_equal(text, "200 samples scatter by 0.45 %, no drift to speak of, no outliers");

    for (int i = 0; i < 200; i++) x[i] *= 1 + 0.1 * i / 199;
    x[50] *= 1.3;
    x[120] *= 1.2;
    tune_describe_noise(x, 200, &noise);
    near(noise.drift, 0.1 / 1.05, 0.01);
    assert_true(noise.drift_p < 1e-6);
    assert_int_equal(noise.outliers, 2);
    near(noise.worst, 0.3, 0.02);
    tune_noise_text(text, sizeof text, &noise);
    assert_non_null(strstr(text, "drift of +9."));
    assert_non_null(strstr(text, "2 outliers up to +3"));

    tune_describe_noise(x, 3, &noise);
    tune_noise_text(text, sizeof text, &noise);
    assert_string_equal(text, "3 samples are too few to describe their noise");
    tune_describe_noise(x, 0, &noise);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_as_numpy),   cmocka_unit_test(a_total_grows),
        cmocka_unit_test(quantiles_as_numpy), cmocka_unit_test(student_as_tables),
        cmocka_unit_test(intervals),          cmocka_unit_test(correlation_time_of_ar1),
        cmocka_unit_test(noise_is_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

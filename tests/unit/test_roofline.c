#include <xlstm/roofline.h>

#include "base/cpu.h"
#include "helper.h"

/* Limits that any machine of the last twenty and the next ten years should keep, however busy it is. */
static void figures_are_plausible(void **state) {
    xlstm_roofline r;
    xlstm_error err;
    assert_int_equal(xlstm_roofline_measure(&r, NULL, 0, 0.3, &err), XLSTM_OK);
    assert_int_equal(r.threads, xl_cpu_count() > 256 ? 256 : xl_cpu_count());
    assert_true(r.stream_gb_s > 1e-6 && r.stream_gb_s < 1e5);
    assert_true(r.cached_gb_s > 1e-6 && r.cached_gb_s < 1e6);
    assert_true(r.sgemm_gflop_s > 1e-6 && r.sgemm_gflop_s < 1e6);
    assert_true(r.stream_bytes > r.cached_bytes);
    assert_int_equal(xlstm_roofline_measure(&r, NULL, 1, 0.1, &err), XLSTM_OK);
    assert_int_equal(r.threads, 1);
}

/* A probe measures what it is asked for, and nothing else. */
static void probe_measures_the_set(void **state) {
    static const unsigned sets[] = {0, XLSTM_LIMIT_CACHED, XLSTM_LIMIT_SGEMM | XLSTM_LIMIT_INT8, XLSTM_LIMIT_BF16};
    xlstm_probe *probe;
    xlstm_roofline r;
    xlstm_error err;
    assert_int_equal(xlstm_probe_open(&probe, "cpu", 1, &err), XLSTM_OK);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        assert_int_equal(xlstm_probe_measure(probe, sets[i], 0.001, &r, &err), XLSTM_OK);
        for (unsigned limit = 1; limit <= XLSTM_LIMIT_ALL; limit *= 2)
            assert_int_equal(xlstm_roofline_rate(&r, limit) > 0, (sets[i] & limit) != 0);
        assert_true(r.threads == 1 && r.cached_bytes > 0);
        assert_true(xlstm_roofline_rate(&r, 0) == 0 && xlstm_roofline_rate(&r, XLSTM_LIMIT_ALL + 1) == 0);
    }
    assert_int_equal(xlstm_probe_measure(probe, XLSTM_LIMIT_ALL + 1, 0.001, &r, &err), XLSTM_EARG);
    assert_int_equal(xlstm_probe_measure(probe, 0, 0, &r, &err), XLSTM_EARG);
    assert_int_equal(xlstm_probe_measure(probe, 0, 61, &r, NULL), XLSTM_EARG);
    xlstm_probe_close(probe);
    xlstm_probe_close(NULL);
    assert_int_equal(xlstm_probe_open(&probe, "abacus", 0, &err), XLSTM_EUNSUPPORTED);
    assert_null(probe);
    assert_int_equal(xlstm_probe_open(&probe, NULL, 257, &err), XLSTM_EARG);
}

static void arguments_are_checked(void **state) {
    xlstm_roofline r;
    xlstm_error err;
    assert_int_equal(xlstm_roofline_measure(&r, NULL, -1, 1, &err), XLSTM_EARG);
    assert_non_null(strstr(err.text, "-1"));
    assert_int_equal(xlstm_roofline_measure(&r, NULL, 1, 0, &err), XLSTM_EARG);
    assert_int_equal(xlstm_roofline_measure(&r, NULL, 1, 1e9, NULL), XLSTM_EARG);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures_are_plausible),
                                       cmocka_unit_test(probe_measures_the_set),
                                       cmocka_unit_test(arguments_are_checked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

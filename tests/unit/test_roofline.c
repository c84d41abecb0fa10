#include <xlstm/roofline.h>

#include "base/cpu.h"
#include "helper.h"

/* Limits that any machine of the last twenty and the next ten years should keep. */
static void figures_are_plausible(void **state) {
    xlstm_roofline r;
    xlstm_error err;
    assert_int_equal(xlstm_roofline_measure(&r, NULL, 0, 0.3, &err), XLSTM_OK);
    assert_int_equal(r.threads, xl_cpu_count() > 256 ? 256 : xl_cpu_count());
    assert_true(r.stream_gb_s > 0.1 && r.stream_gb_s < 1e5);
    assert_true(r.cached_gb_s > 0.1 && r.cached_gb_s < 1e6);
    assert_true(r.sgemm_gflop_s > 0.1 && r.sgemm_gflop_s < 1e6);
    assert_true(r.stream_bytes > r.cached_bytes);
    assert_int_equal(xlstm_roofline_measure(&r, NULL, 1, 0.1, &err), XLSTM_OK);
    assert_int_equal(r.threads, 1);
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
                                       cmocka_unit_test(arguments_are_checked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

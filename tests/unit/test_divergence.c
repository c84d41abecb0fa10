/* Logits kept in a file and compared: against values worked out by hand, and files that do not fit. */
#include <xlstm/tensor_file.h>

#include "helper.h"
#include "tuner/scores/divergence.h"

enum { VOCAB = 3, COUNT = 4 };

static const int32_t ids[COUNT] = {0, 1, 2, 0};
/* Probabilities are the exponentials: of P (1/4, 1/2, 1/4), (1/2, 1/4, 1/4), (1/3, 1/3, 1/3). */
static const double p[COUNT - 1][VOCAB] = {{0.25, 0.5, 0.25}, {0.5, 0.25, 0.25}, {1 / 3.0, 1 / 3.0, 1 / 3.0}};
static const double q[COUNT - 1][VOCAB] = {{0.25, 0.5, 0.25}, {0.25, 0.5, 0.25}, {0.25, 0.25, 0.5}};

static const char *path(void) {
    static char name[80];
    snprintf(name, sizeof name, "%s/logits", test_folder);
    return name;
}

static void logits_of(const double probabilities[VOCAB], double shift, float out[VOCAB]) {
    for (int i = 0; i < VOCAB; i++) out[i] = (float)(log(probabilities[i]) + shift);
}

static void write_base(void) {
    const tune_text text = {ids, COUNT, VOCAB};
    tune_logits_writer *w;
    xlstm_error err;
    if (tune_logits_begin(&w, path(), &text, "fingerprint", "stored", &err)) fail_msg("%s", err.text);
    for (int t = 0; t < COUNT - 1; t++) {
        float row[VOCAB];
        logits_of(p[t], 7, row);
        assert_int_equal(tune_logits_append(w, row, &err), XLSTM_OK);
    }
    if (tune_logits_finish(w, &err)) fail_msg("%s", err.text);
}

static void by_hand(void **state) {
    const tune_text text = {ids, COUNT, VOCAB};
    tune_comparison *c;
    tune_divergence d;
    xlstm_error err;
    write_base();
    if (tune_comparison_open(&c, path(), &text, &err)) fail_msg("%s", err.text);
    for (int t = 0; t < COUNT - 1; t++) {
        float row[VOCAB];
        logits_of(q[t], -3, row);
        if (tune_comparison_add(c, row, &err)) fail_msg("%s", err.text);
    }
    tune_comparison_sum_up(c, &d);
    const double kl[] = {0, 0.25 * log(2), log(4 / 3.0) * 2 / 3 + log(2 / 3.0) / 3};
    const double mean = (kl[1] + kl[2]) / 3;
    assert_float_equal(d.kl_mean, mean, 1e-6);
    assert_float_equal(d.kl_median, kl[2], 1e-6);
    assert_float_equal(d.kl_max, kl[1], 1e-6);
    assert_float_equal(d.kl_p99, kl[2] + 0.98 * (kl[1] - kl[2]), 1e-6);
    const double variance = (mean * mean + pow(kl[1] - mean, 2) + pow(kl[2] - mean, 2)) / 2;
    assert_float_equal(d.kl_mean_error, sqrt(variance / 3), 1e-6);
    /* Equal ones have their first as the top: the same for the first token alone. */
    assert_float_equal(d.same_top, 1 / 3.0, 1e-9);
    /* The ids that follow have 1/2, 1/4 and 1/3 under P; 1/2, 1/4 and 1/4 under Q. */
    assert_float_equal(d.base_ppl, pow(2 * 4 * 3, 1 / 3.0), 1e-5);
    assert_float_equal(d.ppl_ratio, pow(4 / 3.0, 1 / 3.0), 1e-6);
    assert_float_equal(d.ratio_error, d.ppl_ratio * log(4 / 3.0) / 3, 1e-6);
    tune_comparison_close(c);
    unlink(path());
}

static void files_that_do_not_fit(void **state) {
    static const int32_t others[COUNT] = {0, 1, 1, 0};
    const struct {
        tune_text text;
        const char *says;
    } cases[] = {
        {{ids, COUNT - 1, VOCAB}, "a text of 4 tokens, this text has 3"},
        {{ids, COUNT, VOCAB + 1}, "a vocabulary of 3, the model's has 4"},
        {{others, COUNT, VOCAB}, "another text: token 2 is 2, wanted 1"},
    };
    tune_comparison *c;
    xlstm_error err;
    write_base();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(tune_comparison_open(&c, path(), &cases[i].text, &err), XLSTM_EMISMATCH);
        if (!strstr(err.text, cases[i].says)) fail_msg("'%s'", err.text);
        assert_null(c);
    }
    const tune_text text = {ids, COUNT, VOCAB};
    if (tune_comparison_open(&c, path(), &text, &err)) fail_msg("%s", err.text);
    const float row[VOCAB] = {0, NAN, 0};
    assert_int_equal(tune_comparison_add(c, row, &err), XLSTM_ENOTFINITE);
    tune_comparison_close(c);
    unlink(path());
    const xlstm_tensor other = {
        .name = "ids", .dtype = XLSTM_I32, .rank = 1, .shape = {COUNT}, .data = ids, .bytes = sizeof ids};
    assert_int_equal(xlstm_tensor_file_write(path(), &other, 1, NULL, &err), XLSTM_OK);
    assert_int_equal(tune_comparison_open(&c, path(), &text, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "is no file of logits"));
    unlink(path());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(files_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}

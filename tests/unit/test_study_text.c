/* Columns of JSON as other programs may have written them: with spaces, unusual numbers and members that nobody
 * knows, which are read, and of other types, which are refused by the name of the trial and the column. */
#include "study_rows.h"
#include "tuner/study/study_impl.h"

static void set(tune_study *s, const char *column, const char *value) {
    xlstm_error err;
    char *sql = xl_format("UPDATE trial SET %s = $1 WHERE number = 2", column);
    must(tune_study_run_sql(s, "writing", &err, sql, "s", value), &err);
    free(sql);
}

/* Reads trial 2; a failure is left in err. */
static int trial_2(tune_study *s, tune_trial_row **row, xlstm_error *err) {
    size_t count = 0;
    const int status = tune_study_trials_between(s, 1, 2, 2, row, &count, err);
    if (!status) assert_int_equal(count, 1);
    return status;
}

static void columns_of_trials(void **state) {
    char *path = place("texts.sqlite");
    tune_study *s;
    tune_trial_row *t;
    xlstm_error err;
    fill(path, "first", "m1");
    must(tune_study_open(&s, path, false, &err), &err);
    set(s, "metrics", "{ \"request_s\" : 2.5e0, \"prefill_s\": null, \"nobody\": [1], \"decode_s\": \"fast\" }");
    set(s, "told", "[ 1, null, 2.5, \"joined\" ]");
    set(s, "ratios", "[ 0.5 , 1e-3 ]");
    set(s, "params", "{ \"chunk_size\" : 48, \"kind\": \"a\\u0062\" }");
    set(s, "in_force", NULL);
    must(trial_2(s, &t, &err), &err);
    assert_true(t->metric[TUNE_REQUEST_S] == 2.5);
    assert_true(isnan(t->metric[TUNE_PREFILL_S]) && isnan(t->metric[TUNE_DECODE_S]));
    assert_int_equal(t->told.count, 3);
    assert_true(t->told.value[0] == 1 && isnan(t->told.value[1]) && t->told.value[2] == 2.5 && t->joined);
    assert_true(t->ratios.count == 2 && t->ratios.value[1] == 1e-3);
    assert_string_equal(tune_named_find(&t->params, "kind")->text, "ab");
    assert_true(tune_named_find(&t->params, "chunk_size")->number == 48);
    assert_null(t->in_force);
    tune_trial_rows_free(t, 1);
    /* Nothing was told, and a point was joined all the same; what cannot be read as metrics is none. */
    set(s, "told", "[\"joined\"]");
    set(s, "ratios", NULL);
    set(s, "metrics", "[1, 2]");
    must(trial_2(s, &t, &err), &err);
    assert_true(!t->told.count && t->joined && !t->ratios.count && isnan(t->metric[TUNE_REQUEST_S]));
    tune_trial_rows_free(t, 1);
    static const char *const bad[][3] = {
        {"told", "{}", "told: found another type, wanted an array of numbers"},
        {"told", "[1, \"x\"]", "told: element 1 is not a number"},
        {"told", "[\"joined\", 1]", "told: element 0 is not a number"},
        {"told", "[1,", "told: found no JSON"},
        {"ratios", "4", "ratios: found another type, wanted an array of numbers"},
        {"ratios", "[true]", "ratios: element 0 is not a number"},
        {"params", "[]", "params: found another type, wanted an object of numbers and texts"},
        {"params", "{\"a\": null}", "params: a is neither a number nor a text"},
        {"params", "", "params: found no JSON"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        set(s, "told", NULL);
        set(s, "ratios", NULL);
        set(s, "params", "{}");
        set(s, bad[i][0], bad[i][1]);
        assert_int_equal(trial_2(s, &t, &err), XLSTM_EFORMAT);
        char *says = xl_format(": trial 2, %s", bad[i][2]);
        if (!strstr(err.text, says)) fail_msg("%s = %s: %s", bad[i][0], bad[i][1], err.text);
        free(says);
    }
    tune_study_close(s);
    free(path);
}

static void columns_of_samples(void **state) {
    static const struct {
        const char *parts;
        double first, second;
    } cases[] = {{"[ 0.25, 4 ]", 0.25, 4}, {"[0.25]", 0.25, NAN},        {"[ null, \"x\" ]", NAN, NAN},
                 {"{}", NAN, NAN},         {"[1, 2, 3, 4, 5, 6]", 1, 2}, {NULL, NAN, NAN}};
    char *path = place("parts.sqlite");
    tune_study *s;
    xlstm_error err;
    fill(path, "first", "m1");
    must(tune_study_open(&s, path, false, &err), &err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tune_sample_row *rows;
        size_t count;
        if (cases[i].parts)
            must(tune_study_run_sql(s, "writing", &err, "UPDATE sample SET parts = $1, why = $2, stage = $3", "sss",
                                    cases[i].parts, NULL, "no stage of ours"),
                 &err);
        else if (on_server() || tune_study_run_sql(s, "writing", &err, "UPDATE sample SET parts = $1", "s", NULL))
            continue; /* the schema wants a value */
        must(tune_study_samples_of(s, 1, 3, &rows, &count, &err), &err);
        assert_int_equal(count, 1);
        const double *found = rows[0].parts, wanted[] = {cases[i].first, cases[i].second};
        for (int k = 0; k < 2; k++) {
            if (isnan(wanted[k]) ? !isnan(found[k]) : found[k] != wanted[k])
                fail_msg("%s: part %d is %g", cases[i].parts ? cases[i].parts : "none", k, found[k]);
        }
        assert_string_equal(rows[0].stage, "search");
        assert_string_equal(rows[0].why, "");
        free(rows);
    }
    tune_study_close(s);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(columns_of_trials), cmocka_unit_test(columns_of_samples)};
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}

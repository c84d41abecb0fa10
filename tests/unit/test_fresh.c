/* What is known of a fresh process that ends without a result. A script stands for the process. */
#include <sys/stat.h>

#include "helper.h"
#include "tuner/target/fresh.h"
#include "tuner/target/targets.h"

static int samples;

static void count(void *ctx, const tune_sample *sample) {
    (void)ctx;
    (void)sample;
    samples++;
}

/* Runs a process that says these lines and is killed, for a target that works in other processes, or itself. */
static tune_culprit culprit_of(const char *lines, bool elsewhere, const char *wanted) {
    tune_target target;
    tune_block_result out;
    xlstm_error err;
    char *script = xl_format("#!/bin/sh\nread -r request\ncat <<'END'\n%sEND\nkill -9 $$\n", lines);
    char *program = test_path("process");
    json_t *config = json_pack("{s:[s, s], s:{s:[i, i]}}", "command", "true", "{n}", "space", "n", 1, 2);
    const tune_target_options options = {.config = config, .program = program};
    const tune_block_plan plan = {.blocks = 1, .quads = 1};
    test_put_bytes("process", script, strlen(script));
    assert_int_equal(chmod(program, 0700), 0);
    if (tune_target_open(&target, "exec", &options, &err)) fail_msg("%s", err.text);
    assert_true(target.elsewhere);
    target.elsewhere = elsewhere;
    assert_int_equal(tune_fresh_run(&target, NULL, 1, &plan, count, NULL, &out, &err), XLSTM_EIO);
    assert_string_equal(err.text, wanted);
    tune_target_close(&target);
    json_decref(config);
    free(program);
    free(script);
    return out.culprit;
}

#define EARLY "fresh process: ended without a result"
#define BASELINE "{\"begins\":-1}\n"
#define WINNER "{\"begins\":0}\n"
#define SAMPLE                                                                                                     \
    "{\"sample\":{\"candidate\":-1,\"cost\":1,\"parts\":[],\"hash\":\"1\",\"start_s\":0,\"seconds\":1,"            \
    "\"reasons\":0,"                                                                                               \
    "\"seen\":[0,0,0,0,0,0]}}\n"

static void it_failed_with_the_one_that_began(void **state) {
    static const char first[] = EARLY ", while it ran the baseline", second[] = EARLY ", while it ran the winner";
    for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
        assert_int_equal(culprit_of("", elsewhere, EARLY), TUNE_CULPRIT_EITHER);
        samples = 0;
        assert_int_equal(culprit_of(BASELINE SAMPLE SAMPLE, elsewhere, first), TUNE_CULPRIT_BASELINE);
        assert_int_equal(samples, 2);
        assert_int_equal(culprit_of(WINNER, elsewhere, second), TUNE_CULPRIT_WINNER);
        assert_int_equal(culprit_of(BASELINE SAMPLE WINNER, elsewhere, second), TUNE_CULPRIT_WINNER);
    }
}

/* What the winner did to the memory of the process may be what the baseline dies of. */
static void one_that_computes_itself_may_be_damaged(void **state) {
    static const char first[] = EARLY ", while it ran the baseline";
    assert_int_equal(culprit_of(WINNER BASELINE, true, first), TUNE_CULPRIT_BASELINE);
    assert_int_equal(culprit_of(WINNER BASELINE, false, EARLY), TUNE_CULPRIT_EITHER);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_failed_with_the_one_that_began),
        cmocka_unit_test(one_that_computes_itself_may_be_damaged),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}

/* What the server's core keeps from one request to the next: prefixes of prompts, conversations, and what it made
 * ready before the first. */
#include "serve_jobs.h"

static size_t run_cached(serve_scheduler *s, const char *prompt, const char *wanted) {
    answer a;
    submit(s, job_of(&a, prompt));
    finish(&a);
    assert_int_equal(a.status, 0);
    assert_string_equal(a.text[0].data, wanted);
    const size_t cached = a.cached;
    clear(&a);
    return cached;
}

static void prefixes_are_read_once(void **state) {
    char *folder = xl_path_join(test_folder, "cache");
    char *wanted = alone(prompts[3], 0, 0, 12);
    serve_scheduler *s = start(4, 16, 4, folder);
    answer a;
    serve_job *job = job_of(&a, prompts[3]);
    const size_t count = job->count;
    submit(s, job);
    finish(&a);
    assert_int_equal(a.cached, 0);
    assert_string_equal(a.text[0].data, wanted);
    /* The same prompt is not read at all; another with the same beginning only from where it differs, once the
     * beginning was seen twice. */
    assert_int_equal(run_cached(s, prompts[3], wanted), count);
    char *longer = xl_format("%s%s", prompts[3], a.text[0].data);
    char *next = alone(longer, 0, 0, 12);
    assert_true(run_cached(s, longer, next) >= count);
    clear(&a);
    for (int i = 0; i < 3; i++) {
        char half[128];
        memcpy(half, prompts[3], 100);
        snprintf(half + 100, 20, " the %c", "xyz"[i]);
        char *other = alone(half, 0, 0, 12);
        const size_t cached = run_cached(s, half, other);
        if (!i) assert_true(cached < 16);
        if (i) assert_true(cached >= 16);
        free(other);
    }
    serve_scheduler_destroy(s);
    /* After a restart the states are in the folder; one that is damaged is of no use and does no harm. */
    s = start(4, 16, 4, folder);
    assert_true(run_cached(s, longer, next) >= count);
    serve_scheduler_destroy(s);
    char *damage =
        xl_format("for f in '%s'/*/*; do head -c 100 \"$f\" > x.part; cp x.part \"$f\"; rm x.part; done", folder);
    assert_int_equal(system(damage), 0); /* NOLINT: files of our own */
    s = start(4, 16, 4, folder);
    assert_int_equal(run_cached(s, longer, next), 0);
    serve_scheduler_destroy(s);
    free(damage);
    free(next);
    free(longer);
    free(wanted);
    free(folder);
}

static serve_job *talk(answer *a, const char *prompt, const char *from, const char *to) {
    serve_job *job = job_of(a, prompt);
    job->load_path = from ? xl_path_join(test_folder, from) : NULL;
    job->save_path = to ? xl_path_join(test_folder, to) : NULL;
    return job;
}

static void conversations_go_on(void **state) {
    char *wanted = alone(prompts[1], 0, 0, 24);
    answer a, b;
    serve_scheduler *s = start(4, 16, 4, NULL);
    submit(s, talk(&a, prompts[1], "talk", "talk"));
    finish(&a);
    assert_int_equal(a.status, 0);
    serve_scheduler_destroy(s);
    s = start(4, 7, 4, NULL);
    for (int i = 0; i < 2; i++) {
        /* Without further text the answer goes on; the first time into a copy. */
        serve_job *job = talk(&b, "", "talk", i ? "talk" : "fork");
        job->bos = xlstm_tokenizer_bos(tokenizer); /* none in the middle */
        submit(s, job);
        finish(&b);
        assert_int_equal(b.status, 0);
        char *both = xl_format("%s%s", a.text[0].data, b.text[0].data);
        assert_string_equal(both, wanted);
        free(both);
        clear(&b);
    }
    clear(&a);
    serve_job *job = talk(&a, prompts[1], "none", "none");
    job->must_load = true;
    submit(s, job);
    finish(&a);
    assert_int_equal(a.status, XLSTM_ENOTFOUND);
    clear(&a);
    /* One at a time. */
    job = talk(&a, prompts[1], "talk", "talk");
    job->params.max_tokens = 1000000;
    job->params.ignore_eos = true;
    submit(s, job);
    job = talk(&b, prompts[1], "talk", "other");
    assert_int_equal(serve_scheduler_submit(s, job, NULL), SERVE_IN_USE);
    serve_job_cancel(a.job);
    finish(&a);
    clear(&a);
    submit(s, job);
    finish(&b);
    assert_int_equal(b.status, 0);
    clear(&b);
    serve_scheduler_destroy(s);
    free(wanted);
}

static int stop_at_once(void *user) {
    (void)user;
    return 1;
}

/* What the first request needs is made ready before there is one: sessions, and memory for the steps; and that can
 * be stopped. */
static void is_ready_when_it_is_created(void **state) {
    xlstm_error err;
    serve_scheduler_options o = {.model = model,
                                 .tokenizer = tokenizer,
                                 .batch_size = 4,
                                 .slice = 16,
                                 .max_sequences = 4,
                                 .metrics = &metrics,
                                 .warm_up = true};
    xlstm_settings_init(&o.settings, xlstm_model_hparams(model));
    serve_scheduler *s;
    assert_int_equal(serve_scheduler_create(&s, &o, &err), XLSTM_OK);
    assert_int_equal(s->idle_count, 2);
    serve_scheduler_destroy(s);
    o.max_sequences = 1;
    o.slice = 1;
    assert_int_equal(serve_scheduler_create(&s, &o, &err), XLSTM_OK);
    assert_int_equal(s->idle_count, 1);
    serve_scheduler_destroy(s);
    o.cancel = stop_at_once;
    assert_int_equal(serve_scheduler_create(&s, &o, &err), XLSTM_ECANCELLED);
    assert_null(s);
}

static void prompt_alone(void **state) {
    serve_scheduler *s = start(4, 16, 4, NULL);
    answer a;
    serve_job *job = job_of(&a, prompts[3]);
    const size_t count = job->count;
    job->params.max_tokens = 0;
    job->params.n = 2;
    submit(s, job);
    finish(&a);
    assert_int_equal(a.finish[0], SERVE_LENGTH);
    assert_int_equal(a.finish[1], SERVE_LENGTH);
    assert_int_equal(a.made[0], 0);
    clear(&a);
    char *wanted = alone(prompts[3], 0, 0, 12);
    assert_int_equal(run_cached(s, prompts[3], wanted), count);
    free(wanted);
    serve_scheduler_destroy(s);
}

static int open_demo(void **state) {
    return open_model(state, XL_SOURCE_DIR "/models/tiny-literature");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes_are_read_once),
        cmocka_unit_test(conversations_go_on),
        cmocka_unit_test(prompt_alone),
        cmocka_unit_test(is_ready_when_it_is_created),
    };
    return cmocka_run_group_tests(tests, open_demo, close_model);
}

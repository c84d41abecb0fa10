/* The server's core, without a network: what is answered must not depend on what else runs. */
#include <math.h>

#include "base/clock.h"
#include "serve_jobs.h"
#include "server/choice.h"

/* What a plain session draws, token by token. */
static void equals_a_session(void **state) {
    const size_t vocab = (size_t)xlstm_model_hparams(model)->vocab_size;
    float *logits = xl_array(vocab, sizeof *logits);
    for (int i = 0; i < PROMPTS; i++) {
        xlstm_session *session;
        xlstm_settings settings;
        int32_t *ids, made[12];
        size_t count, bytes;
        char *wanted, *found = alone(prompts[i], 0, 0, 12);
        xlstm_settings_init(&settings, xlstm_model_hparams(model));
        xlstm_settings_set(&settings, XLSTM_TUNE_COMPUTE, XLSTM_COMPUTE_F32);
        assert_int_equal(xlstm_session_create(&session, model, &settings, NULL), XLSTM_OK);
        assert_int_equal(
            xlstm_tokenizer_encode(tokenizer, prompts[i], strlen(prompts[i]), true, &ids, &count, NULL), XLSTM_OK);
        assert_int_equal(xlstm_prefill(session, ids, count, XLSTM_LOGITS_LAST, logits, NULL), XLSTM_OK);
        size_t n = 0;
        for (; n < 12; n++) {
            int32_t best = 0;
            for (size_t k = 1; k < vocab; k++) best = logits[k] > logits[best] ? (int32_t)k : best;
            if (xlstm_tokenizer_ends_text(tokenizer, best)) break;
            made[n] = best;
            assert_int_equal(xlstm_decode(session, best, logits, NULL), XLSTM_OK);
        }
        assert_int_equal(xlstm_tokenizer_decode(tokenizer, made, n, false, &wanted, &bytes, NULL), XLSTM_OK);
        assert_string_equal(found, wanted);
        free(wanted);
        free(found);
        free(ids);
        xlstm_session_destroy(session);
    }
    free(logits);
}

/* The same answers whatever else runs, in whatever slices and batches, from cached prefixes too. */
static void is_the_same_in_any_company(void **state) {
    enum { JOBS = 2 * PROMPTS };
    char *wanted[JOBS];
    for (int i = 0; i < JOBS; i++)
        wanted[i] = alone(prompts[i % PROMPTS], i < PROMPTS ? 0 : 0.9, (uint64_t)i, 8 + i);
    static const int64_t sizes[][2] = {{1, 3}, {3, 512}, {32, 7}, {5, 64}};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        serve_scheduler *s = start(sizes[k][0], sizes[k][1], 2 * JOBS, NULL);
        for (int round = 0; round < 2; round++) {
            answer a[JOBS];
            for (int i = 0; i < JOBS; i++) {
                serve_job *job = job_of(&a[i], prompts[i % PROMPTS]);
                job->params.sampling.temperature = i < PROMPTS ? 0 : 0.9;
                job->params.sampling.seed = (uint64_t)i;
                job->params.max_tokens = 8 + i;
                submit(s, job);
            }
            for (int i = 0; i < JOBS; i++) {
                finish(&a[i]);
                assert_int_equal(a[i].status, 0);
                assert_string_equal(a[i].text[0].data, wanted[i]);
                clear(&a[i]);
            }
        }
        serve_scheduler_destroy(s);
    }
    for (int i = 0; i < JOBS; i++) free(wanted[i]);
}

static void choices_and_logprobs(void **state) {
    serve_scheduler *s = start(4, 512, 8, NULL);
    answer a;
    serve_job *job = job_of(&a, prompts[1]);
    job->params.n = 5;
    job->params.sampling.temperature = 1.2;
    job->params.sampling.seed = 7;
    job->params.top_logprobs = 3;
    submit(s, job);
    finish(&a);
    for (int i = 0; i < 5; i++) {
        char *wanted = alone(prompts[1], 1.2, 7 + (uint64_t)i, 12);
        assert_string_equal(a.text[i].data, wanted);
        assert_int_equal(a.tokens[i], a.made[i]);
        assert_true(a.logprob[i] < 0);
        free(wanted);
    }
    clear(&a);
    /* As many choices as there is never room for. */
    xlstm_error err;
    job = job_of(&a, prompts[1]);
    job->params.n = 9;
    assert_int_equal(serve_scheduler_submit(s, job, &err), XLSTM_EARG);
    assert_string_equal(err.text, "n: 9, wanted at most 8");
    serve_job_release(job);
    clear(&a);
    serve_scheduler_destroy(s);

    float logits[4] = {1, 3, 2, -1};
    serve_token token = {.id = 2, .tops = 2};
    serve_logprobs(logits, 4, &token);
    assert_true(fabs(token.logprob - (2 - log(exp(1) + exp(3) + exp(2) + exp(-1)))) < 1e-6);
    assert_int_equal(token.tops, 2);
    assert_int_equal(token.top_id[0], 1);
    assert_int_equal(token.top_id[1], 2);
}

static void stops_at_strings(void **state) {
    serve_scheduler *s = start(4, 512, 8, NULL);
    char *whole = alone(prompts[1], 0, 0, 40);
    const size_t bytes = strlen(whole);
    assert_true(bytes > 30);
    for (size_t at = 1; at + 5 < bytes; at += 3) {
        /* Any five bytes of the answer, whatever tokens they lie in. */
        answer a;
        serve_job *job = job_of(&a, prompts[1]);
        job->params.max_tokens = 40;
        job->params.top_logprobs = 0;
        assert_true(serve_stops_add(&job->params.stops, "never this", 10));
        assert_true(serve_stops_add(&job->params.stops, whole + at, 5));
        submit(s, job);
        finish(&a);
        char five[6] = {0};
        memcpy(five, whole + at, 5);
        const size_t wanted = (size_t)(strstr(whole, five) - whole);
        assert_int_equal(a.finish[0], SERVE_STOP);
        assert_int_equal(strlen(a.text[0].data), wanted);
        assert_memory_equal(a.text[0].data, whole, wanted);
        assert_string_equal(a.stop, five);
        assert_true(a.tokens[0] <= a.made[0]);
        clear(&a);
    }
    free(whole);
    serve_scheduler_destroy(s);

    serve_stops stops = {.count = 0};
    int found;
    xl_bytes held = {0};
    assert_true(serve_stops_add(&stops, "abcd", 4) && serve_stops_add(&stops, "bc", 2));
    xl_bytes_append(&held, "xabc", 4);
    assert_int_equal(serve_stops_scan(&stops, &held, false, &found), 1);
    assert_int_equal(found, -1);
    assert_int_equal(serve_stops_scan(&stops, &held, true, &found), 2);
    assert_int_equal(found, 1);
    xl_bytes_append(&held, "d", 1);
    assert_int_equal(serve_stops_scan(&stops, &held, false, &found), 1);
    assert_int_equal(found, 0);
    free(held.data);
    serve_stops_clear(&stops);
}

static void can_be_cancelled(void **state) {
    serve_scheduler *s = start(4, 16, 2, NULL);
    char *wanted = alone(prompts[0], 0, 0, 12);
    answer a, b, c, late;
    serve_job *job = job_of(&a, prompts[4]);
    job->params.max_tokens = 1000000;
    job->params.ignore_eos = true;
    submit(s, job);
    submit(s, job_of(&b, prompts[0]));
    serve_job *waiting = job_of(&c, prompts[2]);
    waiting->params.n = 2; /* there is no room beside the first */
    submit(s, waiting);
    job = job_of(&late, prompts[2]);
    job->deadline = xl_now_s() - 1;
    submit(s, job);
    wait_for(&a, 3);
    serve_job_cancel(waiting);
    finish(&b);
    assert_string_equal(b.text[0].data, wanted);
    finish(&c);
    assert_int_equal(c.status, XLSTM_ECANCELLED);
    finish(&late);
    assert_string_equal(late.error, "the request's time limit is over");
    serve_job_cancel(a.job);
    finish(&a);
    assert_int_equal(a.status, XLSTM_ECANCELLED);
    assert_false(serve_scheduler_busy(s));
    clear(&a);
    clear(&b);
    clear(&c);
    clear(&late);
    /* A scheduler that ends takes its jobs with it. */
    job = job_of(&a, prompts[4]);
    job->params.max_tokens = 1000000;
    job->params.ignore_eos = true;
    submit(s, job);
    submit(s, job_of(&b, prompts[4]));
    wait_for(&a, 2);
    serve_scheduler_destroy(s);
    finish(&a);
    finish(&b);
    assert_int_equal(a.status, XLSTM_ECANCELLED);
    clear(&a);
    clear(&b);
    free(wanted);
}

static void queue_has_an_end(void **state) {
    enum { ROOM = 2 + 4 };
    serve_scheduler *s = start(2, 16, 2, NULL);
    answer a[ROOM], more;
    for (int i = 0; i < ROOM; i++) {
        serve_job *job = job_of(&a[i], prompts[4]);
        job->params.max_tokens = 1000000;
        job->params.ignore_eos = true;
        submit(s, job);
    }
    serve_job *job = job_of(&more, prompts[4]);
    assert_int_equal(serve_scheduler_submit(s, job, NULL), SERVE_FULL);
    assert_true(serve_scheduler_retry_after(s) >= 1);
    for (int i = 0; i < ROOM; i++) serve_job_cancel(a[i].job);
    for (int i = 0; i < ROOM; i++) {
        finish(&a[i]);
        clear(&a[i]);
    }
    submit(s, job);
    finish(&more);
    assert_int_equal(more.status, 0);
    clear(&more);
    serve_scheduler_close(s);
    job = job_of(&more, prompts[4]);
    assert_int_equal(serve_scheduler_submit(s, job, NULL), SERVE_CLOSING);
    job->ids[0] = 1 << 30;
    assert_int_equal(serve_scheduler_submit(s, job, NULL), XLSTM_EARG);
    serve_job_release(job);
    clear(&more);
    serve_scheduler_destroy(s);
}
static int open_demo(void **state) {
    return open_model(state, XL_SOURCE_DIR "/models/tiny-literature");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_a_session),     cmocka_unit_test(is_the_same_in_any_company),
        cmocka_unit_test(choices_and_logprobs), cmocka_unit_test(stops_at_strings),
        cmocka_unit_test(can_be_cancelled),     cmocka_unit_test(queue_has_an_end),
    };
    return cmocka_run_group_tests(tests, open_demo, close_model);
}

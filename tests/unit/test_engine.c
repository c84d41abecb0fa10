/* Properties of the engine on a small random model: the results are the same for every schedule. */
#include <xlstm/xlstm.h>

#include "helper.h"
#include "small_model.h"

enum { TOKENS = 150 };
static const double tolerance = 2e-5;

typedef struct outcome {
    float *logits; /* [n, V] */
    float *states; /* all blocks: c, n, m */
    size_t logit_count, state_count;
} outcome;

static void release(outcome *o) {
    free(o->logits);
    free(o->states);
}

static void read_states(const xlstm_session *session, const xlstm_hparams *hp, outcome *o) {
    size_t n = (size_t)(hp->num_heads * hp->qk_head), c = n * (size_t)hp->v_head, m = (size_t)hp->num_heads;
    o->state_count = (size_t)hp->num_blocks * (c + n + m);
    o->states = calloc(o->state_count, sizeof(float));
    float *at = o->states;
    for (int64_t i = 0; i < hp->num_blocks; i++, at += c + n + m)
        assert_int_equal(xlstm_state_get(session, i, at, at + c, at + c + n, NULL), XLSTM_OK);
}

static void assert_same(const outcome *a, const outcome *b) {
    assert_int_equal(a->logit_count, b->logit_count);
    double logits = test_relative_error(a->logits, b->logits, a->logit_count);
    double states = test_relative_error(a->states, b->states, a->state_count);
    if (!(logits <= tolerance && states <= tolerance)) print_message("relative errors %g, %g\n", logits, states);
    assert_true(logits <= tolerance);
    assert_true(states <= tolerance);
}

static void make_ids(int32_t *ids, size_t n, uint64_t seed) {
    xl_rng rng;
    xl_rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++) ids[i] = (int32_t)xl_rng_below(&rng, 101);
}

/* Feeds n tokens in `pieces` prefills, divided at random, and keeps all logits. */
static outcome prefill_in(small_model *s, const xlstm_settings *settings, const int32_t *ids, size_t n, int pieces,
                          xl_rng *rng) {
    xlstm_session *session;
    xlstm_error err = {0};
    if (xlstm_session_create(&session, &s->model, settings, &err)) fail_msg("%s", err.text);
    size_t vocab = (size_t)s->model.hparams.vocab_size;
    outcome o = {.logit_count = n * vocab};
    o.logits = calloc(o.logit_count, sizeof(float));
    size_t done = 0;
    for (int i = 0; i < pieces; i++) {
        size_t take = i == pieces - 1 ? n - done : xl_rng_below(rng, n - done + 1);
        assert_int_equal(xlstm_prefill(session, ids + done, take, XLSTM_LOGITS_ALL, o.logits + done * vocab, &err),
                         XLSTM_OK);
        done += take;
        assert_int_equal(xlstm_session_position(session), done);
    }
    read_states(session, &s->model.hparams, &o);
    xlstm_session_destroy(session);
    return o;
}

static int64_t in_force(const xlstm_session *session, const char *key) {
    return xlstm_session_schedule_value(session, key);
}

static outcome decode_all(small_model *s, const int32_t *ids, size_t n, int workers) {
    xlstm_session *session;
    xlstm_settings settings;
    xlstm_settings_init(&settings, &s->model.hparams);
    xlstm_settings_set(&settings, XLSTM_TUNE_DECODE_WORKERS, workers);
    assert_int_equal(xlstm_session_create(&session, &s->model, &settings, NULL), XLSTM_OK);
    size_t vocab = (size_t)s->model.hparams.vocab_size;
    outcome o = {.logit_count = n * vocab};
    o.logits = calloc(o.logit_count, sizeof(float));
    for (size_t i = 0; i < n; i++)
        assert_int_equal(xlstm_decode(session, ids[i], o.logits + i * vocab, NULL), XLSTM_OK);
    assert_int_equal(in_force(session, "decode_threads"), workers);
    read_states(session, &s->model.hparams, &o);
    xlstm_session_destroy(session);
    return o;
}

/* The oracle: plain C kernels, one thread, one token at a time. */
static outcome oracle(const int32_t *ids, size_t n, uint64_t seed) {
    small_model *s = small_model_create(seed, "c");
    outcome o = decode_all(s, ids, n, 1);
    small_model_destroy(s);
    return o;
}

/* Sets every tunable that must not change results to a random value. */
static void random_settings(xlstm_settings *settings, const xlstm_hparams *hparams, xl_rng *rng) {
    xlstm_settings_init(settings, hparams);
    for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++) {
        int64_t min, max;
        if (xlstm_tunable_get(id)->affects & (XLSTM_AFFECTS_NUMERICS | XLSTM_AFFECTS_LOAD)) continue;
        xlstm_tunable_range(id, hparams, &min, &max, NULL);
        xlstm_settings_set(settings, id, min + (int64_t)xl_rng_below(rng, (uint64_t)(max - min) + 1));
    }
}

/* Values at the limits and beyond are drawn more often than a uniform draw would. */
static void every_schedule_gives_the_same(void **state) {
    int32_t ids[TOKENS];
    make_ids(ids, TOKENS, 7);
    /* On an emulated processor 120 take minutes. */
    const int rounds = getenv("XLTUNE_TEST_EMULATED") ? 40 : 120;
    for (uint64_t seed = 0; seed < 2; seed++) {
        small_model *s = small_model_create(seed, NULL);
        outcome wanted = oracle(ids, TOKENS, seed);
        xl_rng rng;
        xl_rng_seed(&rng, seed);
        const int64_t chunks[] = {1, 2, 7, 64, 150, 5000}, bands[] = {1, 2, 3, 100}, segments[] = {1, 2, 33, 512};
        const int64_t workers[] = {1, 2, 3, 16};
        for (int i = 0; i < rounds; i++) {
            xlstm_settings settings;
            random_settings(&settings, &s->model.hparams, &rng);
            xlstm_settings_set(&settings, XLSTM_TUNE_SCHEDULER, i % 3);
            xlstm_settings_set(&settings, XLSTM_TUNE_CHUNK_SIZE, chunks[xl_rng_below(&rng, 6)]);
            xlstm_settings_set(&settings, XLSTM_TUNE_HEADS_PER_BAND, bands[xl_rng_below(&rng, 4)]);
            xlstm_settings_set(&settings, XLSTM_TUNE_SEGMENT, segments[xl_rng_below(&rng, 4)]);
            xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, workers[xl_rng_below(&rng, 4)]);
            outcome o = prefill_in(s, &settings, ids, TOKENS, 1 + i % 4, &rng);
            assert_same(&o, &wanted);
            release(&o);
        }
        release(&wanted);
        small_model_destroy(s);
    }
}

static void decode_equals_prefill(void **state) {
    int32_t ids[TOKENS];
    make_ids(ids, TOKENS, 8);
    outcome wanted = oracle(ids, TOKENS, 3);
    small_model *s = small_model_create(3, NULL);
    for (int workers = 1; workers <= 5; workers += 2) {
        outcome o = decode_all(s, ids, TOKENS, workers);
        assert_same(&o, &wanted);
        release(&o);
    }
    small_model_destroy(s);
    release(&wanted);
}

/* Where only the last token's logits are wanted, work after the last cell is skipped; the logits and the state
 * must be the same. */
static void last_logits_equal_the_last_of_all(void **state) {
    int32_t ids[TOKENS];
    make_ids(ids, TOKENS, 9);
    small_model *s = small_model_create(4, NULL);
    xlstm_settings settings;
    xlstm_settings_init(&settings, &s->model.hparams);
    xl_rng rng;
    xl_rng_seed(&rng, 1);
    outcome all = prefill_in(s, &settings, ids, TOKENS, 1, &rng);
    const int64_t segments[] = {1, 50, 149, 150, 512};
    for (int i = 0; i < 5; i++) {
        xlstm_settings_set(&settings, XLSTM_TUNE_SEGMENT, segments[i]);
        xlstm_session *session;
        float last[101];
        assert_int_equal(xlstm_session_create(&session, &s->model, &settings, NULL), XLSTM_OK);
        assert_int_equal(xlstm_prefill(session, ids, TOKENS - 60, XLSTM_LOGITS_NONE, NULL, NULL), XLSTM_OK);
        assert_int_equal(xlstm_prefill(session, ids + TOKENS - 60, 60, XLSTM_LOGITS_LAST, last, NULL), XLSTM_OK);
        assert_true(test_relative_error(last, all.logits + (TOKENS - 1) * 101, 101) <= tolerance);
        outcome o = {0};
        read_states(session, &s->model.hparams, &o);
        assert_true(test_relative_error(o.states, all.states, all.state_count) <= tolerance);
        release(&o);
        xlstm_session_destroy(session);
    }
    release(&all);
    small_model_destroy(s);
}

static void schedule_says_what_ran(void **state) {
    int32_t ids[TOKENS];
    make_ids(ids, TOKENS, 9);
    small_model *s = small_model_create(1, NULL);
    for (int scheduler = 0; scheduler < 3; scheduler++) {
        xlstm_settings settings;
        xlstm_settings_init(&settings, &s->model.hparams);
        xlstm_settings_set(&settings, XLSTM_TUNE_SCHEDULER, scheduler);
        xlstm_settings_set(&settings, XLSTM_TUNE_CHUNK_SIZE, 16);
        xlstm_settings_set(&settings, XLSTM_TUNE_HEADS_PER_BAND, 2);
        xlstm_settings_set(&settings, XLSTM_TUNE_SEGMENT, 100);
        xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, 2);
        xlstm_session *session;
        assert_int_equal(xlstm_session_create(&session, &s->model, &settings, NULL), XLSTM_OK);
        assert_int_equal(xlstm_prefill(session, ids, TOKENS, XLSTM_LOGITS_NONE, NULL, NULL), XLSTM_OK);
        assert_int_equal(in_force(session, "scheduler"), scheduler);
        assert_int_equal(in_force(session, "chunk_size"), scheduler == XLSTM_SCHED_RECURRENT ? 100 : 16);
        assert_int_equal(in_force(session, "heads_per_band"), 2);
        assert_int_equal(in_force(session, "bands"), 2);
        assert_int_equal(in_force(session, "threads"), 2);
        assert_int_equal(in_force(session, "segment"), 100);
        /* 100 tokens are 7 chunks, 50 are 4; 3 blocks, 2 bands. */
        assert_int_equal(in_force(session, "chunks"), scheduler == XLSTM_SCHED_RECURRENT ? 0 : 11 * 3 * 2);
        assert_in_range(in_force(session, "max_in_flight"), 1, 2);

        xlstm_settings_set(&settings, XLSTM_TUNE_HEADS_PER_BAND, 100);
        xlstm_settings_set(&settings, XLSTM_TUNE_CHUNK_SIZE, 5000);
        assert_int_equal(xlstm_session_configure(session, &settings, NULL), XLSTM_OK);
        xlstm_session_settings(session, &settings);
        assert_int_equal(xlstm_settings_get(&settings, XLSTM_TUNE_HEADS_PER_BAND), 3);
        assert_int_equal(xlstm_settings_get(&settings, XLSTM_TUNE_CHUNK_SIZE), 5000);
        assert_int_equal(xlstm_prefill(session, ids, TOKENS, XLSTM_LOGITS_NONE, NULL, NULL), XLSTM_OK);
        assert_int_equal(in_force(session, "bands"), 1);
        assert_int_equal(in_force(session, "chunk_size"), 100);
        assert_int_equal(in_force(session, "max_in_flight"), 1);
        xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, 257);
        assert_int_equal(xlstm_session_configure(session, &settings, NULL), XLSTM_EARG);
        xlstm_session_destroy(session);
    }
    small_model_destroy(s);
}

/* Never cancels; leaves the processor to the other threads for a moment. */
static int nap(void *user) {
    usleep((useconds_t)xl_rng_below(user, 200));
    return 0;
}

/* The scheduler ray hands out the next chunk of a band when the previous one is done, so that chunks of several
 * bands are in progress at once. */
static void ray_has_several_bands_in_flight(void **state) {
    enum { LONG = 600 }; /* so that a chunk takes long enough to meet another */
    int32_t ids[LONG];
    make_ids(ids, LONG, 9);
    small_model *s = small_model_create(1, "c");
    xlstm_settings settings;
    xlstm_settings_init(&settings, &s->model.hparams);
    xlstm_settings_set(&settings, XLSTM_TUNE_SCHEDULER, XLSTM_SCHED_RAY);
    xlstm_settings_set(&settings, XLSTM_TUNE_CHUNK_SIZE, LONG);
    xlstm_settings_set(&settings, XLSTM_TUNE_HEADS_PER_BAND, 1);
    xlstm_settings_set(&settings, XLSTM_TUNE_SEGMENT, LONG);
    xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, 3);
    xlstm_session *session;
    assert_int_equal(xlstm_session_create(&session, &s->model, &settings, NULL), XLSTM_OK);
    /* On a busy machine one thread may do all the work before another wakes up; this one sleeps now and then. */
    int64_t in_flight = 0;
    xl_rng rng;
    xl_rng_seed(&rng, 1);
    xlstm_session_set_cancel(session, nap, &rng);
    for (int tries = 0; in_flight < 2 && tries < 20000; tries++) {
        assert_int_equal(xlstm_prefill(session, ids, LONG, XLSTM_LOGITS_NONE, NULL, NULL), XLSTM_OK);
        in_flight = in_force(session, "max_in_flight");
        assert_int_equal(in_force(session, "chunks"), 3 * 3);
    }
    assert_in_range(in_flight, 2, 3);
    xlstm_session_destroy(session);
    small_model_destroy(s);
}

static void odd_lengths(void **state) {
    enum { LONG = 20000 };
    static int32_t ids[LONG];
    make_ids(ids, LONG, 11);
    small_model *s = small_model_create(2, NULL);
    xlstm_settings settings;
    xlstm_settings_init(&settings, &s->model.hparams);
    xlstm_session *a, *b;
    float x[101], y[101];
    assert_int_equal(xlstm_session_create(&a, &s->model, &settings, NULL), XLSTM_OK);
    xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, 256);
    xlstm_settings_set(&settings, XLSTM_TUNE_CHUNK_SIZE, 100);
    xlstm_settings_set(&settings, XLSTM_TUNE_HEADS_PER_BAND, 100);
    xlstm_settings_set(&settings, XLSTM_TUNE_SEGMENT, 6000);
    assert_int_equal(xlstm_session_create(&b, &s->model, &settings, NULL), XLSTM_OK);

    assert_int_equal(xlstm_prefill(a, ids, 0, XLSTM_LOGITS_NONE, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_prefill(a, ids, 0, XLSTM_LOGITS_ALL, x, NULL), XLSTM_OK);
    assert_int_equal(xlstm_prefill(a, ids, 0, XLSTM_LOGITS_LAST, x, NULL), XLSTM_EARG);
    assert_int_equal(xlstm_session_position(a), 0);
    assert_int_equal(xlstm_prefill(a, ids, 1, XLSTM_LOGITS_LAST, x, NULL), XLSTM_OK);
    assert_int_equal(xlstm_decode(b, ids[0], y, NULL), XLSTM_OK);
    assert_true(test_relative_error(x, y, 101) <= tolerance);

    assert_int_equal(xlstm_prefill(a, ids + 1, LONG - 1, XLSTM_LOGITS_LAST, x, NULL), XLSTM_OK);
    assert_int_equal(xlstm_prefill(b, ids + 1, LONG - 1, XLSTM_LOGITS_LAST, y, NULL), XLSTM_OK);
    assert_int_equal(xlstm_session_position(a), LONG);
    assert_true(test_relative_error(x, y, 101) <= tolerance);
    assert_int_equal(in_force(b, "threads"), 256);

    xlstm_session_trim(a);
    assert_int_equal(xlstm_decode(a, 5, x, NULL), XLSTM_OK);
    assert_int_equal(xlstm_decode(b, 5, y, NULL), XLSTM_OK);
    assert_true(test_relative_error(x, y, 101) <= tolerance);
    xlstm_session_destroy(a);
    xlstm_session_destroy(b);
    small_model_destroy(s);
}

static void bad_ids_change_nothing(void **state) {
    small_model *s = small_model_create(2, NULL);
    xlstm_session *session;
    xlstm_error err;
    float x[101], y[101];
    int32_t ids[] = {3, 4, 101}, negative[] = {3, -1};
    assert_int_equal(xlstm_session_create(&session, &s->model, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_prefill(session, ids, 3, XLSTM_LOGITS_NONE, NULL, &err), XLSTM_EARG);
    assert_string_equal(err.text, "token 2: id 101, wanted 0 to 100");
    assert_int_equal(xlstm_prefill(session, negative, 2, XLSTM_LOGITS_NONE, NULL, &err), XLSTM_EARG);
    assert_int_equal(xlstm_decode(session, 101, NULL, &err), XLSTM_EARG);
    assert_int_equal(xlstm_prefill(session, ids, 2, (xlstm_logits)7, x, &err), XLSTM_EARG);
    assert_int_equal(xlstm_prefill(session, ids, 2, XLSTM_LOGITS_LAST, NULL, &err), XLSTM_EARG);
    assert_int_equal(xlstm_session_position(session), 0);
    assert_int_equal(xlstm_decode(session, 1, x, NULL), XLSTM_OK);
    xlstm_session_reset(session);
    assert_int_equal(xlstm_decode(session, 1, y, NULL), XLSTM_OK);
    assert_memory_equal(x, y, sizeof x);
    xlstm_session_destroy(session);
    small_model_destroy(s);
}

typedef struct countdown {
    int left;
} countdown;

static int stop_after(void *user) {
    countdown *c = user;
    return c->left-- <= 0;
}

static int count_polls(void *user) {
    ++*(long *)user;
    return 0;
}

/* At least once for each chunk of each head and each product, so that Ctrl-C works promptly in a long prompt. */
static void a_prompt_is_polled_often(void **state) {
    int32_t ids[TOKENS];
    make_ids(ids, TOKENS, 12);
    small_model *s = small_model_create(2, NULL);
    xlstm_settings settings;
    xlstm_settings_init(&settings, &s->model.hparams);
    xlstm_settings_set(&settings, XLSTM_TUNE_CHUNK_SIZE, 10);
    xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, 1);
    xlstm_settings_set(&settings, XLSTM_TUNE_DECODE_WORKERS, 1);
    xlstm_session *session;
    assert_int_equal(xlstm_session_create(&session, &s->model, &settings, NULL), XLSTM_OK);
    long polls = 0;
    xlstm_session_set_cancel(session, count_polls, &polls);
    assert_int_equal(xlstm_prefill(session, ids, TOKENS, XLSTM_LOGITS_NONE, NULL, NULL), XLSTM_OK);
    assert_true(polls >= 3 * (TOKENS / 10 * 3 + 2));
    polls = 0;
    assert_int_equal(xlstm_decode(session, 1, NULL, NULL), XLSTM_OK);
    assert_true(polls >= 3);
    xlstm_session_destroy(session);
    small_model_destroy(s);
}

static void cancelled_session_is_usable_after_reset(void **state) {
    int32_t ids[TOKENS];
    make_ids(ids, TOKENS, 12);
    small_model *s = small_model_create(2, NULL);
    for (int scheduler = 0; scheduler < 3; scheduler++) {
        xlstm_settings settings;
        xlstm_settings_init(&settings, &s->model.hparams);
        xlstm_settings_set(&settings, XLSTM_TUNE_SCHEDULER, scheduler);
        xlstm_settings_set(&settings, XLSTM_TUNE_CHUNK_SIZE, 4);
        xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, 3);
        xlstm_settings_set(&settings, XLSTM_TUNE_SEGMENT, 40);
        xlstm_session *session;
        xlstm_error err;
        float wanted[101], got[101];
        assert_int_equal(xlstm_session_create(&session, &s->model, &settings, NULL), XLSTM_OK);
        assert_int_equal(xlstm_prefill(session, ids, TOKENS, XLSTM_LOGITS_LAST, wanted, NULL), XLSTM_OK);
        for (int polls = 0; polls < 60; polls += 3) {
            countdown c = {polls};
            xlstm_session_reset(session);
            xlstm_session_set_cancel(session, stop_after, &c);
            int status = xlstm_prefill(session, ids, TOKENS, XLSTM_LOGITS_LAST, got, &err);
            xlstm_session_set_cancel(session, NULL, NULL);
            /* On a busy machine the other threads may do the work of the one that polls. Then it polls only before
             * each operation, of which each of the four segments has at least eight. */
            if (status == XLSTM_OK) {
                assert_true(c.left >= 0 && polls >= 4 * 8);
                continue;
            }
            assert_int_equal(status, XLSTM_ECANCELLED);
            assert_int_equal(xlstm_decode(session, 1, NULL, &err), XLSTM_EARG);
            assert_int_equal(xlstm_state_save(session, "never-written", &err), XLSTM_EARG);
            assert_false(xl_is_file("never-written"));
            xlstm_session_reset(session);
            assert_int_equal(xlstm_session_position(session), 0);
            assert_int_equal(xlstm_prefill(session, ids, TOKENS, XLSTM_LOGITS_LAST, got, NULL), XLSTM_OK);
            assert_true(test_relative_error(got, wanted, 101) <= tolerance);
        }
        countdown c = {3};
        xlstm_session_set_cancel(session, stop_after, &c);
        assert_int_equal(xlstm_decode(session, 1, got, &err), XLSTM_ECANCELLED);
        xlstm_session_destroy(session);
    }
    small_model_destroy(s);
}

static void state_round_trip(void **state) {
    int32_t ids[TOKENS];
    make_ids(ids, TOKENS, 13);
    small_model *s = small_model_create(2, NULL), *other = small_model_create(3, NULL);
    char *path = test_path("state.safetensors");
    xlstm_session *a, *b, *foreign;
    xlstm_error err;
    float x[101], y[101];
    assert_int_equal(xlstm_session_create(&a, &s->model, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_session_create(&b, &s->model, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_session_create(&foreign, &other->model, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_prefill(a, ids, TOKENS, XLSTM_LOGITS_NONE, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_session_pending(a), -1);
    assert_int_equal(xlstm_session_set_pending(a, 101, &err), XLSTM_EARG);
    assert_int_equal(xlstm_session_set_pending(a, 9, NULL), XLSTM_OK);
    assert_int_equal(xlstm_state_save(a, path, NULL), XLSTM_OK);
    assert_int_equal(xlstm_state_load(b, path, NULL), XLSTM_OK);
    assert_int_equal(xlstm_session_position(b), TOKENS);
    assert_int_equal(xlstm_session_pending(b), 9);
    assert_int_equal(xlstm_decode(a, 9, x, NULL), XLSTM_OK);
    assert_int_equal(xlstm_decode(b, 9, y, NULL), XLSTM_OK);
    assert_memory_equal(x, y, sizeof x);
    assert_int_equal(xlstm_session_pending(b), -1);

    xlstm_session_reset(b);
    assert_int_equal(xlstm_session_copy_state(b, a, NULL), XLSTM_OK);
    assert_int_equal(xlstm_session_position(b), TOKENS + 1);
    assert_int_equal(xlstm_decode(a, 10, x, NULL), XLSTM_OK);
    assert_int_equal(xlstm_decode(b, 10, y, NULL), XLSTM_OK);
    assert_memory_equal(x, y, sizeof x);

    /* A failed call leaves the session as it was. */
    assert_int_equal(xlstm_state_load(foreign, path, &err), XLSTM_EMISMATCH);
    assert_int_equal(xlstm_session_copy_state(foreign, a, &err), XLSTM_EMISMATCH);
    assert_int_equal(xlstm_session_position(foreign), 0);
    assert_int_equal(xlstm_state_load(b, "/nowhere/state", &err), XLSTM_ENOTFOUND);
    char *bytes;
    size_t count;
    assert_int_equal(xl_file_read(path, 1 << 24, &bytes, &count, NULL), XLSTM_OK);
    char *broken = test_path("broken.safetensors");
    outcome before = {0}, after = {0};
    read_states(b, &s->model.hparams, &before);
    xl_rng rng;
    xl_rng_seed(&rng, 5);
    for (int i = 0; i < 300; i++) {
        /* Files that are cut short, or have 0xff in some bytes: NaN in the data, or invalid JSON in the header. */
        char *copy = calloc(1, count);
        memcpy(copy, bytes, count);
        size_t length = count;
        if (i % 2) {
            length = xl_rng_below(&rng, count);
        } else {
            size_t at = xl_rng_below(&rng, i % 4 ? count - 8 : 2048);
            memset(copy + at, 0xff, 8);
        }
        assert_int_equal(xl_file_write(broken, copy, length, NULL), XLSTM_OK);
        err.text[0] = 0;
        int status = xlstm_state_load(b, broken, &err);
        if (status == XLSTM_OK) fail_msg("a broken file was accepted");
        assert_non_null(strstr(err.text, "broken.safetensors"));
        free(copy);
    }
    read_states(b, &s->model.hparams, &after);
    assert_memory_equal(before.states, after.states, before.state_count * sizeof(float));
    assert_int_equal(xlstm_session_position(b), TOKENS + 2);

    release(&before);
    release(&after);
    free(bytes);
    free(path);
    free(broken);
    xlstm_session_destroy(a);
    xlstm_session_destroy(b);
    xlstm_session_destroy(foreign);
    small_model_destroy(s);
    small_model_destroy(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schedule_gives_the_same),
        cmocka_unit_test(decode_equals_prefill),
        cmocka_unit_test(last_logits_equal_the_last_of_all),
        cmocka_unit_test(schedule_says_what_ran),
        cmocka_unit_test(ray_has_several_bands_in_flight),
        cmocka_unit_test(odd_lengths),
        cmocka_unit_test(bad_ids_change_nothing),
        cmocka_unit_test(a_prompt_is_polled_often),
        cmocka_unit_test(cancelled_session_is_usable_after_reset),
        cmocka_unit_test(state_round_trip),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}

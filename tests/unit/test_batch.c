/* A batch of sequences must equal its members run one by one, whatever it consists of and however it is
 * divided. */
#include <xlstm/xlstm.h>

#include "helper.h"
#include "small_model.h"

enum { MEMBERS = 7, LONGEST = 90, VOCAB = 101, ROUNDS = 3 };
/* The rounding of float32, magnified by the gates of up to 270 tokens; with vectors of eight floats, 2.4e-5 were
 * seen. That it is rounding, and no fault that a tolerance hides, the distances from plain C say: see below. */
static const double tolerance = 4e-5;

static void assert_same_state(const xlstm_session *a, const xlstm_session *b, const xlstm_hparams *hp) {
    size_t n = (size_t)(hp->num_heads * hp->qk_head), c = n * (size_t)hp->v_head, m = (size_t)hp->num_heads;
    float *x = calloc(2 * (c + n + m), sizeof *x), *y = x + c + n + m;
    for (int64_t i = 0; i < hp->num_blocks; i++) {
        assert_int_equal(xlstm_state_get(a, i, x, x + c, x + c + n, NULL), XLSTM_OK);
        assert_int_equal(xlstm_state_get(b, i, y, y + c, y + c + n, NULL), XLSTM_OK);
        assert_true(test_relative_error(x, y, c + n + m) <= tolerance);
    }
    free(x);
    assert_int_equal(xlstm_session_position(a), xlstm_session_position(b));
}

/* Decodes, slices of prefill and sequences that want no logits, mixed at random, in three calls after each
 * other. Against the plain C functions, token by token, which take most sums in float64, the worst of the batches
 * is no farther than twice the worst of the members alone. */
static void equals_its_members(void **state) {
    small_model *s = small_model_create(2, NULL), *plain = small_model_create(2, "c");
    double of_together = 0, of_alone = 0;
    xlstm_settings by_token;
    xlstm_settings_init(&by_token, &plain->model.hparams);
    xlstm_settings_set(&by_token, XLSTM_TUNE_SEGMENT, 1);
    xl_rng rng;
    xl_rng_seed(&rng, 5);
    for (int run = 0; run < 40; run++) {
        xlstm_settings settings;
        xlstm_settings_init(&settings, &s->model.hparams);
        static const int64_t segments[] = {1, 7, 40, 512}, chunks[] = {1, 5, 64}, workers[] = {1, 2, 5};
        xlstm_settings_set(&settings, XLSTM_TUNE_SCHEDULER, run % 3);
        xlstm_settings_set(&settings, XLSTM_TUNE_SEGMENT, segments[xl_rng_below(&rng, 4)]);
        xlstm_settings_set(&settings, XLSTM_TUNE_CHUNK_SIZE, chunks[xl_rng_below(&rng, 3)]);
        xlstm_settings_set(&settings, XLSTM_TUNE_HEADS_PER_BAND, 1 + (int64_t)xl_rng_below(&rng, 3));
        xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, workers[xl_rng_below(&rng, 3)]);
        xlstm_settings_set(&settings, XLSTM_TUNE_DECODE_WORKERS, workers[xl_rng_below(&rng, 3)]);
        xlstm_batch *batch;
        xlstm_session *together[MEMBERS], *alone[MEMBERS], *exact[MEMBERS];
        assert_int_equal(xlstm_batch_create(&batch, &s->model, &settings, NULL), XLSTM_OK);
        for (int i = 0; i < MEMBERS; i++) {
            assert_int_equal(xlstm_session_create(&together[i], &s->model, NULL, NULL), XLSTM_OK);
            assert_int_equal(xlstm_session_create(&alone[i], &s->model, NULL, NULL), XLSTM_OK);
            assert_int_equal(xlstm_session_create(&exact[i], &plain->model, &by_token, NULL), XLSTM_OK);
        }
        for (int round = 0; round < ROUNDS; round++) {
            static int32_t ids[MEMBERS][LONGEST];
            static float logits[MEMBERS * LONGEST * VOCAB], one[LONGEST * VOCAB], right[LONGEST * VOCAB];
            xlstm_batch_item items[MEMBERS];
            size_t count = 1 + xl_rng_below(&rng, MEMBERS);
            bool decodes = xl_rng_below(&rng, 3) == 0;
            for (size_t i = 0; i < count; i++) {
                size_t n = decodes || xl_rng_below(&rng, 2) ? 1 : 1 + xl_rng_below(&rng, LONGEST);
                for (size_t t = 0; t < n; t++) ids[i][t] = (int32_t)xl_rng_below(&rng, VOCAB);
                items[i] = (xlstm_batch_item){together[i], ids[i], n, (xlstm_logits)xl_rng_below(&rng, 3)};
            }
            assert_int_equal(xlstm_batch_run(batch, items, count, logits, NULL), XLSTM_OK);
            const float *at = logits;
            for (size_t i = 0; i < count; i++) {
                assert_int_equal(xlstm_prefill(alone[i], items[i].ids, items[i].n, items[i].logits, one, NULL), 0);
                size_t rows =
                    items[i].logits == XLSTM_LOGITS_ALL ? items[i].n : items[i].logits == XLSTM_LOGITS_LAST;
                assert_true(test_relative_error(at, one, rows * VOCAB) <= tolerance);
                assert_int_equal(xlstm_prefill(exact[i], items[i].ids, items[i].n, items[i].logits, right, NULL),
                                 0);
                of_together = fmax(of_together, test_relative_error(at, right, rows * VOCAB));
                of_alone = fmax(of_alone, test_relative_error(one, right, rows * VOCAB));
                at += rows * VOCAB;
                assert_same_state(together[i], alone[i], &s->model.hparams);
            }
        }
        for (int i = 0; i < MEMBERS; i++) {
            xlstm_session_destroy(together[i]);
            xlstm_session_destroy(alone[i]);
            xlstm_session_destroy(exact[i]);
        }
        xlstm_batch_destroy(batch);
    }
    assert_true(of_together <= fmax(2 * of_alone, 1e-6));
    small_model_destroy(s);
    small_model_destroy(plain);
}

static int never(void *user) {
    ++*(int *)user;
    return 0;
}

static int at_once(void *user) {
    return 1;
}

static void bad_items_change_nothing(void **state) {
    small_model *s = small_model_create(2, NULL), *other = small_model_create(4, NULL);
    xlstm_batch *batch;
    xlstm_session *a, *b, *foreign;
    float logits[2 * VOCAB];
    const int32_t ids[] = {3, 4, VOCAB};
    assert_int_equal(xlstm_batch_create(&batch, &s->model, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_session_create(&a, &s->model, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_session_create(&b, &s->model, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_session_create(&foreign, &other->model, NULL, NULL), XLSTM_OK);
    const xlstm_batch_item good[] = {{a, ids, 2, XLSTM_LOGITS_LAST}, {b, ids, 1, XLSTM_LOGITS_LAST}};
    const struct {
        xlstm_batch_item second;
        const char *says;
    } bad[] = {
        {{a, ids, 1, XLSTM_LOGITS_NONE}, "item 1: the session is in the batch already"},
        {{foreign, ids, 1, XLSTM_LOGITS_NONE}, "item 1: the session is of another model"},
        {{b, ids, 0, XLSTM_LOGITS_NONE}, "item 1: no tokens"},
        {{b, ids, 3, XLSTM_LOGITS_NONE}, "token 2: id 101, wanted 0 to 100"},
        {{b, ids, 1, (xlstm_logits)7}, "logits 7, wanted none, last or all"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const xlstm_batch_item items[] = {good[0], bad[i].second};
        xlstm_error err;
        assert_int_equal(xlstm_batch_run(batch, items, 2, logits, &err), XLSTM_EARG);
        assert_string_equal(err.text, bad[i].says);
        assert_int_equal(xlstm_session_position(a), 0);
    }
    assert_int_equal(xlstm_batch_run(batch, good, 2, NULL, NULL), XLSTM_EARG);
    assert_int_equal(xlstm_batch_run(batch, NULL, 0, NULL, NULL), XLSTM_OK);
    int polls = 0;
    xlstm_batch_set_cancel(batch, never, &polls);
    assert_int_equal(xlstm_batch_run(batch, good, 2, logits, NULL), XLSTM_OK);
    assert_true(polls > 0);
    assert_int_equal(xlstm_session_position(a), 2);
    xlstm_batch_set_cancel(batch, at_once, NULL);
    assert_int_equal(xlstm_batch_run(batch, good, 2, logits, NULL), XLSTM_ECANCELLED);
    assert_int_equal(xlstm_decode(a, 1, logits, NULL), XLSTM_EARG); /* a reset is needed first */
    xlstm_session_reset(a);
    assert_int_equal(xlstm_decode(a, 1, logits, NULL), XLSTM_OK);
    xlstm_session_destroy(a);
    xlstm_session_destroy(b);
    xlstm_session_destroy(foreign);
    xlstm_batch_destroy(batch);
    small_model_destroy(s);
    small_model_destroy(other);
}

/* The settings that a batch is given later run its next call; wrong ones leave it as it was. */
static void settings_can_change(void **state) {
    small_model *s = small_model_create(2, NULL);
    xlstm_batch *batch;
    xlstm_session *together, *alone;
    xlstm_settings settings;
    xlstm_error err;
    int32_t ids[LONGEST];
    float a[VOCAB], b[VOCAB];
    for (int i = 0; i < LONGEST; i++) ids[i] = i * 7 % VOCAB;
    xlstm_settings_init(&settings, &s->model.hparams);
    assert_int_equal(xlstm_batch_create(&batch, &s->model, &settings, NULL), XLSTM_OK);
    assert_int_equal(xlstm_session_create(&together, &s->model, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_session_create(&alone, &s->model, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_prefill(alone, ids, LONGEST, XLSTM_LOGITS_LAST, b, NULL), XLSTM_OK);
    int polls[2] = {0};
    for (int i = 0; i < 2; i++) {
        /* A shorter segment is polled more often. */
        xlstm_settings_set(&settings, XLSTM_TUNE_SEGMENT, i ? 5 : LONGEST);
        xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, 1);
        assert_int_equal(xlstm_batch_configure(batch, &settings, NULL), XLSTM_OK);
        xlstm_settings wrong = settings;
        xlstm_settings_set(&wrong, XLSTM_TUNE_SEGMENT, 0);
        assert_int_equal(xlstm_batch_configure(batch, &wrong, &err), XLSTM_EARG);
        xlstm_batch_set_cancel(batch, never, &polls[i]);
        xlstm_session_reset(together);
        const xlstm_batch_item item = {together, ids, LONGEST, XLSTM_LOGITS_LAST};
        assert_int_equal(xlstm_batch_run(batch, &item, 1, a, NULL), XLSTM_OK);
        assert_true(test_relative_error(a, b, VOCAB) <= tolerance);
    }
    assert_true(polls[1] > 5 * polls[0]);
    xlstm_session_destroy(together);
    xlstm_session_destroy(alone);
    xlstm_batch_destroy(batch);
    small_model_destroy(s);
}

/* Greedy decoding of a batch chooses, in each step, the largest of the logits that the batch gives when it is fed
 * token by token; what is wrong with a session changes none. */
static void greedy_is_the_largest_logit(void **state) {
    (void)state;
    enum { COUNT = 3, STEPS = 6 };
    small_model *s = small_model_create(2, NULL), *other = small_model_create(4, NULL);
    xlstm_batch *batch;
    xlstm_session *sessions[COUNT], *twins[COUNT], *foreign;
    xlstm_error err;
    float *logits = calloc((size_t)COUNT * VOCAB, sizeof *logits);
    int32_t first[COUNT] = {5, 50, 100}, out[STEPS * COUNT], fed[COUNT], nothing = -7;
    assert_non_null(logits);
    assert_int_equal(xlstm_batch_create(&batch, &s->model, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_session_create(&foreign, &other->model, NULL, NULL), XLSTM_OK);
    for (int i = 0; i < COUNT; i++) {
        const int32_t prompt[] = {i, 2 * i + 1, 9};
        xlstm_session **both[] = {&sessions[i], &twins[i]};
        for (int k = 0; k < 2; k++) {
            assert_int_equal(xlstm_session_create(both[k], &s->model, NULL, NULL), XLSTM_OK);
            assert_int_equal(xlstm_prefill(*both[k], prompt, (size_t)i + 1, XLSTM_LOGITS_NONE, NULL, NULL),
                             XLSTM_OK);
        }
        fed[i] = first[i];
    }
    assert_int_equal(xlstm_batch_greedy(batch, sessions, first, 0, &nothing, STEPS, NULL), XLSTM_OK);
    assert_int_equal(xlstm_batch_greedy(batch, sessions, first, COUNT, &nothing, 0, NULL), XLSTM_OK);
    assert_int_equal(nothing, -7);
    xlstm_session *const twice[] = {sessions[0], sessions[0]}, *const mixed[] = {sessions[0], foreign};
    const int32_t beyond[] = {1, VOCAB};
    assert_int_equal(xlstm_batch_greedy(batch, twice, first, 2, out, 1, &err), XLSTM_EARG);
    assert_string_equal(err.text, "item 1: the session is in the batch already");
    assert_int_equal(xlstm_batch_greedy(batch, mixed, first, 2, out, 1, &err), XLSTM_EARG);
    assert_string_equal(err.text, "item 1: the session is of another model");
    assert_int_equal(xlstm_batch_greedy(batch, sessions, beyond, 2, out, 1, &err), XLSTM_EARG);
    assert_int_equal(xlstm_session_position(sessions[0]), 1);
    /* In two calls, of which the second goes on with what the first chose. */
    enum { PART = 2 };
    assert_int_equal(xlstm_batch_greedy(batch, sessions, first, COUNT, out, PART, NULL), XLSTM_OK);
    assert_int_equal(xlstm_batch_greedy(batch, sessions, out + (PART - 1) * COUNT, COUNT, out + PART * COUNT,
                                        STEPS - PART, NULL),
                     XLSTM_OK);
    for (int step = 0; step < STEPS; step++) {
        xlstm_batch_item items[COUNT];
        for (int i = 0; i < COUNT; i++) items[i] = (xlstm_batch_item){twins[i], &fed[i], 1, XLSTM_LOGITS_LAST};
        assert_int_equal(xlstm_batch_run(batch, items, COUNT, logits, NULL), XLSTM_OK);
        for (int i = 0; i < COUNT; i++) {
            const float *row = logits + (size_t)i * VOCAB;
            fed[i] = 0;
            for (int v = 1; v < VOCAB; v++)
                if (row[v] > row[fed[i]]) fed[i] = v;
            assert_int_equal(out[step * COUNT + i], fed[i]);
        }
    }
    for (int i = 0; i < COUNT; i++) assert_same_state(sessions[i], twins[i], &s->model.hparams);
    xlstm_batch_set_cancel(batch, at_once, NULL);
    assert_int_equal(xlstm_batch_greedy(batch, sessions, first, COUNT, out, STEPS, NULL), XLSTM_ECANCELLED);
    assert_int_equal(xlstm_decode(sessions[0], 1, logits, NULL), XLSTM_EARG); /* a reset is needed first */
    for (int i = 0; i < COUNT; i++) xlstm_session_destroy(sessions[i]), xlstm_session_destroy(twins[i]);
    xlstm_session_destroy(foreign);
    xlstm_batch_destroy(batch);
    small_model_destroy(s);
    small_model_destroy(other);
    free(logits);
}

/* A token after which no logit is a number is named, be it the first or a later one; pending tokens are checked. */
static void no_finite_logit_is_told(void **state) {
    (void)state;
    small_model *s = small_model_create(2, NULL);
    const xl_weight *e = &s->model.embedding;
    xlstm_session *session;
    xlstm_error err;
    float *logits = calloc((size_t)3 * VOCAB, sizeof *logits);
    const int32_t ids[] = {3, 8, 7};
    assert_non_null(logits);
    /* The embedding of token 7 is not a number, whatever its format. */
    memset((char *)(uintptr_t)e->m.data + 7 * (size_t)e->m.stride, 0xff, (size_t)e->m.stride);
    assert_int_equal(xlstm_session_create(&session, &s->model, NULL, NULL), XLSTM_OK);
    for (int before = 0; before < 3; before++) {
        char wanted[80];
        xlstm_session_reset(session);
        assert_int_equal(xlstm_session_pending(session), -1);
        if (before)
            assert_int_equal(xlstm_prefill(session, ids, (size_t)before, XLSTM_LOGITS_ALL, logits, &err), XLSTM_OK);
        assert_int_equal(xlstm_decode(session, 7, logits, &err), XLSTM_ENOTFINITE);
        snprintf(wanted, sizeof wanted, "no logit after token %d (counted from 0) is finite", before);
        assert_int_equal(strncmp(err.text, wanted, strlen(wanted)), 0);
    }
    xlstm_session_reset(session);
    if (xlstm_prefill(session, ids, 2, XLSTM_LOGITS_ALL, logits, &err)) fail_msg("%s", err.text);
    static const struct {
        int32_t id;
        int status;
    } pending[] = {{VOCAB - 1, XLSTM_OK}, {VOCAB, XLSTM_EARG}, {0, XLSTM_OK}, {-2, XLSTM_EARG}, {-1, XLSTM_OK}};
    for (size_t i = 0; i < sizeof pending / sizeof *pending; i++) {
        const int32_t before = xlstm_session_pending(session);
        assert_int_equal(xlstm_session_set_pending(session, pending[i].id, &err), pending[i].status);
        assert_int_equal(xlstm_session_pending(session), pending[i].status ? before : pending[i].id);
    }
    xlstm_session_destroy(session);
    small_model_destroy(s);
    free(logits);
}

/* A saved state is refused for a value that is not finite in any of its blocks, and the session keeps its own. */
static void every_block_of_a_state_is_looked_at(void **state) {
    (void)state;
    small_model *s = small_model_create(2, NULL);
    char *path = test_path("state.safetensors");
    xlstm_session *session;
    xlstm_error err;
    const int32_t ids[] = {3, 8, 7};
    assert_int_equal(xlstm_session_create(&session, &s->model, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_prefill(session, ids, 3, XLSTM_LOGITS_NONE, NULL, NULL), XLSTM_OK);
    if (xlstm_state_save(session, path, &err)) fail_msg("%s", err.text);
    assert_int_equal(xlstm_state_load(session, path, &err), XLSTM_OK);
    /* The file ends with the last block's m. */
    static const unsigned char nan[] = {0, 0, 0xc0, 0x7f};
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, -4, SEEK_END), 0);
    assert_int_equal(fwrite(nan, 1, 4, file), 4);
    assert_int_equal(fclose(file), 0);
    xlstm_session_reset(session);
    assert_int_equal(xlstm_state_load(session, path, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "is not finite"));
    assert_int_equal(xlstm_session_position(session), 0);
    xlstm_session_destroy(session);
    small_model_destroy(s);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_its_members),      cmocka_unit_test(bad_items_change_nothing),
        cmocka_unit_test(settings_can_change),     cmocka_unit_test(greedy_is_the_largest_logit),
        cmocka_unit_test(no_finite_logit_is_told), cmocka_unit_test(every_block_of_a_state_is_looked_at),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}

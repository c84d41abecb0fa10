/* What sessions, batches, saved states and measurements do with a device that fails, and with one that chooses
 * tokens itself: the processor's backend, some of whose functions are replaced. */
#include "failing_memory.h"

#include <dirent.h>

#include <xlstm/convert.h>
#include <xlstm/tensor_file.h>
#include <xlstm/xlstm.h>

#include "base/error.h"
#include "runtime/session.h"
#include "small_model.h"

enum { VOCAB = 101, STEPS = 5, COUNT = 3 };

/* Calls until the one that fails; 0: none is to. */
static struct { int state_create, executor_create, state_get, state_set, state_copy, greedy; } left;
static size_t room;              /* sequences that the device's own choice has room for */
static size_t greedy_calls;      /* that it has made */
static size_t silent = SIZE_MAX; /* the place in `out` of which it says that no logit is finite */

static const xl_backend *real;
static xl_backend device;

static int fails(int *calls, const char *what, xlstm_error *err) {
    if (!*calls || --*calls) return XLSTM_OK;
    return xl_fail(err, XLSTM_EDEVICE, "the device fails: %s", what);
}

static int state_create(xl_state **out, const xl_plan *plan, xlstm_error *err) {
    *out = NULL;
    const int status = fails(&left.state_create, "a state", err);
    return status ? status : real->state_create(out, plan, err);
}

static int executor_create(xl_executor **out, const xl_plan *plan, const xlstm_settings *settings,
                           xlstm_error *err) {
    *out = NULL;
    const int status = fails(&left.executor_create, "an executor", err);
    return status ? status : real->executor_create(out, plan, settings, err);
}

static int state_get(const xl_state *state, int64_t block, float *c, float *n, float *m, xlstm_error *err) {
    const int status = fails(&left.state_get, "reading", err);
    return status ? status : real->state_get(state, block, c, n, m, err);
}

static int state_set(xl_state *state, int64_t block, const float *c, const float *n, const float *m,
                     xlstm_error *err) {
    const int status = fails(&left.state_set, "writing", err);
    return status ? status : real->state_set(state, block, c, n, m, err);
}

static int state_copy(xl_state *dst, const xl_state *src, xlstm_error *err) {
    const int status = fails(&left.state_copy, "copying", err);
    return status ? status : real->state_copy(dst, src, err);
}

static int greedy(xl_executor *executor, const xl_greedy *g, xlstm_error *err) {
    static float logits[COUNT * VOCAB];
    xl_feed feeds[COUNT];
    greedy_calls++;
    if (g->count > room) return xl_fail(err, XLSTM_EUNSUPPORTED, "%zu sequences, wanted %zu", g->count, room);
    int status = fails(&left.greedy, "choosing", err);
    for (size_t step = 0; step < g->steps && !status; step++) {
        int32_t *chosen = g->out + step * g->count;
        for (size_t i = 0; i < g->count; i++)
            feeds[i] = (xl_feed){.state = g->states[i],
                                 .ids = step ? &chosen[i] - g->count : &g->ids[i],
                                 .count = 1,
                                 .logit_rows = 1,
                                 .decode = true};
        const xl_batch batch = {
            .feeds = feeds, .count = g->count, .logits = logits, .cancel = g->cancel, .user = g->user};
        status = real->run(executor, &batch, err);
        for (size_t i = 0; i < g->count; i++) {
            const float *row = logits + i * VOCAB;
            chosen[i] = 0;
            for (int v = 1; v < VOCAB; v++) chosen[i] = row[v] > row[chosen[i]] ? v : chosen[i];
        }
    }
    if (silent < g->steps * g->count) g->out[silent] = -1;
    return status;
}

static size_t ahead = 4;
static size_t greedy_ahead(const xl_executor *executor) {
    return ahead;
}

/* A random model on the device with these functions; `chooses`: with its own choice of tokens. */
static small_model *model_on_device(uint64_t seed, bool chooses) {
    small_model *s = small_model_create(seed, NULL);
    real = s->model.backend;
    device = *real;
    device.state_create = state_create;
    device.executor_create = executor_create;
    device.state_get = state_get;
    device.state_set = state_set;
    device.state_copy = state_copy;
    device.greedy = chooses ? greedy : NULL;
    device.greedy_ahead = chooses ? greedy_ahead : NULL;
    s->model.backend = &device;
    memset(&left, 0, sizeof left);
    room = COUNT;
    greedy_calls = 0;
    silent = SIZE_MAX;
    ahead = 4;
    return s;
}

static xlstm_session *session_of(small_model *s) {
    xlstm_session *session;
    xlstm_error err;
    if (xlstm_session_create(&session, &s->model, NULL, &err)) fail_msg("%s", err.text);
    return session;
}

static void feed(xlstm_session *session, int32_t from, size_t n) {
    int32_t ids[16];
    assert_true(n <= 16);
    for (size_t i = 0; i < n; i++) ids[i] = (int32_t)((size_t)from + 7 * i) % VOCAB;
    assert_int_equal(xlstm_prefill(session, ids, n, XLSTM_LOGITS_NONE, NULL, NULL), XLSTM_OK);
}

/* The session says that it must be reset, and is as a new one then. */
static void assert_half_way(xlstm_session *session) {
    xlstm_error err;
    float c[1];
    assert_int_equal(xlstm_decode(session, 1, NULL, &err), XLSTM_EARG);
    assert_non_null(strstr(err.text, "half-way"));
    assert_int_equal(xlstm_state_get(session, 0, c, c, c, &err), XLSTM_EARG);
    xlstm_session_reset(session);
    assert_int_equal(xlstm_session_position(session), 0);
    assert_int_equal(xlstm_decode(session, 1, NULL, &err), XLSTM_OK);
}

static int files_in_folder(void) {
    int count = 0;
    DIR *dir = opendir(test_folder);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) count += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    closedir(dir);
    return count;
}

static void nothing_is_made_by_halves(void **state) {
    small_model *s = model_on_device(2, false);
    xlstm_session *session = (xlstm_session *)&left;
    xlstm_batch *batch = (xlstm_batch *)&left;
    xlstm_settings wrong;
    xlstm_error err;
    left.state_create = 1;
    assert_int_equal(xlstm_session_create(&session, &s->model, NULL, &err), XLSTM_EDEVICE);
    assert_string_equal(err.text, "the device fails: a state");
    assert_null(session);
    left.executor_create = 1;
    assert_int_equal(xlstm_session_create(&session, &s->model, NULL, &err), XLSTM_EDEVICE);
    assert_string_equal(err.text, "the device fails: an executor");
    assert_null(session);
    left.executor_create = 1;
    assert_int_equal(xlstm_batch_create(&batch, &s->model, NULL, &err), XLSTM_EDEVICE);
    assert_string_equal(err.text, "the device fails: an executor");
    assert_null(batch);
    xlstm_settings_init(&wrong, NULL);
    xlstm_settings_set(&wrong, XLSTM_TUNE_CHUNK_SIZE, 0);
    batch = (xlstm_batch *)&left;
    assert_int_equal(xlstm_batch_create(&batch, &s->model, &wrong, &err), XLSTM_EARG);
    assert_null(batch);
    session = (xlstm_session *)&left;
    assert_int_equal(xlstm_session_create(&session, &s->model, &wrong, &err), XLSTM_EARG);
    assert_null(session);
    xlstm_session_destroy(NULL);
    xlstm_batch_destroy(NULL);
    small_model_destroy(s);
}

/* A device that knows one kind of product alone says so in the settings that are in force. */
static void one_kind_of_product(void **state) {
    small_model *s = model_on_device(2, false);
    xlstm_settings settings;
    device.auto_compute = NULL;
    xlstm_settings_init(&settings, NULL);
    xlstm_settings_set(&settings, XLSTM_TUNE_COMPUTE, XLSTM_COMPUTE_BF16);
    xlstm_session *session;
    assert_int_equal(xlstm_session_create(&session, &s->model, &settings, NULL), XLSTM_OK);
    xlstm_session_settings(session, &settings);
    assert_int_equal(xlstm_settings_get(&settings, XLSTM_TUNE_COMPUTE), XLSTM_COMPUTE_F32);
    assert_int_equal(xlstm_session_schedule_value(session, "no such key"), -1);
    xlstm_session_destroy(session);
    small_model_destroy(s);
}

/* The tokens that a device chooses are those that the host would, and leave sessions where the host would. */
static void a_device_that_chooses(void **state) {
    small_model *s = model_on_device(2, true);
    xlstm_batch *batch;
    xlstm_session *sessions[COUNT];
    xlstm_error err;
    const int32_t first[COUNT] = {5, 50, 100};
    int32_t wanted[STEPS * COUNT], out[STEPS * COUNT];
    assert_int_equal(xlstm_batch_create(&batch, &s->model, NULL, NULL), XLSTM_OK);
    for (int i = 0; i < COUNT; i++) sessions[i] = session_of(s);
    /* By the host; by the device; by the host where the device has no room for so many, or would take one step at a
     * time. */
    static const struct {
        bool own;
        size_t room, ahead, calls;
    } ways[] = {{false, COUNT, 4, 0}, {true, COUNT, 4, 1}, {true, COUNT - 1, 4, 1}, {true, COUNT, 1, 0}};
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
        device.greedy = ways[way].own ? greedy : NULL;
        room = ways[way].room;
        ahead = ways[way].ahead;
        greedy_calls = 0;
        for (int i = 0; i < COUNT; i++) {
            xlstm_session_reset(sessions[i]);
            feed(sessions[i], i, (size_t)i + 1);
            assert_int_equal(xlstm_session_set_pending(sessions[i], 3, NULL), XLSTM_OK);
        }
        assert_int_equal(xlstm_greedy_ahead(sessions[0]), ways[way].own ? ways[way].ahead : 1);
        assert_int_equal(xlstm_batch_greedy(batch, sessions, first, COUNT, way ? out : wanted, STEPS, &err),
                         XLSTM_OK);
        assert_int_equal(greedy_calls, ways[way].calls);
        if (way) assert_memory_equal(out, wanted, sizeof out);
        for (int i = 0; i < COUNT; i++) {
            assert_int_equal(xlstm_session_position(sessions[i]), i + 1 + STEPS);
            assert_int_equal(xlstm_session_pending(sessions[i]), -1);
        }
        /* They go on alike too. */
        static float logits[VOCAB], host[VOCAB];
        assert_int_equal(xlstm_decode(sessions[1], 9, way ? logits : host, NULL), XLSTM_OK);
        if (way) assert_true(test_relative_error(logits, host, VOCAB) < 1e-5);
    }
    /* One session by itself; no step at all; an id that there is not. */
    int32_t alone[STEPS], none = -7;
    ahead = 4;
    xlstm_session_reset(sessions[1]);
    feed(sessions[1], 1, 2);
    assert_int_equal(xlstm_decode_greedy(sessions[1], first[1], &none, 0, &err), XLSTM_OK);
    assert_int_equal(xlstm_decode_greedy(sessions[1], VOCAB, &none, 1, &err), XLSTM_EARG);
    assert_true(none == -7 && xlstm_session_position(sessions[1]) == 2);
    assert_int_equal(xlstm_decode_greedy(sessions[1], first[1], alone, STEPS, &err), XLSTM_OK);
    for (int i = 0; i < STEPS; i++) assert_int_equal(alone[i], wanted[i * COUNT + 1]);
    for (int i = 0; i < COUNT; i++) xlstm_session_destroy(sessions[i]);
    xlstm_batch_destroy(batch);
    small_model_destroy(s);
}

static void a_choice_that_fails(void **state) {
    small_model *s = model_on_device(2, true);
    xlstm_batch *batch;
    xlstm_session *sessions[2] = {session_of(s), session_of(s)};
    xlstm_error err;
    const int32_t first[] = {5, 50};
    int32_t out[STEPS * 2];
    assert_int_equal(xlstm_batch_create(&batch, &s->model, NULL, NULL), XLSTM_OK);
    left.greedy = 1;
    assert_int_equal(xlstm_batch_greedy(batch, sessions, first, 2, out, STEPS, &err), XLSTM_EDEVICE);
    assert_string_equal(err.text, "the device fails: choosing");
    for (int i = 0; i < 2; i++) assert_half_way(sessions[i]);
    /* No finite logit at the third step of the second session, which has been fed six tokens before. */
    xlstm_session_reset(sessions[1]);
    feed(sessions[1], 3, 6);
    silent = 2 * 2 + 1;
    assert_int_equal(xlstm_batch_greedy(batch, sessions, first, 2, out, STEPS, &err), XLSTM_ENOTFINITE);
    assert_non_null(strstr(err.text, "after token 8 (counted from 0)"));
    for (int i = 0; i < 2; i++) {
        assert_half_way(sessions[i]);
        xlstm_session_destroy(sessions[i]);
    }
    xlstm_batch_destroy(batch);
    small_model_destroy(s);
}

typedef struct greedy_call {
    small_model *model;
    xlstm_session *session;
    int32_t out[STEPS];
} greedy_call;

static int choose(void *user, xlstm_error *err) {
    greedy_call *c = user;
    int32_t out[STEPS];
    xlstm_session_reset(c->session);
    const int status = xlstm_decode_greedy(c->session, 5, out, STEPS, err);
    if (!status) assert_memory_equal(out, c->out, sizeof out);
    return status;
}

static void choosing_without_memory(void **state) {
    if (!TEST_MEMORY_FAILS) TEST_SKIP("the allocator cannot be replaced here");
    small_model *s = model_on_device(2, true);
    greedy_call c = {.model = s, .session = session_of(s)};
    assert_int_equal(xlstm_decode_greedy(c.session, 5, c.out, STEPS, NULL), XLSTM_OK);
    for (ahead = 1; ahead <= 4; ahead += 3) {
        const memory_tally tally = memory_each_fails("choose", choose, &c, true, NULL);
        assert_true(tally.told >= 2);
    }
    xlstm_session_destroy(c.session);
    small_model_destroy(s);
}

/* Whatever call fails while a state is on its way, the file is the old one, and a session that has got a part of a
 * state says so. */
static void states_on_their_way(void **state) {
    small_model *s = model_on_device(2, false), *twin = model_on_device(2, false);
    xlstm_session *from = session_of(s), *to = session_of(s), *far = session_of(twin);
    char *path = test_path("state.safetensors");
    xlstm_error err;
    const int blocks = (int)s->model.hparams.num_blocks, files = files_in_folder();
    feed(from, 3, 9);
    for (int block = 1; block <= blocks; block++) {
        left.state_get = block;
        assert_int_equal(xlstm_state_save(from, path, &err), XLSTM_EDEVICE);
        assert_string_equal(err.text, "the device fails: reading");
        assert_int_equal(files_in_folder(), files);
    }
    assert_int_equal(xlstm_state_save(from, path, &err), XLSTM_OK);
    for (int block = 1; block <= blocks; block++) {
        left.state_set = block;
        assert_int_equal(xlstm_state_load(to, path, &err), XLSTM_EDEVICE);
        assert_string_equal(err.text, "the device fails: writing");
        assert_half_way(to);
        left.state_get = block;
        assert_int_equal(xlstm_session_copy_state(far, from, &err), XLSTM_EDEVICE);
        assert_half_way(far);
        left.state_set = block;
        assert_int_equal(xlstm_session_copy_state(far, from, &err), XLSTM_EDEVICE);
        assert_half_way(far);
    }
    left.state_copy = 1;
    assert_int_equal(xlstm_session_copy_state(to, from, &err), XLSTM_EDEVICE);
    /* Nothing comes from a session that has a part of a state; from a whole one all is well again. */
    assert_int_equal(xlstm_session_copy_state(far, to, &err), XLSTM_EARG);
    assert_int_equal(xlstm_session_position(far), 1);
    assert_int_equal(xlstm_session_copy_state(to, from, &err), XLSTM_OK);
    assert_int_equal(xlstm_session_copy_state(far, from, &err), XLSTM_OK);
    assert_int_equal(xlstm_session_copy_state(from, from, &err), XLSTM_OK);
    float a[VOCAB], b[VOCAB];
    assert_int_equal(xlstm_decode(from, 7, a, NULL), XLSTM_OK);
    xlstm_session *others[] = {to, far};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(xlstm_decode(others[i], 7, b, NULL), XLSTM_OK);
        assert_memory_equal(a, b, sizeof a);
    }
    free(path);
    xlstm_session_destroy(from);
    xlstm_session_destroy(to);
    xlstm_session_destroy(far);
    small_model_destroy(s);
    small_model_destroy(twin);
}

/* A state that holds a value that is not finite is not saved, and the file of before stays. */
static void a_state_that_is_not_finite(void **state) {
    small_model *s = model_on_device(2, false);
    const xlstm_hparams *hp = &s->model.hparams;
    xlstm_session *session = session_of(s);
    char *path = test_path("kept.safetensors");
    xlstm_error err;
    const size_t keys = (size_t)hp->qk_dim, values = keys * (size_t)hp->v_head;
    float *c = calloc(values + keys + (size_t)hp->num_heads, sizeof *c), *n = c + values, *m = n + keys;
    feed(session, 3, 9);
    assert_int_equal(xlstm_state_save(session, path, &err), XLSTM_OK);
    float *const places[] = {&c[values - 1], &n[keys - 1], &m[hp->num_heads - 1]};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(xlstm_state_load(session, path, &err), XLSTM_OK);
        *places[i] = i ? NAN : INFINITY;
        assert_int_equal(real->state_set(session->state, 1, c, n, m, NULL), XLSTM_OK);
        *places[i] = 0;
        const int files = files_in_folder();
        assert_int_equal(xlstm_state_save(session, path, &err), XLSTM_ENOTFINITE);
        const char *wanted = (const char *[]){"state.1.c", "state.1.n", "state.1.m"}[i];
        if (!strstr(err.text, wanted)) fail_msg("%s: %s", wanted, err.text);
        assert_int_equal(files_in_folder(), files);
        xlstm_session_reset(session);
        assert_int_equal(xlstm_state_load(session, path, &err), XLSTM_OK);
        assert_int_equal(xlstm_session_position(session), 9);
    }
    free(c);
    free(path);
    xlstm_session_destroy(session);
    small_model_destroy(s);
}

/* ---- the importance of columns ---- */

static uint64_t seen[8][2];
static size_t reports;
static void report(void *user, uint64_t done, uint64_t total) {
    if (reports < 8) seen[reports][0] = done, seen[reports][1] = total;
    reports++;
}

static int at_once(void *user) {
    return 1;
}

/* The values of a tensor in a file of importance; owned by the caller. */
static float *importance_in(const char *path, const char *name, int64_t cols) {
    xlstm_tensor_file *file;
    xlstm_error err;
    if (xlstm_tensor_file_open(&file, path, &err)) fail_msg("%s", err.text);
    const xlstm_tensor *t = xlstm_tensor_file_find(file, name);
    if (!t) fail_msg("%s is missing", name);
    assert_true(t->dtype == XLSTM_F32 && t->rank == 1 && t->shape[0] == cols);
    float *values = calloc((size_t)cols, sizeof *values);
    memcpy(values, t->data, (size_t)cols * sizeof *values);
    xlstm_tensor_file_close(file);
    return values;
}

/* Mean squares over all tokens: those of a text are the mean of its tokens', where a product's input depends on its
 * own token alone. */
static void importance_is_a_mean_of_squares(void **state) {
    enum { LONG = 300 };
    small_model *s = model_on_device(2, false);
    const xlstm_hparams *hp = &s->model.hparams;
    static const char name[] = "backbone.blocks.0.mlstm_layer.q.weight";
    char *path = test_path("importance.safetensors");
    xlstm_error err;
    int32_t ids[LONG];
    double sum[64] = {0};
    for (int i = 0; i < LONG; i++) ids[i] = i % 2 ? 11 : 60;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(xlstm_importance_write(path, &s->model, &ids[i], 1, NULL, NULL, NULL, &err), XLSTM_OK);
        float *one = importance_in(path, name, hp->embedding_dim);
        for (int64_t j = 0; j < hp->embedding_dim; j++) sum[j] += (double)one[j] / 2;
        free(one);
    }
    reports = 0;
    assert_int_equal(xlstm_importance_write(path, &s->model, ids, LONG, report, NULL, NULL, &err), XLSTM_OK);
    float *all = importance_in(path, name, hp->embedding_dim);
    for (int64_t j = 0; j < hp->embedding_dim; j++) {
        assert_true(all[j] > 0);
        if (fabs((double)all[j] - sum[j]) > 1e-5 * sum[j]) fail_msg("%g, wanted %g", (double)all[j], sum[j]);
    }
    free(all);
    assert_int_equal(reports, 3);
    assert_true(seen[0][0] == 128 && seen[1][0] == 256 && seen[2][0] == LONG && seen[2][1] == LONG);
    free(importance_in(path, "lm_head.weight", hp->embedding_dim));
    free(importance_in(path, "backbone.blocks.2.ffn.proj_down.weight", hp->ffn_dim));
    free(path);
    small_model_destroy(s);
}

static void importance_that_is_refused(void **state) {
    small_model *s = model_on_device(2, false);
    char *path = test_path("refused.safetensors");
    xlstm_error err;
    const int32_t ids[] = {3, VOCAB};
    const int files = files_in_folder();
    assert_int_equal(xlstm_importance_write(path, &s->model, ids, 0, NULL, NULL, NULL, &err), XLSTM_EARG);
    assert_non_null(strstr(err.text, "no tokens"));
    assert_int_equal(xlstm_importance_write(path, &s->model, ids, 2, NULL, NULL, NULL, &err), XLSTM_EARG);
    assert_non_null(strstr(err.text, "token 1: id 101"));
    assert_int_equal(xlstm_importance_write(path, &s->model, ids, 1, NULL, at_once, NULL, &err), XLSTM_ECANCELLED);
    left.executor_create = 1;
    assert_int_equal(xlstm_importance_write(path, &s->model, ids, 1, NULL, NULL, NULL, &err), XLSTM_EDEVICE);
    device.observe = NULL;
    s->model.info.device = "abacus";
    assert_int_equal(xlstm_importance_write(path, &s->model, ids, 1, NULL, NULL, NULL, &err), XLSTM_EUNSUPPORTED);
    assert_non_null(strstr(err.text, "device 'abacus' does not show its inputs"));
    device.observe = real->observe;
    assert_int_equal(files_in_folder(), files);
    free(path);
    path = test_path("no folder/i");
    assert_int_not_equal(xlstm_importance_write(path, &s->model, ids, 1, NULL, NULL, NULL, &err), XLSTM_OK);
    assert_non_null(strstr(err.text, path));
    free(path);
    small_model_destroy(s);
}

static int measure_importance(void *user, xlstm_error *err) {
    static const int32_t ids[] = {3, 60};
    small_model *s = user;
    char path[96];
    snprintf(path, sizeof path, "%s/memory.safetensors", test_folder);
    return xlstm_importance_write(path, &s->model, ids, 2, NULL, NULL, NULL, err);
}

static void importance_without_memory(void **state) {
    if (!TEST_MEMORY_FAILS) TEST_SKIP("the allocator cannot be replaced here");
    small_model *s = model_on_device(2, false);
    const memory_tally tally = memory_each_fails("importance", measure_importance, s, true, NULL);
    assert_true(tally.told >= 20);
    small_model_destroy(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_made_by_halves),  cmocka_unit_test(one_kind_of_product),
        cmocka_unit_test(a_device_that_chooses),      cmocka_unit_test(a_choice_that_fails),
        cmocka_unit_test(choosing_without_memory),    cmocka_unit_test(states_on_their_way),
        cmocka_unit_test(a_state_that_is_not_finite), cmocka_unit_test(importance_is_a_mean_of_squares),
        cmocka_unit_test(importance_that_is_refused), cmocka_unit_test(importance_without_memory),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}

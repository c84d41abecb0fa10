/* Every allocation of the engine's calls fails in turn: opening checkpoints and tokenizers, encoding, chat
 * templates, sessions, batches, saved states. Each failure is told and leaves nothing in memory; a call that can do
 * without gives what it gives otherwise. */
#include "failing_memory.h"

#include <xlstm/xlstm.h>

#include "tuner/target/engine.h"

#define DATA XL_SOURCE_DIR "/tests/data/"
#define DEMO XL_SOURCE_DIR "/models/tiny-literature"

/* Before anything is allocated that the rest of the test would give back. */
static void need_failing_memory(void) {
    if (!TEST_MEMORY_FAILS) TEST_SKIP("the allocator cannot be replaced here");
}

static void told(const char *name, memory_call make, const void *user, int least) {
    const memory_tally tally = memory_each_fails(name, make, (void *)(uintptr_t)user, true, NULL);
    if (tally.told < least) fail_msg("%s: %d failures told, %d not", name, tally.told, tally.survived);
}

/* ---- checkpoints ---- */

typedef struct opening {
    const char *dir;
    int64_t weights, huge_pages;
    uint64_t resident; /* bytes, of an undisturbed opening; 0: not known yet */
} opening;

static int open_model(void *user, xlstm_error *err) {
    opening *o = user;
    xlstm_settings settings;
    xlstm_settings_init(&settings, NULL);
    xlstm_settings_set(&settings, XLSTM_TUNE_WEIGHTS, o->weights);
    xlstm_settings_set(&settings, XLSTM_TUNE_HUGE_PAGES, o->huge_pages);
    xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, 1);
    const xlstm_model_options options = {.settings = &settings};
    xlstm_model *m;
    xlstm_model_info info;
    const int status = xlstm_model_open(&m, o->dir, &options, err);
    if (status) {
        assert_null(m);
        return status;
    }
    xlstm_model_get_info(m, &info);
    if (!o->resident) o->resident = info.resident_bytes;
    assert_int_equal(info.resident_bytes, o->resident);
    xlstm_model_close(m);
    return status;
}

static int inspect(void *user, xlstm_error *err) {
    xlstm_hparams hparams;
    xlstm_model_info info;
    const int status = xlstm_checkpoint_inspect(user, &hparams, &info, err);
    if (!status) assert_int_equal(strlen(info.fingerprint), 64);
    return status;
}

static void checkpoints(void **state) {
    need_failing_memory();
    opening ways[] = {{DATA "f32-sharded", XLSTM_WEIGHTS_STORED, XLSTM_HUGE_PAGES_OFF, 0},
                      {DATA "f32-sharded", 4, XLSTM_HUGE_PAGES_AUTO, 0}, /* q8_0 */
                      {DATA "f16-fused-bias", XLSTM_WEIGHTS_STORED, XLSTM_HUGE_PAGES_ON, 0},
                      {DATA "hf/tied", XLSTM_WEIGHTS_STORED, XLSTM_HUGE_PAGES_OFF, 0},
                      {DATA "bf16-native-names", 1, XLSTM_HUGE_PAGES_OFF, 0}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        xlstm_error err;
        if (open_model(&ways[i], &err)) fail_msg("%s", err.text);
        told(ways[i].dir, open_model, &ways[i], 20);
        told("inspect", inspect, ways[i].dir, 10);
    }
}

/* ---- texts ---- */

static xlstm_tokenizer *tokenizer;
static const char text[] =
    "It was the best of times, it was the worst of times; \xc3\xa9t\xc3\xa9 \xf0\x9f\x99\x82.\n";

static int open_tokenizer(void *user, xlstm_error *err) {
    xlstm_tokenizer *t = NULL;
    const int status = xlstm_tokenizer_open(&t, user, err);
    if (status) {
        assert_null(t);
        return status;
    }
    assert_int_equal(xlstm_tokenizer_size(t), xlstm_tokenizer_size(tokenizer));
    assert_int_equal(xlstm_tokenizer_bos(t), xlstm_tokenizer_bos(tokenizer));
    assert_int_equal(xlstm_tokenizer_eos(t), xlstm_tokenizer_eos(tokenizer));
    for (int32_t id = 0; id < xlstm_tokenizer_size(t); id++) {
        assert_int_equal(xlstm_tokenizer_ends_text(t, id), xlstm_tokenizer_ends_text(tokenizer, id));
        assert_int_equal(xlstm_tokenizer_is_special(t, id), xlstm_tokenizer_is_special(tokenizer, id));
    }
    xlstm_tokenizer_close(t);
    return status;
}

static int there_and_back(void *user, xlstm_error *err) {
    int32_t *ids = NULL;
    size_t count, bytes;
    char *back = NULL;
    int status = xlstm_tokenizer_encode(tokenizer, text, sizeof text - 1, false, &ids, &count, err);
    if (status) return status;
    status = xlstm_tokenizer_decode(tokenizer, ids, count, true, &back, &bytes, err);
    if (!status) {
        assert_int_equal(bytes, sizeof text - 1);
        assert_memory_equal(back, text, bytes);
    }
    free(back);
    xlstm_decoder *d = NULL;
    if (!status) status = xlstm_decoder_create(&d, tokenizer, true, err);
    size_t whole = 0;
    for (size_t i = 0; i < count && !status; i++) {
        const char *piece;
        status = xlstm_decoder_push(d, ids[i], &piece, &bytes, err);
        if (!status) whole += bytes;
    }
    if (!status) assert_int_equal(whole, sizeof text - 1);
    xlstm_decoder_destroy(d);
    free(ids);
    return status;
}

static void texts(void **state) {
    need_failing_memory();
    told("open a tokenizer", open_tokenizer, DEMO, 40);
    told("encode and decode", there_and_back, NULL, 5);
}

typedef struct chat_case {
    const char *source, *name, *tokens, *variables, *wanted;
    bool prompt;
} chat_case;

static int chat(void *user, xlstm_error *err) {
    const chat_case *c = user;
    xlstm_chat_template *t = NULL;
    char *written = NULL;
    size_t bytes;
    int status = xlstm_chat_template_parse(&t, c->source, strlen(c->source), c->name, c->tokens, err);
    if (status) {
        assert_null(t);
        return status;
    }
    status = xlstm_chat_render(t, NULL, 0, c->prompt, c->variables, &written, &bytes, err);
    if (!status) assert_string_equal(written, c->wanted);
    free(written);
    xlstm_chat_template_close(t);
    return status;
}

/* Of each template in the goldens the first case that is no refusal. */
static void chats(void **state) {
    need_failing_memory();
    char *data = test_read(XL_SOURCE_DIR, "tests/data/chat-templates.json");
    json_t *goldens = json_loads(data, JSON_ALLOW_NUL, NULL), *one;
    char *tokens = json_dumps(json_object_get(goldens, "tokens"), 0);
    size_t i;
    int tried = 0;
    json_array_foreach(json_object_get(goldens, "chats"), i, one) {
        json_t *first = json_array_get(json_object_get(one, "cases"), 0);
        if (!json_is_string(json_object_get(first, "text"))) continue;
        json_t *variables = json_deep_copy(json_object_get(first, "variables"));
        json_object_set(variables, "messages", json_object_get(first, "messages"));
        char *given = json_dumps(variables, 0);
        const chat_case c = {.source = json_string_value(json_object_get(one, "template")),
                             .name = json_string_value(json_object_get(one, "name")),
                             .tokens = tokens,
                             .variables = given,
                             .wanted = json_string_value(json_object_get(first, "text")),
                             .prompt = json_is_true(json_object_get(first, "add_generation_prompt"))};
        if (tried++ < 8) told(c.name, chat, &c, 5);
        json_decref(variables);
        free(given);
    }
    assert_true(tried > 3);
    free(tokens);
    json_decref(goldens);
    free(data);
}

/* Each filter and method over values of many blocks of memory, so that it runs out in the middle of it. Nothing is
 * written but a number, so that it is not the output alone that fails. */
static void long_values_in_templates(void **state) {
    need_failing_memory();
    static const char *const pieces[] = {
        "l | list",
        "l | reverse | list",
        "l | sort",
        "m | sort(attribute='x')",
        "l | unique | list",
        "l | map('string') | list",
        "m | map(attribute='x') | list",
        "l | select | list",
        "m | rejectattr('y') | list",
        "l + l",
        "l * 3",
        "l[::-1]",
        "l | join(',')",
        "l | tojson",
        "l | tojson(indent=2)",
        "l | string",
        "(l | string).split()",
        "t.split(',')",
        "t.rsplit(',', 900)",
        "t.splitlines(true)",
        "t.replace('a', 'bcd')",
        "t.replace('', '-')",
        "t.upper()",
        "t.title()",
        "t.capitalize()",
        "t | title",
        "t | e",
        "t | indent(2)",
        "t | reverse",
        "t | list",
        "t[::-1]",
        "t * 2",
        "t + t",
        "t ~ 1 ~ t",
        "[t] | string",
        "[t] | tojson(ensure_ascii=true)",
        "t.join(['a', 'b', 'c'])",
        "'{}{}'.format(t, t)",
        "d | list",
        "d.items() | list",
        "d.values() | list",
        "d | dictsort",
        "d | tojson(sort_keys=true)",
        "d | string",
        "dict(d)",
        "range(3000) | list",
    };
    json_t *list = json_array(), *dict = json_object(), *members = json_array(), *given = json_object();
    char line[2400];
    for (int i = 0; i < 700; i++) {
        char name[16];
        snprintf(name, sizeof name, "k%d", i);
        json_array_append_new(list, json_integer(i * 7 % 50));
        json_object_set_new(dict, name, json_integer(i));
        json_array_append_new(members, json_pack("{s:i}", "x", i * 7 % 50));
        snprintf(line + 3 * i, sizeof line - 3 * (size_t)i, "%s", i % 40 ? "a, " : "é\n");
    }
    json_object_set_new(given, "l", list);
    json_object_set_new(given, "d", dict);
    json_object_set_new(given, "m", members);
    json_object_set_new(given, "long", json_string(line));
    char *variables = json_dumps(given, 0);
    int failed = 0;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        /* The value is made, and then its length alone is written. */
        char *source = xl_format("{%% set t = long * 6 %%}{%% set v = (%s) %%}{{ v | length }}", pieces[i]),
             *wanted;
        xlstm_chat_template *t = NULL;
        size_t bytes;
        xlstm_error err;
        if (xlstm_chat_template_parse(&t, source, strlen(source), "piece", NULL, &err)) fail_msg("%s", err.text);
        if (xlstm_chat_render(t, NULL, 0, false, variables, &wanted, &bytes, &err))
            fail_msg("%s: %s", pieces[i], err.text);
        assert_true(atoi(wanted) >= 50);
        xlstm_chat_template_close(t);
        const chat_case c = {.source = source, .name = "piece", .variables = variables, .wanted = wanted};
        const memory_tally tally = memory_each_fails(pieces[i], chat, (void *)(uintptr_t)&c, true, NULL);
        if (tally.survived > 1) /* the C library sorts without memory too */
            fail_msg("%s: %d failures were not told", pieces[i], tally.survived);
        failed += tally.told;
        free(wanted);
        free(source);
    }
    assert_true(failed > 1000);
    free(variables);
    json_decref(given);
}

/* ---- sessions ---- */

static xlstm_model *model;
static xlstm_settings alone; /* one thread */
static char *saved;
static int32_t first_choice;

static int32_t largest(const float *logits, int64_t n) {
    int32_t best = 0;
    for (int64_t i = 1; i < n; i++) best = logits[i] > logits[best] ? (int32_t)i : best;
    return best;
}

static int generate(void *user, xlstm_error *err) {
    static const int32_t prompt[] = {5, 9, 2, 7, 1, 3};
    const int64_t vocab = xlstm_model_hparams(model)->vocab_size;
    static float logits[65536];
    const xlstm_sampling sampling = {
        .temperature = 0.8, .top_k = 40, .top_p = 0.9, .repetition_penalty = 1.1, .repeat_last_n = 16};
    xlstm_session *s = NULL, *other = NULL;
    xlstm_sampler *sampler = NULL;
    assert_true(vocab <= 65536);
    int status = xlstm_session_create(&s, model, &alone, err);
    if (!status) status = xlstm_sampler_create(&sampler, &sampling, vocab, err);
    if (!status) status = xlstm_prefill(s, prompt, 6, XLSTM_LOGITS_LAST, logits, err);
    if (!status && first_choice < 0) first_choice = largest(logits, vocab);
    if (!status) assert_int_equal(largest(logits, vocab), first_choice);
    if (!status) status = xlstm_decode(s, first_choice, logits, err);
    if (!status) status = xlstm_session_set_pending(s, largest(logits, vocab), err);
    if (!status) status = xlstm_state_save_with(s, sampler, saved, err);
    if (!status) status = xlstm_session_create(&other, model, &alone, err);
    if (!status) status = xlstm_state_load_with(other, sampler, saved, err);
    if (!status) {
        assert_int_equal(xlstm_session_position(other), 7);
        assert_int_equal(xlstm_session_pending(other), xlstm_session_pending(s));
    }
    xlstm_session_destroy(other);
    xlstm_session_destroy(s);
    xlstm_sampler_destroy(sampler);
    return status;
}

static int together(void *user, xlstm_error *err) {
    static const int32_t prompts[2][3] = {{5, 9, 2}, {7, 1, 3}};
    static float logits[2 * 65536];
    xlstm_session *s[2] = {NULL, NULL};
    xlstm_batch *batch = NULL;
    int status = xlstm_batch_create(&batch, model, &alone, err);
    for (int i = 0; i < 2 && !status; i++) status = xlstm_session_create(&s[i], model, &alone, err);
    const xlstm_batch_item items[] = {{s[0], prompts[0], 3, XLSTM_LOGITS_LAST},
                                      {s[1], prompts[1], 3, XLSTM_LOGITS_LAST}};
    if (!status) status = xlstm_batch_run(batch, items, 2, logits, err);
    int32_t next[2] = {1, 2}, chosen[4];
    if (!status) status = xlstm_batch_greedy(batch, s, next, 2, chosen, 2, err);
    if (!status) assert_int_equal(xlstm_session_position(s[1]), 5);
    for (int i = 0; i < 2; i++) xlstm_session_destroy(s[i]);
    xlstm_batch_destroy(batch);
    return status;
}

static void sessions(void **state) {
    need_failing_memory();
    xlstm_error err;
    saved = test_path("state");
    first_choice = -1;
    if (generate(NULL, &err)) fail_msg("%s", err.text);
    told("generate", generate, NULL, 30);
    told("a batch", together, NULL, 10);
    free(saved);
}

static void settings_of(void *ctx, int64_t candidate, xlstm_settings *out) {
    *out = alone;
}

/* Measures the baseline, and where that fails once more: what could not be allocated is allocated then, and scores
 * are what they are otherwise. */
static int scored(void *user, xlstm_error *err) {
    static const int32_t ids[] = {5, 9, 2, 7, 1, 3};
    static double ppl = NAN;
    const tune_engine_options o = {.model_dir = DATA "f32-sharded",
                                   .ids = ids,
                                   .count = 6,
                                   .new_tokens = 2,
                                   .score = true,
                                   .max_kl = INFINITY,
                                   .settings_of = settings_of};
    tune_engine *e;
    tune_reading reading;
    tune_outcome outcome;
    xlstm_error again;
    int status = tune_engine_create(&e, &o, err);
    if (status) return status;
    status = tune_engine_measure(e, TUNE_BASELINE, 1, INFINITY, &reading, err);
    if (status && tune_engine_measure(e, TUNE_BASELINE, 1, INFINITY, &reading, &again)) fail_msg("%s", again.text);
    int failed = tune_engine_measure(e, 0, 1, INFINITY, &reading, &again);
    if (status && failed) fail_msg("%s", again.text);
    if (!status && failed) *err = again;
    if (!failed) failed = tune_engine_outcome(e, 0, &outcome, err);
    if (!failed) {
        tune_named_clear(&outcome.in_force);
        if (isnan(ppl)) ppl = outcome.metric[TUNE_PPL];
        assert_true(ppl > 1 && outcome.metric[TUNE_PPL] == ppl && outcome.metric[TUNE_KL] == 0);
    }
    tune_engine_destroy(e);
    return status ? status : failed;
}

static void candidates(void **state) {
    need_failing_memory();
    xlstm_error err;
    if (scored(NULL, &err)) fail_msg("%s", err.text);
    told("candidates", scored, NULL, 10);
}

static int open_all(void **state) {
    xlstm_error err;
    xlstm_settings_init(&alone, NULL);
    xlstm_settings_set(&alone, XLSTM_TUNE_WORKERS, 1);
    xlstm_settings_set(&alone, XLSTM_TUNE_DECODE_WORKERS, 1);
    const xlstm_model_options options = {.settings = &alone};
    return test_make_folder(state) || xlstm_tokenizer_open(&tokenizer, DEMO, &err) ||
           xlstm_model_open(&model, DATA "f32-sharded", &options, &err);
}

static int close_all(void **state) {
    xlstm_model_close(model);
    xlstm_tokenizer_close(tokenizer);
    return test_remove_folder(state);
}

int main(void) {
    memory_spare_json();
    const struct CMUnitTest tests[] = {cmocka_unit_test(checkpoints), cmocka_unit_test(texts),
                                       cmocka_unit_test(chats),       cmocka_unit_test(long_values_in_templates),
                                       cmocka_unit_test(sessions),    cmocka_unit_test(candidates)};
    return cmocka_run_group_tests(tests, open_all, close_all);
}

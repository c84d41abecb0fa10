/* The same seed, build and device give the same tokens and the same proposals, however the work is divided: across
 * 1 to 16 workers, chunk sizes, segments, orders of the cell's work, and batches. */
#include <xlstm/xlstm.h>

#include "simulation.h"
#include "small_model.h"
#include "tuner/landscape/replay.h"

enum { VOCAB = 101, LONGEST = 150, NEW = 12, WORKERS = 16, MEMBERS = 5 };
/* Rounding of float32; two logits of these texts are never as near as that to one another where both could be
 * taken. */
static const double tolerance = 1e-4;

static const int32_t *prompt_of(xl_rng *rng, size_t n) {
    static int32_t ids[LONGEST];
    for (size_t i = 0; i < n; i++) ids[i] = (int32_t)xl_rng_below(rng, VOCAB);
    return ids;
}

static xlstm_settings settings_of(const small_model *s, xl_rng *rng, int64_t workers) {
    static const int64_t chunks[] = {1, 3, 16, 64, 1000}, segments[] = {1, 9, 64, 512};
    xlstm_settings o;
    xlstm_settings_init(&o, &s->model.hparams);
    xlstm_settings_set(&o, XLSTM_TUNE_COMPUTE, XLSTM_COMPUTE_F32);
    xlstm_settings_set(&o, XLSTM_TUNE_SCHEDULER, (int64_t)xl_rng_below(rng, 3));
    xlstm_settings_set(&o, XLSTM_TUNE_CHUNK_SIZE, chunks[xl_rng_below(rng, 5)]);
    xlstm_settings_set(&o, XLSTM_TUNE_SEGMENT, segments[xl_rng_below(rng, 4)]);
    xlstm_settings_set(&o, XLSTM_TUNE_HEADS_PER_BAND, 1 + (int64_t)xl_rng_below(rng, 3));
    xlstm_settings_set(&o, XLSTM_TUNE_WORKERS, workers);
    xlstm_settings_set(&o, XLSTM_TUNE_DECODE_WORKERS, workers);
    return o;
}

typedef struct text {
    int32_t ids[NEW];
    float logits[NEW][VOCAB]; /* from which each was drawn */
} text;

/* Feeds the prompt and draws NEW tokens. */
static void generate(small_model *s, const xlstm_settings *settings, const xlstm_sampling *sampling,
                     const int32_t *prompt, size_t n, text *out) {
    xlstm_session *session;
    xlstm_sampler *sampler;
    assert_int_equal(xlstm_session_create(&session, &s->model, settings, NULL), 0);
    assert_int_equal(xlstm_sampler_create(&sampler, sampling, VOCAB, NULL), 0);
    assert_int_equal(xlstm_prefill(session, prompt, n, XLSTM_LOGITS_LAST, out->logits[0], NULL), 0);
    for (int i = 0; i < NEW; i++) {
        if (i) assert_int_equal(xlstm_decode(session, out->ids[i - 1], out->logits[i], NULL), 0);
        out->ids[i] = xlstm_sampler_draw(sampler, out->logits[i]);
        xlstm_sampler_accept(sampler, out->ids[i]);
    }
    xlstm_sampler_destroy(sampler);
    xlstm_session_destroy(session);
}

static xlstm_sampling sampling_of(int round) {
    return (xlstm_sampling){.temperature = round % 2, .top_p = 1, .repetition_penalty = 1, .seed = (uint64_t)round};
}

static void assert_same_text(const text *got, const text *want) {
    for (int i = 0; i < NEW; i++) {
        assert_true(test_relative_error(got->logits[i], want->logits[i], VOCAB) <= tolerance);
        assert_int_equal(got->ids[i], want->ids[i]);
    }
}

static void tokens_of_any_division(void **state) {
    small_model *s = small_model_create(2, NULL);
    xl_rng rng;
    xl_rng_seed(&rng, 11);
    static text want, got;
    int differ = 0;
    for (int round = 0; round < 8; round++) {
        const size_t n = 1 + xl_rng_below(&rng, LONGEST);
        const int32_t *prompt = prompt_of(&rng, n);
        xlstm_sampling sampling = sampling_of(round);
        xlstm_settings settings = settings_of(s, &rng, 3);
        generate(s, &settings, &sampling, prompt, n, &want);
        /* The very same again: no bit depends on which thread was quicker. */
        generate(s, &settings, &sampling, prompt, n, &got);
        assert_memory_equal(&got, &want, sizeof want);
        for (int workers = 1; workers <= WORKERS; workers++) {
            xlstm_settings_set(&settings, XLSTM_TUNE_WORKERS, workers);
            xlstm_settings_set(&settings, XLSTM_TUNE_DECODE_WORKERS, WORKERS + 1 - workers);
            generate(s, &settings, &sampling, prompt, n, &got);
            assert_same_text(&got, &want);
        }
        for (int i = 0; i < 8; i++) {
            settings = settings_of(s, &rng, 1 + (int64_t)xl_rng_below(&rng, WORKERS));
            generate(s, &settings, &sampling, prompt, n, &got);
            assert_same_text(&got, &want);
        }
        sampling.seed += 1000;
        generate(s, &settings, &sampling, prompt, n, &got);
        differ += memcmp(got.ids, want.ids, sizeof want.ids) != 0;
    }
    assert_int_equal(differ, 4); /* a greedy text has no seed; with a temperature another seed is another text */
    small_model_destroy(s);
}

/* Every sequence of a batch gets the text that it gets alone, whoever is beside it. */
static void tokens_of_any_batch(void **state) {
    small_model *s = small_model_create(3, NULL);
    xl_rng rng;
    xl_rng_seed(&rng, 12);
    static text want[MEMBERS], got[MEMBERS];
    static int32_t prompts[MEMBERS][LONGEST];
    for (int round = 0; round < 8; round++) {
        const size_t count = 1 + xl_rng_below(&rng, MEMBERS);
        const xlstm_sampling sampling = sampling_of(round);
        xlstm_settings settings = settings_of(s, &rng, 1 + (int64_t)xl_rng_below(&rng, WORKERS));
        xlstm_batch *batch;
        xlstm_session *session[MEMBERS];
        xlstm_sampler *sampler[MEMBERS];
        xlstm_batch_item items[MEMBERS];
        float logits[MEMBERS * VOCAB];
        assert_int_equal(xlstm_batch_create(&batch, &s->model, &settings, NULL), 0);
        settings = settings_of(s, &rng, 1 + (int64_t)xl_rng_below(&rng, WORKERS));
        for (size_t i = 0; i < count; i++) {
            const size_t n = 1 + xl_rng_below(&rng, LONGEST);
            memcpy(prompts[i], prompt_of(&rng, n), n * sizeof *prompts[i]);
            generate(s, &settings, &sampling, prompts[i], n, &want[i]);
            assert_int_equal(xlstm_session_create(&session[i], &s->model, NULL, NULL), 0);
            assert_int_equal(xlstm_sampler_create(&sampler[i], &sampling, VOCAB, NULL), 0);
            items[i] = (xlstm_batch_item){session[i], prompts[i], n, XLSTM_LOGITS_LAST};
        }
        for (int t = 0; t < NEW; t++) {
            assert_int_equal(xlstm_batch_run(batch, items, count, logits, NULL), 0);
            for (size_t i = 0; i < count; i++) {
                memcpy(got[i].logits[t], logits + i * VOCAB, sizeof got[i].logits[t]);
                got[i].ids[t] = xlstm_sampler_draw(sampler[i], got[i].logits[t]);
                xlstm_sampler_accept(sampler[i], got[i].ids[t]);
                items[i] = (xlstm_batch_item){session[i], &got[i].ids[t], 1, XLSTM_LOGITS_LAST};
            }
        }
        for (size_t i = 0; i < count; i++) {
            assert_same_text(&got[i], &want[i]);
            xlstm_sampler_destroy(sampler[i]);
            xlstm_session_destroy(session[i]);
        }
        xlstm_batch_destroy(batch);
    }
    small_model_destroy(s);
}

/* Every strategy, with one point and several in flight: no proposal depends on the threads that replay the runs. */
static void proposals_of_any_threads(void **state) {
    enum { RUNS = 3 };
    static const int threads[] = {2, 5, WORKERS};
    tune_landscape *l;
    assert_int_equal(tune_landscape_read(XL_SOURCE_DIR "/tests/data/landscapes/invented__device.csv.gz", &l, NULL),
                     0);
    for (const tune_strategy_class *const *row = tune_strategies, *c = *row; c; c = *++row) {
        tune_trace want[RUNS], got[RUNS];
        tune_replay_options o = {.strategy = c->name, .budget = 24, .seeds = RUNS, .threads = 1, .brief = true};
        tune_strategy_options_init(&o.search);
        assert_int_equal(tune_noise_parse("native:2", &o.noise, NULL), 0);
        for (o.pending = 1; o.pending <= 6; o.pending += 5) {
            o.threads = 1;
            assert_int_equal(tune_replay(l, &o, want, NULL), 0);
            for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
                o.threads = threads[i];
                assert_int_equal(tune_replay(l, &o, got, NULL), 0);
                for (int run = 0; run < RUNS; run++) {
                    assert_true(want[run].count >= 24);
                    assert_int_equal(got[run].count, want[run].count);
                    for (size_t t = 0; t < want[run].count; t++)
                        assert_int_equal(got[run].steps[t].row, want[run].steps[t].row);
                }
                tune_traces_release(got, RUNS);
            }
            tune_traces_release(want, RUNS);
        }
    }
    tune_landscape_destroy(l);
}

/* The proposals of a whole search, as text. A load on this machine has samples taken again, so that equal readings
 * need a target without noise; `noise` differs from run to run. */
static char *searched(const char *mode, uint64_t seed, double noise, uint64_t machine) {
    simulation s;
    xlstm_error err;
    tune_drive_result r;
    simulation_init(&s);
    xl_rng_seed(&s.rng, machine);
    s.noise = noise;
    tune_run *k = new_run("same");
    tune_drive_options o = quick(mode, 30);
    o.seed = seed;
    if (tune_drive(&s.target, &o, tune_run_keeper(k), NULL, &r, &err)) fail_msg("%s", err.text);
    char *proposals = points(k);
    tune_run_close(k, TUNE_RUN_FINISHED);
    tune_space_destroy(s.space);
    return proposals;
}

static void proposals_of_a_search(void **state) {
    static const char *const modes[] = {"auto", "ga", "random"};
    for (int i = 0; i < 3; i++) {
        char *want = searched(modes[i], 4, 0, 1), *again = searched(modes[i], 4, 0, 2),
             *other = searched(modes[i], 5, 0, 1);
        assert_string_equal(again, want);
        assert_string_not_equal(other, want);
        free(again);
        free(other);
        /* What does not learn proposes the same whatever is measured. */
        if (!strcmp(modes[i], "random")) {
            again = searched(modes[i], 4, 0.002, 3);
            assert_string_equal(again, want);
            free(again);
        }
        free(want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_of_any_division),
        cmocka_unit_test(tokens_of_any_batch),
        cmocka_unit_test(proposals_of_any_threads),
        cmocka_unit_test(proposals_of_a_search),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}

/* The table of tunables: the order of rows, ranges within hard limits, and values as text and back. */
#include <xlstm/tunable.h>

#include "base/cpu.h"
#include "base/memory.h"
#include "helper.h"
#include "small_model.h"

static void rows_are_whole(void **state) {
    assert_null(xlstm_tunable_get(-1));
    assert_null(xlstm_tunable_get(XLSTM_TUNABLE_COUNT));
    for (int i = 0; i < XLSTM_TUNABLE_COUNT; i++) {
        const xlstm_tunable *row = xlstm_tunable_get(i);
        assert_int_equal(row->id, i);
        assert_non_null(row->name);
        assert_non_null(row->unit);
        assert_non_null(row->text);
        assert_true(row->min <= row->max);
        assert_true(row->affects != 0);
        assert_ptr_equal(xlstm_tunable_find(row->name), row);
        if (row->type == XLSTM_TYPE_CHOICE) {
            for (int64_t c = 0; c <= row->max; c++) assert_non_null(row->choices[c]);
            assert_null(row->choices[row->max + 1]);
            /* The last one counts; beyond the list there is no number. */
            assert_int_equal(xlstm_tunable_number(i, row->max), strtoll(row->choices[row->max], NULL, 10));
            assert_int_equal(xlstm_tunable_number(i, row->max + 1), 0);
            assert_int_equal(xlstm_tunable_number(i, -1), 0);
        }
    }
    assert_ptr_equal(xlstm_tunable_find("heads-per_band"), xlstm_tunable_get(XLSTM_TUNE_HEADS_PER_BAND));
    assert_null(xlstm_tunable_find("heads"));
    assert_null(xlstm_tunable_find(NULL));
}

static void defaults_and_ranges_are_legal(void **state) {
    small_model *s = small_model_create(1, "c");
    for (int with_model = 0; with_model < 2; with_model++) {
        const xlstm_hparams *model = with_model ? &s->model.hparams : NULL;
        xlstm_settings settings;
        xlstm_error err;
        xlstm_settings_init(&settings, model);
        assert_int_equal(xlstm_settings_check(&settings, &err), XLSTM_OK);
        for (int i = 0; i < XLSTM_TUNABLE_COUNT; i++) {
            const xlstm_tunable *row = xlstm_tunable_get(i);
            int64_t min, max, preset, least = -1, most = -1;
            xlstm_tunable_range(i, model, &min, &max, &preset);
            xlstm_tunable_limits(i, model, &least, &most);
            assert_true(least <= min && min <= preset && preset <= max && max <= most);
            assert_true(row->min == least && most <= row->max);
            assert_int_equal(xlstm_settings_get(&settings, i), preset);
        }
        int64_t max = 0;
        xlstm_tunable_range(XLSTM_TUNE_WORKERS, model, NULL, &max, NULL);
        assert_int_equal(max, xl_cpu_count());
    }
    int64_t max = 0;
    xlstm_tunable_range(XLSTM_TUNE_HEADS_PER_BAND, &s->model.hparams, NULL, &max, NULL);
    assert_int_equal(max, 3);
    small_model_destroy(s);
}

static void text_is_parsed(void **state) {
    xlstm_settings settings;
    xlstm_error err;
    xlstm_settings_init(&settings, NULL);
    assert_int_equal(xlstm_settings_parse(&settings, XLSTM_TUNE_SCHEDULER, "ray", &err), XLSTM_OK);
    assert_int_equal(xlstm_settings_get(&settings, XLSTM_TUNE_SCHEDULER), XLSTM_SCHED_RAY);
    assert_int_equal(xlstm_settings_parse(&settings, XLSTM_TUNE_PINNING, "spread", &err), XLSTM_OK);
    assert_int_equal(xlstm_settings_get(&settings, XLSTM_TUNE_PINNING), XLSTM_PIN_SPREAD);
    assert_int_equal(xlstm_settings_parse(&settings, XLSTM_TUNE_WEIGHTS, "bf16", &err), XLSTM_OK);
    assert_int_equal(xlstm_settings_get(&settings, XLSTM_TUNE_WEIGHTS), 1 + XL_FORMAT_BF16);
    assert_int_equal(xlstm_settings_parse(&settings, XLSTM_TUNE_CHUNK_SIZE, "5000", &err), XLSTM_OK);
    assert_int_equal(xlstm_settings_get(&settings, XLSTM_TUNE_CHUNK_SIZE), 5000);
    const struct {
        int id;
        const char *value, *text;
    } bad[] = {
        {XLSTM_TUNE_SCHEDULER, "quened",
         "scheduler: 'quened', wanted queued, ray or recurrent; did you mean 'queued'?"},
        {XLSTM_TUNE_SCHEDULER, "xyz123", "scheduler: 'xyz123', wanted queued, ray or recurrent"},
        {XLSTM_TUNE_WORKERS, "0", "workers: 0 threads, wanted 1 to 256; the nearest is 1"},
        {XLSTM_TUNE_WORKERS, "300", "workers: 300 threads, wanted 1 to 256; the nearest is 256"},
        {XLSTM_TUNE_WORKERS, "99999999999999999999",
         "workers: 9223372036854775807 threads, wanted 1 to 256; the "
         "nearest is 256"},
        {XLSTM_TUNE_WORKERS, "", "workers: '' is not an integer, wanted 1 to 256"},
        {XLSTM_TUNE_WORKERS, "4x", "workers: '4x' is not an integer, wanted 1 to 256"},
        {XLSTM_TUNE_WORKERS, " 4", "workers: ' 4' is not an integer, wanted 1 to 256"},
        {XLSTM_TUNE_WORKERS, "-", "workers: '-' is not an integer, wanted 1 to 256"},
        {XLSTM_TUNE_WORKERS, "4.5", "workers: '4.5' is not an integer, wanted 1 to 256"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        xlstm_settings before = settings;
        assert_int_equal(xlstm_settings_parse(&settings, bad[i].id, bad[i].value, &err), XLSTM_EARG);
        assert_string_equal(err.text, bad[i].text);
        assert_memory_equal(&before, &settings, sizeof before);
    }
    char *outside = xl_format("tunable %d, wanted 0 to %d", XLSTM_TUNABLE_COUNT, XLSTM_TUNABLE_COUNT - 1);
    assert_int_equal(xlstm_settings_parse(&settings, XLSTM_TUNABLE_COUNT, "4", &err), XLSTM_EARG);
    assert_string_equal(err.text, outside);
    free(outside);
    xlstm_settings_set(&settings, XLSTM_TUNE_PINNING, 3);
    assert_int_equal(xlstm_settings_check(&settings, &err), XLSTM_EARG);
    assert_string_equal(err.text, "pinning: choice 3, wanted none, compact or spread");
}

static void what_is_in_force(void **state) {
    small_model *m = small_model_create(1, 0);
    xlstm_model_info info = {.stored_weights = 1 + XL_FORMAT_BF16};
    xlstm_work work, unknown;
    xlstm_settings s, e;
    xlstm_work_init(&unknown, NULL, NULL, 0);
    xlstm_work_init(&work, &m->model.hparams, &info, 40);
    xlstm_settings_init(&s, &m->model.hparams);
    xlstm_settings_set(&s, XLSTM_TUNE_CHUNK_SIZE, 500);
    xlstm_settings_set(&s, XLSTM_TUNE_SEGMENT, 600);
    xlstm_settings_set(&s, XLSTM_TUNE_HEADS_PER_BAND, 8);
    xlstm_settings_effective(&s, &unknown, &e);
    assert_memory_equal(&e, &s, sizeof e);
    xlstm_settings_effective(&s, &work, &e);
    assert_int_equal(xlstm_settings_get(&e, XLSTM_TUNE_CHUNK_SIZE), 40); /* limited by the prompt */
    assert_int_equal(xlstm_settings_get(&e, XLSTM_TUNE_SEGMENT), 40);
    assert_int_equal(xlstm_settings_get(&e, XLSTM_TUNE_HEADS_PER_BAND), 3); /* limited by the model */
    assert_int_equal(xlstm_settings_get(&e, XLSTM_TUNE_WEIGHTS), 1 + XL_FORMAT_BF16);
    xlstm_settings_set(&s, XLSTM_TUNE_WEIGHTS, 1 + XL_FORMAT_F16);
    xlstm_settings_set(&s, XLSTM_TUNE_SEGMENT, 32);
    xlstm_settings_effective(&s, &work, &e);
    assert_int_equal(xlstm_settings_get(&e, XLSTM_TUNE_CHUNK_SIZE), 32); /* limited by its segment */
    assert_int_equal(xlstm_settings_get(&e, XLSTM_TUNE_WEIGHTS), 1 + XL_FORMAT_F16);
    xlstm_settings_set(&s, XLSTM_TUNE_CHUNK_SIZE, 7);
    xlstm_settings_effective(&s, &work, &s);
    assert_int_equal(xlstm_settings_get(&s, XLSTM_TUNE_CHUNK_SIZE), 7);
    xlstm_settings_set(&s, XLSTM_TUNE_SCHEDULER, XLSTM_SCHED_RECURRENT);
    xlstm_settings_effective(&s, &work, &e);
    xlstm_settings_set(&s, XLSTM_TUNE_CHUNK_SIZE, 9);
    xlstm_settings_effective(&s, &work, &s);
    assert_memory_equal(&e, &s, sizeof e);
    /* With one thread there is no pinning; one phase with more than one thread makes it matter. */
    for (int workers = 1; workers <= 2; workers++) {
        for (int decode = 1; decode <= 2; decode++) {
            xlstm_settings_set(&s, XLSTM_TUNE_PINNING, XLSTM_PIN_SPREAD);
            xlstm_settings_set(&s, XLSTM_TUNE_WORKERS, workers);
            xlstm_settings_set(&s, XLSTM_TUNE_DECODE_WORKERS, decode);
            xlstm_settings_effective(&s, &work, &e);
            assert_int_equal(xlstm_settings_get(&e, XLSTM_TUNE_PINNING),
                             workers + decode == 2 ? XLSTM_PIN_NONE : XLSTM_PIN_SPREAD);
        }
    }
    small_model_destroy(m);
}

/* What a device has, and how far: on the processor all but a GPU's rows, with the table's ranges. */
static void spans_are_those_of_the_device(void **state) {
    small_model *m = small_model_create(1, "c");
    xlstm_tunable_span spans[XLSTM_TUNABLE_COUNT];
    xlstm_error err;
    static const char *const cpus[] = {NULL, "cpu"};
    for (int i = 0; i < 2; i++) {
        memset(spans, 0xff, sizeof spans);
        assert_int_equal(xlstm_tunable_spans(cpus[i], &m->model.hparams, spans, &err), XLSTM_OK);
        for (int id = 0; id < XLSTM_TUNABLE_COUNT; id++) {
            int64_t min, max, preset;
            xlstm_tunable_range(id, &m->model.hparams, &min, &max, &preset);
            assert_true(spans[id].there == !xlstm_tunable_get(id)->device);
            assert_true(spans[id].there == xlstm_tunable_is_on(id, "cpu"));
            assert_int_equal(spans[id].min, min);
            assert_int_equal(spans[id].max, max);
            assert_int_equal(spans[id].preset, preset);
        }
        assert_int_equal(spans[XLSTM_TUNE_HEADS_PER_BAND].max, 3);
    }
    assert_int_equal(xlstm_tunable_spans("abacus", NULL, spans, &err), XLSTM_EUNSUPPORTED);
    assert_string_equal(err.text, "device 'abacus': there is no such kind");
    assert_int_equal(xlstm_tunable_spans("cp", NULL, spans, &err), XLSTM_EUNSUPPORTED);
    assert_false(xlstm_tunable_is_on(XLSTM_TUNE_WORKERS, "abacus"));
    assert_false(xlstm_tunable_is_on(-1, "cpu"));
    small_model_destroy(m);
}

/* An id that is no row changes nothing that it is given. */
static void ids_beyond_the_table(void **state) {
    static const int beyond[] = {-1, XLSTM_TUNABLE_COUNT, INT32_MAX};
    for (int i = 0; i < 3; i++) {
        xlstm_settings settings, before;
        int64_t min = -7, max = -7, preset = -7;
        xlstm_settings_init(&settings, NULL);
        before = settings;
        xlstm_settings_set(&settings, beyond[i], 1);
        assert_memory_equal(&settings, &before, sizeof before);
        assert_int_equal(xlstm_settings_get(&settings, beyond[i]), 0);
        xlstm_tunable_limits(beyond[i], NULL, &min, &max);
        xlstm_tunable_range(beyond[i], NULL, &min, &max, &preset);
        assert_true(min == -7 && max == -7 && preset == -7);
        assert_int_equal(xlstm_tunable_number(beyond[i], 0), 0);
        assert_int_equal(xlstm_tunable_effective(beyond[i], 5, NULL), 5);
    }
    assert_int_equal(xlstm_tunable_number(XLSTM_TUNE_WORKERS, 1), 0); /* no choice */
    static const int64_t none[] = {-1, XLSTM_COMPUTE_F32, XLSTM_COMPUTE_INT8 + 1};
    for (int i = 0; i < 3; i++) assert_true(xlstm_compute_tolerance(none[i]) == 0);
    assert_true(xlstm_compute_tolerance(XLSTM_COMPUTE_BF16) < xlstm_compute_tolerance(XLSTM_COMPUTE_INT8));
}

/* What `compute` comes to: few tokens are computed in float32, except in bf16 by its name where the device says so.
 * `auto` then is neither bf16 nor float32, and stays what it is. */
static void compute_of_few_tokens(void **state) {
    static const struct {
        int64_t value, tokens, few_in_bf16, comes_to;
    } cases[] = {
        {XLSTM_COMPUTE_BF16, 8, 0, XLSTM_COMPUTE_F32},  {XLSTM_COMPUTE_BF16, 8, 1, XLSTM_COMPUTE_BF16},
        {XLSTM_COMPUTE_BF16, 9, 0, XLSTM_COMPUTE_BF16}, {XLSTM_COMPUTE_AUTO, 8, 0, XLSTM_COMPUTE_F32},
        {XLSTM_COMPUTE_AUTO, 8, 1, XLSTM_COMPUTE_F32},  {XLSTM_COMPUTE_AUTO, 9, 0, XLSTM_COMPUTE_BF16},
        {XLSTM_COMPUTE_AUTO, 9, 1, XLSTM_COMPUTE_AUTO}, {XLSTM_COMPUTE_AUTO, 0, 1, XLSTM_COMPUTE_AUTO},
        {XLSTM_COMPUTE_INT8, 8, 1, XLSTM_COMPUTE_INT8}, {XLSTM_COMPUTE_F32, 9, 1, XLSTM_COMPUTE_F32},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const xlstm_work work = {.prompt_tokens = cases[i].tokens,
                                 .auto_compute = XLSTM_COMPUTE_BF16,
                                 .few_in_bf16 = cases[i].few_in_bf16};
        assert_int_equal(xlstm_tunable_effective(XLSTM_TUNE_COMPUTE, cases[i].value, &work), cases[i].comes_to);
    }
    /* Where auto is float32, it is that for any number of tokens. */
    const xlstm_work exact = {.prompt_tokens = 9, .auto_compute = XLSTM_COMPUTE_F32, .few_in_bf16 = 1};
    assert_int_equal(xlstm_tunable_effective(XLSTM_TUNE_COMPUTE, XLSTM_COMPUTE_AUTO, &exact), XLSTM_COMPUTE_F32);
}

/* The formats are those of the tunable, and short rows are held in shorter blocks. */
static void formats_are_listed(void **state) {
    const xlstm_tunable *row = xlstm_tunable_get(XLSTM_TUNE_WEIGHTS);
    const char *name, *text;
    double bits;
    int held, q8 = -1;
    int64_t filled;
    for (int i = 0; i < row->max; i++) {
        assert_int_equal(xlstm_weight_format_at(i, &name, &text, &bits), XLSTM_OK);
        assert_string_equal(name, row->choices[i + 1]);
        assert_true(strlen(text) > 5 && bits > 1 && bits <= 32);
        assert_int_equal(xlstm_weight_format_at(i, NULL, NULL, NULL), XLSTM_OK);
        assert_int_equal(xlstm_weight_format_rows(i, 4096, &held, &filled), XLSTM_OK);
        assert_true(held == i && filled == 4096);
        assert_int_equal(xlstm_weight_format_rows(i, 4096, NULL, NULL), XLSTM_OK);
        if (!strcmp(name, "q8_0")) q8 = i;
        /* A row of 33 columns is too short for any block of 256. */
        assert_int_equal(xlstm_weight_format_rows(i, 33, &held, &filled), XLSTM_OK);
        assert_true(filled == 33 || filled == 64);
    }
    assert_int_equal(xlstm_weight_format_rows(q8, 1000, &held, &filled), XLSTM_OK);
    assert_true(held == q8 && filled == 1024);
    static const int beyond[] = {-1, XL_FORMAT_COUNT, INT32_MAX};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(xlstm_weight_format_at(beyond[i], &name, &text, &bits), XLSTM_ENOTFOUND);
        assert_int_equal(xlstm_weight_format_rows(beyond[i], 64, &held, &filled), XLSTM_ENOTFOUND);
    }
    assert_string_equal(xlstm_device_kind_at(0), "cpu");
    assert_null(xlstm_device_kind_at(-1));
    assert_null(xlstm_device_kind_at(100));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_whole),
        cmocka_unit_test(defaults_and_ranges_are_legal),
        cmocka_unit_test(text_is_parsed),
        cmocka_unit_test(what_is_in_force),
        cmocka_unit_test(spans_are_those_of_the_device),
        cmocka_unit_test(compute_of_few_tokens),
        cmocka_unit_test(ids_beyond_the_table),
        cmocka_unit_test(formats_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Binding and loading: every layout on disk gives the same weights; where they are held, and what that costs. */
#include "base/system.h"
#include "model_weights.h"

#define DATA XL_SOURCE_DIR "/tests/data/"

/* Rounds values[0 … n) to what the format can hold. */
static void round_to(float *values, int64_t n, xl_format_id format) {
    void *blocks = malloc(xl_format_row_bytes(format, n));
    xl_format_get((int)format)->from_f32(values, blocks, (size_t)n);
    xl_format_get((int)format)->to_f32(blocks, values, (size_t)n);
    free(blocks);
}

/* Whether b's rows follow a's directly in memory, in the same format and with the same stride. */
static bool follows(const xl_matrix *a, const xl_matrix *b) {
    return a->format == b->format && a->cols == b->cols && a->stride == b->stride &&
           (const char *)a->data + (size_t)a->rows * a->stride == (const char *)b->data;
}

/* Compares a bound weight with rows of the stored tensor, rounded to the weight's format. */
static void assert_rows(const xl_weight *w, const xlstm_tensor_file *file, const char *name, int64_t row) {
    const xlstm_tensor *t = xlstm_tensor_file_find(file, name);
    assert_non_null(t);
    assert_int_equal(w->m.cols, t->shape[1]);
    if (w->m.format == XL_FORMAT_F32) assert_int_equal((uintptr_t)w->m.data % sizeof(float), 0);
    float *values = calloc((size_t)w->m.cols, sizeof *values);
    for (int64_t r = 0; r < w->m.rows; r++) {
        assert_int_equal(xlstm_tensor_to_f32(t, (size_t)((row + r) * w->m.cols), (size_t)w->m.cols, values, NULL),
                         0);
        round_to(values, w->m.cols, w->m.format);
        for (int64_t c = 0; c < w->m.cols; c++) {
            if (weight_at(w, r, c) != values[c]) fail_msg("%s [%d, %d]", name, (int)r, (int)c);
        }
    }
    free(values);
}

static void fused_rows_become_single(void **state) {
    /* As stored, and then in every format of the table. */
    static const xl_format_id held[] = {XL_FORMAT_F16, XL_FORMAT_F32, XL_FORMAT_BF16, XL_FORMAT_F16,
                                        XL_FORMAT_Q8_0};
    xlstm_tensor_file *file;
    assert_int_equal(xlstm_tensor_file_open(&file, DATA "f16-fused-bias/model.safetensors", NULL), XLSTM_OK);
    for (int f = 0; f < 5; f++) {
        for (int huge = 0; huge < 2; huge++) {
            xlstm_model *m = open_model(DATA "f16-fused-bias", f, huge, 1 + f);
            const xlstm_hparams *h = xlstm_model_hparams(m);
            assert_true(h->fused && h->use_bias && h->qk_dim == 64 && h->v_dim == 128);
            for (int64_t i = 0; i < h->num_blocks; i++) {
                const xl_block *b = &m->blocks[i];
                char name[128];
                snprintf(name, sizeof name, "backbone.blocks.%d.mlstm_layer.qkv_opreact.weight", (int)i);
                assert_int_equal(b->q.m.format, held[f]);
                assert_int_equal(b->igate.m.format, held[f] == XL_FORMAT_Q8_0 ? XL_FORMAT_F32 : held[f]);
                assert_rows(&b->q, file, name, 0);
                assert_rows(&b->k, file, name, 64);
                assert_rows(&b->v, file, name, 128);
                assert_rows(&b->o, file, name, 256);
                assert_true(follows(&b->q.m, &b->k.m) && follows(&b->k.m, &b->v.m) && follows(&b->v.m, &b->o.m) &&
                            !follows(&b->q.m, &b->v.m));
                snprintf(name, sizeof name, "backbone.blocks.%d.mlstm_layer.ifgate_preact.weight", (int)i);
                assert_rows(&b->igate, file, name, 0);
                assert_rows(&b->fgate, file, name, 2);
                snprintf(name, sizeof name, "backbone.blocks.%d.ffn.proj_up_gate_z.weight", (int)i);
                assert_rows(&b->gate, file, name, 0);
                assert_rows(&b->up, file, name, 384);
                assert_true(follows(&b->gate.m, &b->up.m));
                snprintf(name, sizeof name, "backbone.blocks.%d.ffn.proj_up_gate_z.bias", (int)i);
                float bias;
                xlstm_tensor_to_f32(xlstm_tensor_file_find(file, name), 384, 1, &bias, NULL);
                assert_true(b->up_bias[0] == bias);
                snprintf(name, sizeof name, "backbone.blocks.%d.mlstm_layer.ifgate_preact.bias", (int)i);
                xlstm_tensor_to_f32(xlstm_tensor_file_find(file, name), 3, 1, &bias, NULL);
                assert_true(b->fgate_bias[1] == bias);
                snprintf(name, sizeof name, "backbone.blocks.%d.ffn.proj_down.weight", (int)i);
                assert_rows(&b->down, file, name, 0);
            }
            assert_rows(&m->lm_head, file, "lm_head.weight", 0);
            assert_non_null(m->out_norm_bias);
            xlstm_model_close(m);
        }
    }
    xlstm_tensor_file_close(file);
}

static void single_forms_are_bound(void **state) {
    xlstm_model *m = open_model(DATA "bf16-native-names", XLSTM_WEIGHTS_STORED, 0, 2);
    xlstm_tensor_file *file;
    assert_int_equal(xlstm_tensor_file_open(&file, DATA "bf16-native-names/model.safetensors", NULL), XLSTM_OK);
    assert_rows(&m->blocks[2].q, file, "backbone.blocks.2.mlstm_layer.query.weight", 0);
    assert_rows(&m->blocks[2].k, file, "backbone.blocks.2.mlstm_layer.key.weight", 0);
    assert_rows(&m->blocks[2].v, file, "backbone.blocks.2.mlstm_layer.value.weight", 0);
    assert_rows(&m->embedding, file, "backbone.embeddings.weight", 0);
    assert_null(m->blocks[0].q_bias);
    assert_non_null(m->blocks[0].igate_bias);
    assert_null(m->out_norm_bias);
    xlstm_tensor_file_close(file);
    xlstm_model_close(m);

    m = open_model(DATA "f32-sharded", 1 + XL_FORMAT_BF16, 0, 2);
    assert_int_equal(xlstm_tensor_file_open(&file, DATA "f32-sharded/model-00003-of-00003.safetensors", NULL), 0);
    assert_rows(&m->blocks[0].q, file, "backbone.blocks.0.mlstm_layer.q.weight", 0);
    assert_rows(&m->blocks[1].o, file, "backbone.blocks.1.mlstm_layer.ogate_preact.weight", 0);
    assert_true(follows(&m->blocks[0].q.m, &m->blocks[0].k.m));
    xlstm_tensor_file_close(file);
    xlstm_model_info info;
    xlstm_model_get_info(m, &info);
    assert_int_equal(info.files, 3);
    assert_true(info.load_seconds > 0);
    assert_string_equal(info.device, "cpu");
    xlstm_model_close(m);
    xlstm_model_close(NULL);
}

typedef struct polling {
    int polls, stop_at;
} polling;

static int stop_there(void *user) {
    polling *p = user;
    return ++p->polls >= p->stop_at;
}

static void cancelled(void **state) {
    /* There are at least two polls, whichever threads take the tasks. */
    for (int stop_at = 1; stop_at <= 2; stop_at++) {
        polling p = {.stop_at = stop_at};
        xlstm_model_options options = {.cancel = stop_there, .user = &p};
        xlstm_error err;
        xlstm_model *m;
        assert_int_equal(xlstm_model_open(&m, DATA "f32-sharded", &options, &err), XLSTM_ECANCELLED);
        assert_null(m);
        assert_int_equal(p.polls, stop_at);
        assert_non_null(strstr(err.text, "f32-sharded: loading was cancelled"));
    }
}

/* Only the plan, for invented amounts of memory. */
static void memory_that_does_not_suffice(void **state) {
    static const struct {
        int64_t weights;
        uint64_t available;
        int status;
        const char *says;
    } cases[] = {
        {XLSTM_WEIGHTS_STORED, 0, XLSTM_OK, ""},
        {XLSTM_WEIGHTS_STORED, 2100000, XLSTM_OK, ""},
        {XLSTM_WEIGHTS_STORED, 1500000, XLSTM_ENOMEM,
         "these would fit: bf16 (0.00 GB), f16 (0.00 GB), q8_0 (0.00 GB), q6_k (0.00 GB), q4_k (0.00 GB), q4_0 "},
        {1 + XL_FORMAT_F32, 1500000, XLSTM_ENOMEM, "would fit"},
        {1 + XL_FORMAT_BF16, 1500000, XLSTM_OK, ""},
        {XLSTM_WEIGHTS_STORED, 700000, XLSTM_ENOMEM, "these would fit: q8_0 "},
        {XLSTM_WEIGHTS_STORED, 400000, XLSTM_ENOMEM, "these would fit: q4_k (0.00 GB), q4_0 (0.00 GB)"},
        {XLSTM_WEIGHTS_STORED, 200000, XLSTM_ENOMEM, "q4_k, needs 0.00 GB and would not fit either"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct xlstm_model *m = calloc(1, sizeof *m);
        xl_parts parts = {.list = NULL};
        xlstm_error err = {.status = 0};
        m->store = calloc(1, sizeof *m->store);
        assert_int_equal(xl_checkpoint_open(&m->store->checkpoint, DATA "f32-sharded", &err), XLSTM_OK);
        m->hparams = m->store->checkpoint.hparams;
        assert_int_equal(xl_model_open_device(m, &(xl_device_options){0}, &err), XLSTM_OK);
        assert_int_equal(xl_bind(m, &(xl_model_request){.weights = cases[i].weights}, &parts, &err), XLSTM_OK);
        int status = xl_plan_memory(m, &parts, XLSTM_HUGE_PAGES_OFF, cases[i].available, &err);
        if (status != cases[i].status || !strstr(err.text, cases[i].says))
            fail_msg("case %d: %d '%s'", (int)i, status, err.text);
        free(parts.list);
        xlstm_model_close(m);
    }
}

static void when_huge_pages_are_used(void **state) {
    static const struct {
        int64_t choice;
        bool offered;
        uint64_t copied, available;
        bool used;
    } cases[] = {
        {XLSTM_HUGE_PAGES_OFF, true, 10, 1000, false},   {XLSTM_HUGE_PAGES_ON, true, 10, 1000, true},
        {XLSTM_HUGE_PAGES_ON, false, 900, 1000, true},   {XLSTM_HUGE_PAGES_AUTO, true, 500, 1000, true},
        {XLSTM_HUGE_PAGES_AUTO, true, 501, 1000, false}, {XLSTM_HUGE_PAGES_AUTO, false, 10, 1000, false},
        {XLSTM_HUGE_PAGES_AUTO, true, 10, 0, false},     {XLSTM_HUGE_PAGES_AUTO, true, 0, 0, true},
        {XLSTM_HUGE_PAGES_AUTO, true, 0, 1000, true},    {XLSTM_HUGE_PAGES_AUTO, false, 0, 1000, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (xl_decide_huge_pages(cases[i].choice, cases[i].offered, cases[i].copied, cases[i].available) !=
            cases[i].used)
            fail_msg("case %d", (int)i);
    }
    static const int64_t choices[] = {XLSTM_HUGE_PAGES_OFF, XLSTM_HUGE_PAGES_ON, XLSTM_HUGE_PAGES_AUTO};
    for (int i = 0; i < 3; i++) {
        xlstm_model *m = open_model(DATA "f32-sharded", XLSTM_WEIGHTS_STORED, choices[i], 1);
        const bool used =
            choices[i] == XLSTM_HUGE_PAGES_ON || (choices[i] == XLSTM_HUGE_PAGES_AUTO && xl_huge_pages_offered());
        xlstm_model_info info;
        xlstm_model_get_info(m, &info);
        assert_int_equal(m->store->buffer_count, used ? 1 : 0);
        if (used) assert_in_range(info.huge_page_bytes, info.resident_bytes / 2, info.resident_bytes + 65536);
        else assert_int_equal(info.huge_page_bytes, 0);
        xlstm_model_close(m);
    }
}

/* A device that has no memory for huge pages. */
static xl_backend poor;

static int buffer_without_huge_pages(xl_buffer **out, xl_device *device, size_t bytes, bool huge_pages,
                                     xlstm_error *err) {
    if (huge_pages) return XLSTM_ENOMEM;
    return xl_backend_find("cpu")->buffer_create(out, device, bytes, huge_pages, err);
}

static void refused_huge_pages(void **state) {
    if (!xl_huge_pages_offered()) TEST_SKIP("the system has no huge pages");
    poor = *xl_backend_find("cpu");
    poor.buffer_create = buffer_without_huge_pages;
    static const int64_t weights[] = {XLSTM_WEIGHTS_STORED, 1 + XL_FORMAT_BF16};
    for (int asked = 0; asked < 4; asked++) {
        const int64_t choice = asked < 2 ? XLSTM_HUGE_PAGES_ON : XLSTM_HUGE_PAGES_AUTO;
        struct xlstm_model *m = calloc(1, sizeof *m);
        xl_parts parts = {.list = NULL};
        xlstm_error err;
        m->store = calloc(1, sizeof *m->store);
        assert_int_equal(xl_checkpoint_open(&m->store->checkpoint, DATA "f32-sharded", &err), XLSTM_OK);
        m->hparams = m->store->checkpoint.hparams;
        assert_int_equal(xl_model_open_device(m, &(xl_device_options){0}, &err), XLSTM_OK);
        m->backend = &poor;
        assert_int_equal(xl_bind(m, &(xl_model_request){.weights = weights[asked % 2]}, &parts, &err), XLSTM_OK);
        const int status = xl_plan_memory(m, &parts, choice, UINT64_C(1) << 40, &err);
        assert_int_equal(status, choice == XLSTM_HUGE_PAGES_ON ? XLSTM_ENOMEM : XLSTM_OK);
        assert_int_equal(m->info.huge_page_bytes, 0);
        if (status) {
            assert_null(m->store->buffers);
        } else {
            /* Stored matrices stay mapped, converted ones are in usual memory. */
            assert_int_equal(m->store->buffer_count, asked % 2);
            assert_int_equal(parts.list[0].in_place, asked % 2 == 0);
            assert_int_equal(xl_load_parts(m, &parts, 1, NULL, NULL, &err), XLSTM_OK);
            assert_non_null(m->embedding.m.data);
        }
        free(parts.list);
        xlstm_model_close(m);
    }
}

/* A device whose memory the host cannot access: all weights go through buffer_write, whatever their format. */
static xl_backend far;

static void *no_host(xl_buffer *buffer) {
    return NULL;
}

static void weights_reach_a_device_of_its_own(void **state) {
    far = *xl_backend_find("cpu");
    far.uses_host_memory = false;
    far.buffer_host = no_host;
    for (int64_t weights = 0; weights <= XL_FORMAT_COUNT; weights++) {
        xlstm_model *near = open_model(DATA "f32-sharded", weights, 1, 2);
        struct xlstm_model *m = calloc(1, sizeof *m);
        xl_parts parts = {.list = NULL};
        xlstm_error err;
        m->store = calloc(1, sizeof *m->store);
        assert_int_equal(xl_checkpoint_open(&m->store->checkpoint, DATA "f32-sharded", &err), XLSTM_OK);
        m->hparams = m->store->checkpoint.hparams;
        assert_int_equal(xl_model_open_device(m, &(xl_device_options){0}, &err), XLSTM_OK);
        m->backend = &far;
        assert_int_equal(xl_bind(m, &(xl_model_request){.weights = weights}, &parts, &err), XLSTM_OK);
        assert_int_equal(xl_plan_memory(m, &parts, XLSTM_HUGE_PAGES_OFF, 0, &err), XLSTM_OK);
        assert_int_equal(xl_load_parts(m, &parts, 2, NULL, NULL, &err), XLSTM_OK);
        for (int64_t i = 0; i < m->hparams.num_blocks; i++) {
            const xl_weight *pairs[][2] = {{&m->blocks[i].q, &near->blocks[i].q},
                                           {&m->blocks[i].igate, &near->blocks[i].igate},
                                           {&m->blocks[i].down, &near->blocks[i].down},
                                           {&m->embedding, &near->embedding}};
            for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++) {
                const xl_weight *a = pairs[p][0], *b = pairs[p][1];
                assert_null(a->m.data);
                assert_non_null(a->buffer);
                const char *memory = xl_backend_find("cpu")->buffer_host(a->buffer);
                assert_int_equal(a->m.stride, b->m.stride);
                assert_memory_equal(memory + a->offset, b->m.data, (size_t)b->m.rows * b->m.stride);
            }
        }
        free(parts.list);
        xlstm_model_close(m);
        xlstm_model_close(near);
    }
}

static void what_a_format_costs(void **state) {
    /* The sizes predicted without opening the weights are those that they take. */
    for (int f = 0; f < XL_FORMAT_COUNT; f++) {
        xlstm_model *m = open_model(DATA "f32-sharded", 1 + f, 0, 2);
        xlstm_model_info info;
        xlstm_model_get_info(m, &info);
        uint64_t resident = 0, read = 0;
        assert_int_equal(xlstm_weight_format_cost(f, &m->hparams, &resident, &read, NULL), XLSTM_OK);
        assert_int_equal(resident, info.resident_bytes);
        assert_int_equal(read, info.decode_read_bytes);
        assert_true(f == XL_FORMAT_F32 ? info.weights_tolerance == 0 : info.weights_tolerance > 0);
        xlstm_model_close(m);
    }
    xlstm_device_info device;
    assert_int_equal(xlstm_device_at(0, &device), XLSTM_OK);
    assert_string_equal(device.name, "cpu");
    assert_int_equal(xlstm_device_at(-1, &device), XLSTM_ENOTFOUND);
    assert_int_equal(xlstm_device_at(1000, &device), XLSTM_ENOTFOUND);
}

/* The published model has 6,865,424,896 parameters, reads 13.3 GB per token in bfloat16, and has 134 MB of
 * state. */
static void sizes_of_the_published_model(void **state) {
    xlstm_hparams h = {.embedding_dim = 4096,
                       .num_blocks = 32,
                       .num_heads = 8,
                       .vocab_size = 50304,
                       .qk_dim = 2048,
                       .v_dim = 4096,
                       .qk_head = 256,
                       .v_head = 512,
                       .ffn_dim = 10944,
                       .add_out_norm = true};
    size_t count = 0;
    for (int fused = 0; fused < 2; fused++) {
        h.fused = fused;
        assert_int_equal(xlstm_checkpoint_layout(&h, NULL, &count, NULL), XLSTM_OK);
        assert_int_equal(count, fused ? 3 + 32 * 9 : 3 + 32 * 15);
        xlstm_tensor_spec *specs = calloc(count, sizeof *specs);
        assert_int_equal(xlstm_checkpoint_layout(&h, specs, &count, NULL), XLSTM_OK);
        uint64_t parameters = 0;
        for (size_t i = 0; i < count; i++)
            parameters += (uint64_t)specs[i].shape[0] * (uint64_t)(specs[i].rank == 2 ? specs[i].shape[1] : 1);
        assert_int_equal(parameters, 6865424896u);
        count--;
        assert_int_equal(xlstm_checkpoint_layout(&h, specs, &count, NULL), XLSTM_EARG);
        free(specs);
    }
    h.vocab_size = 0;
    assert_int_equal(xlstm_checkpoint_layout(&h, NULL, &count, NULL), XLSTM_EARG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fused_rows_become_single),
        cmocka_unit_test(single_forms_are_bound),
        cmocka_unit_test(cancelled),
        cmocka_unit_test(memory_that_does_not_suffice),
        cmocka_unit_test(when_huge_pages_are_used),
        cmocka_unit_test(refused_huge_pages),
        cmocka_unit_test(weights_reach_a_device_of_its_own),
        cmocka_unit_test(what_a_format_costs),
        cmocka_unit_test(sizes_of_the_published_model),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}

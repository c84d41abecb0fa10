/* What a checkpoint on disk may look like: a wrong one is refused with a list of what is wrong; spellings of names,
 * unaligned data, fingerprints, indexes. */
#include "base/half.h"
#include "base/rng.h"
#include "model_weights.h"

/* A checkpoint that the tests modify: 2 blocks, width 8, written by its layout. */
typedef struct toy {
    xlstm_tensor tensors[64];
    char names[64][128];
    size_t count;
} toy;

static const char toy_config[] = "{\"embedding_dim\": 8, \"num_blocks\": 2, \"num_heads\": 2, \"vocab_size\": 11,"
                                 "\"ffn_round_up_to_multiple_of\": 4%s}";

static void toy_make(toy *t, const char *extra, xlstm_dtype dtype) {
    char *path = test_path("config.json"), *text = xl_format(toy_config, extra);
    assert_int_equal(xl_file_write(path, text, strlen(text), NULL), XLSTM_OK);
    xlstm_hparams h;
    xl_checkpoint c;
    assert_int_equal(xl_checkpoint_open(&c, test_folder, NULL) == XLSTM_OK,
                     0); /* there are no weights yet; reads only the config */
    h = c.hparams;
    xl_checkpoint_close(&c);
    xlstm_tensor_spec specs[64];
    t->count = 64;
    assert_int_equal(xlstm_checkpoint_layout(&h, specs, &t->count, NULL), XLSTM_OK);
    xl_rng rng;
    xl_rng_seed(&rng, 3);
    for (size_t i = 0; i < t->count; i++) {
        size_t n = 1;
        for (int r = 0; r < specs[i].rank; r++) n *= (size_t)specs[i].shape[r];
        memcpy(t->names[i], specs[i].name, sizeof t->names[i]);
        float *values = calloc(n, sizeof *values);
        for (size_t j = 0; j < n; j++) values[j] = (float)xl_rng_normal(&rng);
        t->tensors[i] = (xlstm_tensor){.name = t->names[i],
                                       .rank = specs[i].rank,
                                       .dtype = dtype,
                                       .data = values,
                                       .bytes = n * xlstm_dtype_size(dtype)};
        memcpy(t->tensors[i].shape, specs[i].shape, sizeof specs[i].shape);
    }
    free(text);
    free(path);
}

static void toy_write(const toy *t, const char *name) {
    char *path = test_path(name);
    xlstm_error err;
    if (xlstm_tensor_file_write(path, t->tensors, t->count, NULL, &err)) fail_msg("%s", err.text);
    free(path);
}

static void toy_free(toy *t) {
    for (size_t i = 0; i < t->count; i++) free((void *)(uintptr_t)t->tensors[i].data);
    char *command = xl_format("rm -f '%s'/*", test_folder);
    assert_int_equal(system(command), 0);
    free(command);
}

static xlstm_tensor *toy_tensor(toy *t, const char *name) {
    for (size_t i = 0; i < t->count; i++) {
        if (!strcmp(t->tensors[i].name, name)) return &t->tensors[i];
    }
    fail_msg("%s", name);
    return NULL;
}

static int toy_open(const toy *t, xlstm_error *err) {
    xlstm_model *m = NULL;
    toy_write(t, "model.safetensors");
    memset(err, 0, sizeof *err);
    int status = xlstm_model_open(&m, test_folder, NULL, err);
    xlstm_model_close(m);
    return status;
}

static void all_problems_are_named(void **state) {
    toy t;
    xlstm_error err;
    toy_make(&t, "", XLSTM_F32);
    assert_int_equal(toy_open(&t, &err), XLSTM_OK);
    toy_tensor(&t, "backbone.out_norm.weight")->name = "backbone.outnorm.weight";
    xlstm_tensor *up = toy_tensor(&t, "backbone.blocks.1.ffn.proj_up.weight");
    int64_t rows = up->shape[0];
    up->shape[0] = up->shape[1];
    up->shape[1] = rows;
    toy_tensor(&t, "backbone.blocks.0.mlstm_layer.igate_preact.bias")->dtype = XLSTM_I32;
    toy_tensor(&t, "backbone.blocks.0.mlstm_layer.q.weight")->name = "backbone.blocks.0.mlstm_layer.query.weight";
    assert_int_equal(toy_open(&t, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "4 tensors are wrong"));
    assert_non_null(strstr(err.text, "missing 'backbone.out_norm.weight' [8]"));
    assert_non_null(strstr(err.text, "unexpected 'backbone.outnorm.weight'"));
    assert_non_null(strstr(err.text, "'backbone.blocks.1.ffn.proj_up.weight' is [8, 24], wanted [24, 8]"));
    assert_non_null(
        strstr(err.text, "'backbone.blocks.0.mlstm_layer.igate_preact.bias' is I32, wanted F32, F16 or"));
    toy_free(&t);
}

static void what_does_not_fit_is_counted(void **state) {
    toy t;
    xlstm_error err;
    char names[64][32];
    toy_make(&t, "", XLSTM_F32);
    for (size_t i = 0; i < t.count; i++) {
        snprintf(names[i], sizeof names[i], "other.%d", (int)i);
        t.tensors[i].name = names[i];
    }
    assert_int_equal(toy_open(&t, &err), XLSTM_EFORMAT);
    size_t total = 2 * t.count, listed = 0, more = 0;
    char count[40];
    snprintf(count, sizeof count, "%d tensors are wrong", (int)total);
    assert_non_null(strstr(err.text, count));
    for (const char *p = err.text; (p = strstr(p, "missing '")); p++) listed++;
    for (const char *p = err.text; (p = strstr(p, "unexpected '")); p++) listed++;
    assert_int_equal(sscanf(strstr(err.text, "; and ") + 6, "%zu", &more), 1);
    assert_int_equal(listed + more, total);
    assert_in_range(listed, 5, total - 1);
    toy_free(&t);
}

static void spellings_of_names(void **state) {
    toy t;
    xlstm_error err;
    toy_make(&t, ", \"add_out_norm\": false, \"tie_word_embeddings\": true", XLSTM_F32);
    toy_tensor(&t, "backbone.embeddings.weight")->name = "embedding.weight";
    assert_int_equal(toy_open(&t, &err), XLSTM_OK);
    xlstm_model *m;
    assert_int_equal(xlstm_model_open(&m, test_folder, NULL, &err), XLSTM_OK);
    assert_null(m->out_norm);
    assert_ptr_equal(m->lm_head.m.data, m->embedding.m.data);
    xlstm_model_info info;
    xlstm_model_get_info(m, &info);
    assert_int_equal(info.decode_read_bytes, info.resident_bytes);
    xlstm_model_close(m);
    /* A tied head that is stored all the same is used; of a tensor with two names either one may be stored. */
    t.tensors[t.count] = t.tensors[0];
    t.tensors[t.count].name = "lm_head.weight";
    t.count++;
    assert_int_equal(toy_open(&t, &err), XLSTM_OK);
    xlstm_hparams h;
    assert_int_equal(xlstm_checkpoint_inspect(test_folder, &h, NULL, &err), XLSTM_OK);
    assert_false(h.tie_word_embeddings);
    toy_tensor(&t, "embedding.weight")->name = "other.weight";
    toy_tensor(&t, "other.weight")->shape[0] = 0;
    toy_tensor(&t, "other.weight")->bytes = 0;
    assert_int_equal(toy_open(&t, &err), XLSTM_OK);
    assert_int_equal(xlstm_checkpoint_inspect(test_folder, &h, NULL, &err), XLSTM_OK);
    assert_true(h.tie_word_embeddings);
    t.tensors[0] = t.tensors[t.count - 1];
    t.tensors[0].name = "embedding.weight";
    t.tensors[t.count - 1].name = "backbone.embeddings.weight";
    assert_int_equal(toy_open(&t, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "is there twice"));
    t.count--;
    toy_free(&t);
}

static void form_is_what_the_files_hold(void **state) {
    toy t;
    xlstm_error err;
    toy_make(&t, ", \"weight_mode\": \"fused\", \"use_bias\": true", XLSTM_F32);
    char *path = test_path("config.json"), *text = xl_format(toy_config, ", \"use_bias\": true");
    assert_int_equal(xl_file_write(path, text, strlen(text), NULL), XLSTM_OK);
    assert_int_equal(toy_open(&t, &err), XLSTM_OK);
    free(text);
    free(path);
    toy_free(&t);
}

/* 16-bit data in a file whose data section begins at an odd address is copied and never read through a misaligned
 * pointer. */
static void unaligned_data_are_copied(void **state) {
    toy t;
    toy_make(&t, "", XLSTM_BF16);
    toy_write(&t, "model.safetensors");
    char *path = test_path("model.safetensors"), *data;
    size_t bytes;
    assert_int_equal(xl_file_read(path, 1 << 24, &data, &bytes, NULL), XLSTM_OK);
    xlstm_model *aligned = open_model(test_folder, XLSTM_WEIGHTS_STORED, 0, 2);
    for (size_t shift = 1; shift < 4; shift++) {
        char *moved = calloc(bytes + shift, 1);
        uint64_t length = 0;
        memcpy(&length, data, 8);
        uint64_t longer = length + shift;
        memcpy(moved, &longer, 8);
        memcpy(moved + 8, data + 8, length);
        memset(moved + 8 + length, ' ', shift);
        memcpy(moved + 8 + longer, data + 8 + length, bytes - 8 - length);
        char *other = xl_format("%s/shifted", test_folder),
             *file = xl_format("%s/shifted/model.safetensors", test_folder);
        char *command = xl_format("mkdir -p '%s' && cp '%s/config.json' '%s/'", other, test_folder, other);
        assert_int_equal(system(command), 0);
        assert_int_equal(xl_file_write(file, moved, bytes + shift, NULL), XLSTM_OK);
        xlstm_model *m = open_model(other, XLSTM_WEIGHTS_STORED, 0, 2);
        assert_int_equal((uintptr_t)m->blocks[1].down.m.data % 2, 0);
        for (int64_t r = 0; r < m->blocks[1].down.m.rows; r++) {
            for (int64_t c = 0; c < m->blocks[1].down.m.cols; c++)
                assert_true(weight_at(&m->blocks[1].down, r, c) == weight_at(&aligned->blocks[1].down, r, c));
        }
        assert_string_equal(m->info.fingerprint, aligned->info.fingerprint);
        xlstm_model_close(m);
        free(moved);
        free(command);
        free(other);
        free(file);
    }
    xlstm_model_close(aligned);
    char *command = xl_format("rm -r '%s/shifted'", test_folder);
    assert_int_equal(system(command), 0);
    free(command);
    free(data);
    free(path);
    toy_free(&t);
}

static void fingerprints(void **state) {
    toy t;
    xlstm_model_info a, b;
    toy_make(&t, "", XLSTM_F32);
    toy_write(&t, "model.safetensors");
    assert_int_equal(xlstm_checkpoint_inspect(test_folder, NULL, &a, NULL), XLSTM_OK);
    assert_int_equal(strlen(a.fingerprint), 64);
    /* The same tensors in another order, in shards. */
    toy half = t;
    half.count = t.count / 2;
    toy_write(&half, "b.safetensors");
    memmove(half.tensors, t.tensors + half.count, (t.count - half.count) * sizeof *half.tensors);
    half.count = t.count - half.count;
    toy_write(&half, "a.safetensors");
    char *index = test_path("model.safetensors.index.json"), *one = test_path("model.safetensors");
    char *text = strdup("{\"metadata\": {}, \"weight_map\": {");
    for (size_t i = 0; i < t.count; i++) {
        char *more = xl_format("%s%s\"%s\": \"%s\"", text, i ? ", " : "", t.tensors[i].name,
                               i < t.count / 2 ? "b.safetensors" : "a.safetensors");
        free(text);
        text = more;
    }
    char *whole = xl_format("%s}}", text);
    assert_int_equal(xl_file_write(index, whole, strlen(whole), NULL), XLSTM_OK);
    unlink(one);
    assert_int_equal(xlstm_checkpoint_inspect(test_folder, NULL, &b, NULL), XLSTM_OK);
    assert_int_equal(b.files, 2);
    assert_string_equal(a.fingerprint, b.fingerprint);
    /* With one value changed it is another checkpoint. */
    ((float *)(uintptr_t)toy_tensor(&t, "lm_head.weight")->data)[7] += 1;
    toy_write(&t, "model.safetensors");
    assert_int_equal(xlstm_checkpoint_inspect(test_folder, NULL, &b, NULL), XLSTM_OK);
    assert_string_not_equal(a.fingerprint, b.fingerprint);
    free(whole);
    free(text);
    free(index);
    free(one);
    toy_free(&t);
}

static void bad_indexes(void **state) {
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "index.json"},
        {"[]", "no JSON object"},
        {"{}", "weight_map"},
        {"{\"weight_map\": {}}", "weight_map"},
        {"{\"weight_map\": {\"a\": 3}}", "names no file"},
        {"{\"weight_map\": {\"a\": \"../x\"}}", "names no file"},
        {"{\"weight_map\": {\"a\": \"/etc/passwd\"}}", "names no file"},
        {"{\"weight_map\": {\"a\": \"\"}}", "names no file"},
        {"{\"weight_map\": {\"a\": \"absent.safetensors\"}}", "absent.safetensors: no such file, which "},
        {"{\"weight_map\": {\"a\": \"config.json\"}}", "config.json: no safetensors file: header"},
        {"{\"weight_map\": {\"a\": \"all.safetensors\"}}", "'a' is not in all.safetensors"},
    };
    toy t;
    toy_make(&t, "", XLSTM_F32);
    toy_write(&t, "all.safetensors");
    char *index = test_path("model.safetensors.index.json");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        xlstm_error err;
        assert_int_equal(xl_file_write(index, cases[i].text, strlen(cases[i].text), NULL), XLSTM_OK);
        int status = xlstm_checkpoint_inspect(test_folder, NULL, NULL, &err);
        if (!status || !strstr(err.text, cases[i].says)) fail_msg("%s: %d '%s'", cases[i].text, status, err.text);
    }
    free(index);
    toy_free(&t);
}

static void folders_without_a_checkpoint(void **state) {
    xlstm_error err;
    xlstm_model *m;
    char *nowhere = test_path("nowhere");
    assert_int_equal(xlstm_model_open(&m, nowhere, NULL, &err), XLSTM_ENOTFOUND);
    assert_non_null(strstr(err.text, nowhere));
    free(nowhere);
    assert_int_equal(xlstm_model_open(&m, test_folder, NULL, &err), XLSTM_ENOTFOUND);
    assert_non_null(strstr(err.text, "config.json"));
    xlstm_model_options options = {.cpu_mask = "sse9"};
    assert_int_equal(xlstm_model_open(&m, test_folder, &options, &err), XLSTM_EARG);
    options = (xlstm_model_options){.device = "gpu"};
    assert_int_equal(xlstm_model_open(&m, test_folder, &options, &err), XLSTM_EUNSUPPORTED);
    toy t;
    toy_make(&t, "", XLSTM_F32);
    assert_int_equal(xlstm_model_open(&m, test_folder, NULL, &err), XLSTM_ENOTFOUND);
    assert_non_null(strstr(err.text, "neither model.safetensors"));
    toy_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_problems_are_named),
        cmocka_unit_test(what_does_not_fit_is_counted),
        cmocka_unit_test(spellings_of_names),
        cmocka_unit_test(form_is_what_the_files_hold),
        cmocka_unit_test(unaligned_data_are_copied),
        cmocka_unit_test(fingerprints),
        cmocka_unit_test(bad_indexes),
        cmocka_unit_test(folders_without_a_checkpoint),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}

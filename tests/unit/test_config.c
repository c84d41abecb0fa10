/* config.json: the values of the published model, both spellings of keys, and errors of one line. */

#include <sys/stat.h>

#include <xlstm/model.h>
#include <xlstm/tensor_file.h>
#include <xlstm/tokenizer.h>

#include "format/model_config.h"
#include "helper.h"

static int parse(xlstm_hparams *h, const char *text, xlstm_error *err) {
    memset(err, 0, sizeof *err);
    return xl_config_parse(h, "config.json", text, strlen(text), err);
}

static void published_values(void **state) {
    xlstm_hparams h;
    xlstm_error err;
    assert_int_equal(parse(&h, "{}", &err), XLSTM_OK);
    assert_int_equal(h.embedding_dim, 4096);
    assert_int_equal(h.num_blocks, 32);
    assert_int_equal(h.num_heads, 8);
    assert_int_equal(h.vocab_size, 50304);
    assert_int_equal(h.qk_dim, 2048);
    assert_int_equal(h.v_dim, 4096);
    assert_int_equal(h.qk_head, 256);
    assert_int_equal(h.v_head, 512);
    assert_int_equal(h.ffn_dim, 10944);
    assert_true(h.gate_soft_cap == 15 && h.output_logit_soft_cap == 30 && h.norm_eps == 1e-6 && h.eps == 1e-6);
    assert_true(!h.use_bias && h.add_out_norm && !h.fused && !h.tie_word_embeddings);
    assert_true(h.bos_token_id == -1 && h.eos_token_id == -1);
}

static void spellings_and_lists(void **state) {
    xlstm_hparams h;
    xlstm_error err;
    assert_int_equal(
        parse(&h,
              "{\"hidden_size\": 192, \"num_hidden_layers\": 3, \"num_heads\": 3, \"vocab_size\": 9,"
              "\"embedding_dim\": null, \"bos_token_id\": 0, \"eos_token_id\": [2, 3],"
              "\"pad_token_id\": 9, \"weight_mode\": \"fused\", \"use_bias\": true,"
              "\"add_out_norm\": false, \"tie_word_embeddings\": true, \"anything\": [{}],"
              "\"gate_soft_cap\": 7, \"norm_eps\": 0.001, \"v_dim_factor\": 2, \"qk_dim_factor\": 1.25}",
              &err),
        XLSTM_OK);
    assert_true(h.embedding_dim == 192 && h.num_blocks == 3 && h.bos_token_id == 0 && h.eos_token_id == 2);
    assert_true(h.fused && h.use_bias && !h.add_out_norm && h.tie_word_embeddings);
    assert_true(h.v_dim == 384 && h.qk_dim == 240 && h.v_head == 128 && h.qk_head == 80 && h.gate_soft_cap == 7);
    assert_int_equal(h.ffn_dim, 512); /* 512.064 with 64: floor(575.064 / 64) * 64 */
    assert_int_equal(parse(&h, "{\"hidden_size\": 64, \"embedding_dim\": 64}", &err), XLSTM_OK);
    assert_int_equal(h.embedding_dim, 64);
    /* Whole numbers may be written as real ones. */
    assert_int_equal(parse(&h, "{\"hidden_size\": 64.0, \"num_hidden_layers\": 3e0, \"num_heads\": 2.0}", &err),
                     XLSTM_OK);
    assert_true(h.embedding_dim == 64 && h.num_blocks == 3 && h.num_heads == 2);
    assert_int_equal(parse(&h, "{\"hidden_size\": 64.5}", &err), XLSTM_EFORMAT);
}

static void ffn_sizes(void **state) {
    static const struct {
        const char *text;
        int64_t wanted;
    } cases[] = {
        {"{\"embedding_dim\": 256}", 704},
        {"{\"embedding_dim\": 2048}", 5504},
        {"{\"embedding_dim\": 768}", 2048},
        {"{\"embedding_dim\": 128}", 384},
        {"{\"embedding_dim\": 192}", 512},
        {"{\"embedding_dim\": 96, \"ffn_proj_factor\": 1.5, \"ffn_round_up_to_multiple_of\": 1}", 144},
        {"{\"embedding_dim\": 40, \"num_heads\": 4, \"ffn_proj_factor\": 2.667, \"ffn_round_up_to_multiple_of\": "
         "1}",
         106},
        {"{\"embedding_dim\": 40, \"num_heads\": 4, \"ffn_proj_factor\": 2.667, \"ffn_round_up_to_multiple_of\": "
         "7}",
         112},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        xlstm_hparams h;
        xlstm_error err;
        assert_int_equal(parse(&h, cases[i].text, &err), XLSTM_OK);
        assert_int_equal(h.ffn_dim, cases[i].wanted);
    }
}

static void refused(void **state) {
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "config.json"},
        {"[]", "no JSON object"},
        {"{\"num_heads\": 4, \"num_heads\": 8}", "duplicate object key near '\"num_heads\"'"},
        {"{\"num_heads\": 1000000000000000019884624838656}", "too big integer"},
        {"{\"eps\": NaN}", "invalid token near 'NaN' (line 1 column 11)"},
        {"{\"a\": Infinity,\n \"eps\": -Infinity}", "(line 2 column 9)"},
        {"{\"model_type\": \"llama\", \"num_heads\": 7}", "model_type is \"llama\", wanted \"xlstm\""},
        {"{\"weight_mode\": \"\xff\"}", "unable to decode byte 0xff"},
        {"{\"a\": 1,}", "config.json"},
        {"{\"a\": 1 \"b\": 2}", "config.json"},
        {"{\"a\": [1, }", "config.json"},
        {"{\"a\": Infinite}", "config.json"},
        {"{\"embedding_dim\": \"4096\"}", "embedding_dim is \"4096\", wanted an integer from 1"},
        {"{\"embedding_dim\": 0}", "embedding_dim is 0"},
        {"{\"embedding_dim\": -1}", "embedding_dim is -1"},
        {"{\"embedding_dim\": 1.5}", "embedding_dim is 1.5"},
        {"{\"embedding_dim\": 99999999999}", "embedding_dim is 99999999999"},
        {"{\"embedding_dim\": 64, \"hidden_size\": 128}", "embedding_dim is 64 but hidden_size is 128"},
        {"{\"num_blocks\": 2, \"num_hidden_layers\": 3}", "num_blocks is 2 but num_hidden_layers is 3"},
        {"{\"num_blocks\": true}", "num_blocks is true"},
        {"{\"num_heads\": 0}", "num_heads is 0"},
        {"{\"num_heads\": 7}", "multiple of num_heads 7"},
        {"{\"vocab_size\": 2147483648}", "vocab_size is 2147483648"},
        {"{\"qk_dim_factor\": 0}", "qk_dim_factor is 0"},
        {"{\"qk_dim_factor\": 1e-9}", "qk_dim_factor 1e-09 of width 4096 is 0"},
        {"{\"v_dim_factor\": 0.3}", "v_dim_factor 0.3 of width 4096 is 1228"},
        {"{\"v_dim_factor\": \"1\"}", "v_dim_factor is \"1\", wanted a number"},
        {"{\"ffn_proj_factor\": -2}", "ffn_proj_factor is -2"},
        {"{\"ffn_round_up_to_multiple_of\": 0}", "ffn_round_up_to_multiple_of is 0"},
        {"{\"ffn_round_up_to_multiple_of\": 64.5}", "ffn_round_up_to_multiple_of is 64.5"},
        {"{\"gate_soft_cap\": 0}", "gate_soft_cap is 0"},
        {"{\"gate_soft_cap\": null}", "gate_soft_cap is null"},
        {"{\"output_logit_soft_cap\": -30}", "output_logit_soft_cap is -30"},
        {"{\"norm_eps\": \"1e-6\"}", "norm_eps is \"1e-6\""},
        {"{\"eps\": -1e-6}", "eps is -1e-6"},
        {"{\"use_bias\": 1}", "use_bias is 1, wanted true or false"},
        {"{\"add_out_norm\": \"true\"}", "add_out_norm is \"true\""},
        {"{\"weight_mode\": \"split\"}", "weight_mode is \"split\", wanted \"single\" or \"fused\""},
        {"{\"weight_mode\": 1}", "weight_mode is 1"},
        {"{\"bos_token_id\": 50304}", "bos_token_id is 50304, wanted an id from 0 to 50303"},
        {"{\"eos_token_id\": [\"x\"]}", "eos_token_id is \"x\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        xlstm_hparams h;
        xlstm_error err;
        int status = parse(&h, cases[i].text, &err);
        if (!status || !strstr(err.text, cases[i].says) || strncmp(err.text, "config.json: ", 13))
            fail_msg("%s: status %d, '%s'", cases[i].text, status, err.text);
    }
}

/* Keys that are not used may have any value and may be repeated. */
static void unused_keys(void **state) {
    static const char *const texts[] = {
        "{\"pad_token_id\": 50304, \"num_heads\": 4}",
        "{\"a\": 1000000000000000019884624838656, \"num_heads\": 4}",
        "{\"num_heads\": 4, \"a\": -1e999}",
        "{\"a\": NaN, \"b\": [Infinity, {\"c\": -Infinity}], \"num_heads\": 4, \"d\": NaN}",
        "{\"a\": 1, \"a\": 2, \"num_heads\": 4, \"a\": 3}",
        "{\"a\": \"\xff\", \"num_heads\": 4}",
        "{\"a\": \"\\ud800\\\"}\", \"\\ud800\": 1, \"\\u\": 1, \"num_heads\": 4}",
        "{\"num_heads\": 4, \"num_heads\": 4}",
        "{\"num_heads\": 4 , \"a\" : [ ] , \"num_heads\" : 4 , \"b\" : { } }",
        "\xef\xbb\xbf{\"num_heads\": 4}",
        "{\"num\\u005fheads\": 4}",
        "{\"model_type\": \"xlstm\", \"num_heads\": 4}",
        ("{\"a-key-that-is-longer-than-any-that-we-know-and-than-the-room-that-there-is-for-it\": 0, "
         "\"num_heads\": "
         "4}"),
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        xlstm_hparams h;
        xlstm_error err;
        if (parse(&h, texts[i], &err) || h.num_heads != 4) fail_msg("%s: '%s'", texts[i], err.text);
    }
}

static void missing_file(void **state) {
    xlstm_hparams h;
    xlstm_error err;
    char *nowhere = test_path("nowhere");
    assert_int_equal(xl_config_read(&h, nowhere, &err), XLSTM_ENOTFOUND);
    assert_non_null(strstr(err.text, "/nowhere/config.json"));
    free(nowhere);
}

/* Opens something in the folder as a checkpoint and as a tokenizer's folder: both say what it is. */
static void is_not(const char *name, int status, const char *part) {
    char *path = test_path(name);
    xlstm_hparams hparams;
    xlstm_model_info info;
    xlstm_tokenizer *tokenizer;
    xlstm_error err[2];
    const int found[] = {xlstm_checkpoint_inspect(path, &hparams, &info, &err[0]),
                         xlstm_tokenizer_open(&tokenizer, path, &err[1])};
    for (int i = 0; i < 2; i++) {
        if (found[i] != status || !strstr(err[i].text, part) || strncmp(err[i].text, path, strlen(path)) != 0)
            fail_msg("%s: status %d, \"%s\"", name, found[i], err[i].text);
    }
    free(path);
}

/* What stands in the place of a checkpoint's folder is named as what it is. */
static void other_things(void **state) {
    static const struct {
        const char *put, *text, *opened, *part;
    } folders[] = {
        {"run/run_meta.json", "{}", "run",
         "this is the folder of a run of optimize; the run's checkpoint is named"},
        {"table/summary.csv", "", "table", "this is the folder of a run of optimize, no checkpoint"},
        {"cache/snapshots/0/x", "", "cache", "this is a folder of the Hugging Face cache"},
        {"adapter/adapter_config.json", "", "adapter", "this is an adapter (PEFT)"},
        {"torch/pytorch_model.bin", "", "torch", "it holds pytorch_model.bin: save the model"},
        {"shards/pytorch_model.bin.index.json", "", "shards", "it holds pytorch_model.bin files"},
        {"images/model_index.json", "", "images", "this is a pipeline of diffusers"},
        {"one/.hidden/x", "", "one", "no such file"},
        {"two/q8.gguf", "", "two", "no such file (it holds q8.gguf; wanted config.json beside"},
        {"three/weights.pth", "", "three", "(it holds weights.pth; wanted"},
        {"four/.pt", "", "four", "no such file"},
        {"five/x.safetensors", "", "five", "(it holds x.safetensors; wanted"},
    };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        test_put(folders[i].put, folders[i].text);
        is_not(folders[i].opened, XLSTM_ENOTFOUND, folders[i].part);
    }
    is_not("nowhere", XLSTM_ENOTFOUND, "no such folder");
    is_not("run/run_meta.json/x", XLSTM_EIO, "Not a directory");
    test_put("plain", "some text");
    is_not("plain", XLSTM_EFORMAT, "is a file, wanted a checkpoint's folder");
    test_put("nothing", "");
    is_not("nothing", XLSTM_EFORMAT, "is a file, wanted a checkpoint's folder");
    test_put("page", " \n<!DOCTYPE HTML>");
    is_not("page", XLSTM_EFORMAT, "is an HTML page, not the file itself");
    test_put("pointer", "version https://git-lfs.github.com/spec/v1");
    is_not("pointer", XLSTM_EFORMAT, "is a Git LFS pointer, not the file itself");
    static const char *const kinds[][2] = {
        {NULL, "is a file of tensors; wanted the folder that holds it with its config.json"},
        {"{\"kind\":\"something\"}", "is a file of tensors; wanted the folder"},
        {"{\"kind\":\"xlstm-state-1\"}", "is a state file of generate's --save-state, no checkpoint"}};
    char *file = test_path("file"), *pipe = test_path("pipe");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(xlstm_tensor_file_write(file, NULL, 0, kinds[i][0], NULL), XLSTM_OK);
        is_not("file", XLSTM_EFORMAT, kinds[i][1]);
    }
    /* A pipe that nobody writes to is refused and not waited for. */
    assert_int_equal(mkfifo(pipe, 0600), 0);
    is_not("pipe", XLSTM_EFORMAT, "is not a folder, wanted a checkpoint's folder");
    xlstm_tensor_file *none;
    xlstm_error err;
    assert_int_equal(xlstm_tensor_file_open(&none, pipe, &err), XLSTM_EIO);
    assert_non_null(strstr(err.text, "not a regular file"));
    assert_null(none);
    free(file);
    free(pipe);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_values), cmocka_unit_test(spellings_and_lists), cmocka_unit_test(ffn_sizes),
        cmocka_unit_test(refused),          cmocka_unit_test(missing_file),        cmocka_unit_test(unused_keys),
        cmocka_unit_test(other_things),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}

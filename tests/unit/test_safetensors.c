/* Tensor files: what is written is read back, and malformed files are refused with a reason. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/half.h"
#include "format/safetensors.h"
#include "helper.h"

/* Writes length, header and `data` zero bytes, opens the file, and returns the status. */
static int open_raw(uint64_t length, const char *header, size_t header_bytes, size_t data, xlstm_error *err) {
    char *path = test_path("raw.safetensors");
    size_t bytes = 8 + header_bytes + data;
    char *raw = calloc(bytes, 1);
    for (int i = 0; i < 8; i++) raw[i] = (char)(length >> 8 * i & 0xff);
    memcpy(raw + 8, header, header_bytes);
    assert_int_equal(xl_file_write(path, raw, bytes, NULL), XLSTM_OK);
    xlstm_tensor_file *file = NULL;
    memset(err, 0, sizeof *err);
    int status = xlstm_tensor_file_open(&file, path, err);
    assert_true(!status == !!file);
    xlstm_tensor_file_close(file);
    free(raw);
    free(path);
    return status;
}

static void malformed_headers(void **state) {
    static const struct {
        const char *header;
        size_t data;
        int status;
        const char *says; /* a part of the message */
    } cases[] = {
        {"", 0, XLSTM_EFORMAT, "header"},
        {"x", 0, XLSTM_EFORMAT, "header"},
        {"[]", 0, XLSTM_EFORMAT, "no JSON object"},
        {"7", 0, XLSTM_EFORMAT, "header"},
        {"{", 0, XLSTM_EFORMAT, "header"},
        {"{} x", 0, XLSTM_EFORMAT, "header"},
        {"{}", 1, XLSTM_EFORMAT, "holds 1 of data"},
        {"{\"a\":3}", 0, XLSTM_EFORMAT, "'a' is not an object"},
        {"{\"a\":{}}", 0, XLSTM_EFORMAT, "dtype"},
        {"{\"a\":{\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, XLSTM_EFORMAT, "dtype"},
        {"{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, XLSTM_EFORMAT, "dtype 'F31'"},
        {"{\"a\":{\"dtype\":\"BOOL\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4, XLSTM_EUNSUPPORTED,
         "dtype 'BOOL'"},
        {"{\"a\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4, XLSTM_EUNSUPPORTED, "dtype 'I8'"},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, XLSTM_EFORMAT, "shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, XLSTM_EFORMAT, "shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, XLSTM_EFORMAT, "shape[0]"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1.5],\"data_offsets\":[0,4]}}", 4, XLSTM_EFORMAT, "shape[1]"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[true],\"data_offsets\":[0,4]}}", 4, XLSTM_EFORMAT, "shape[0]"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, XLSTM_EFORMAT,
         "at most 8"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0, XLSTM_EFORMAT,
         "overflows"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, XLSTM_EFORMAT,
         "overflows"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775808],\"data_offsets\":[0,0]}}", 0, XLSTM_EFORMAT,
         "header"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, XLSTM_EFORMAT, "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, XLSTM_EFORMAT, "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4, XLSTM_EFORMAT, "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[\"0\",\"4\"]}}", 4, XLSTM_EFORMAT,
         "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, XLSTM_EFORMAT, "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, XLSTM_EFORMAT, "not inside"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 3, XLSTM_EFORMAT, "not inside"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[9223372036854775804,9223372036854775807]}}", 4,
         XLSTM_EFORMAT, "not inside"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, XLSTM_EFORMAT, "[2] takes 8"},
        {"{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, XLSTM_EFORMAT, "takes 2"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}",
         6, XLSTM_EFORMAT, "overlap"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
         4, XLSTM_EFORMAT, "overlap"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
         12, XLSTM_EFORMAT, "hole"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, XLSTM_EFORMAT, "hole"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 8, XLSTM_EFORMAT, "holds 8"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
         8, XLSTM_EFORMAT, "tensor 'a' is there twice"},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, XLSTM_EFORMAT,
         "dtype is there twice"},
        {"{\"\xff\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, XLSTM_EFORMAT,
         "not UTF-8 (line 1 column 3)"},
        {"{\"a\\u0000b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, XLSTM_EFORMAT, "NUL"},
        {"{\"\\ud800\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, XLSTM_EFORMAT, "header"},
        {"{\"__metadata__\":3}", 0, XLSTM_EFORMAT, "__metadata__"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        xlstm_error err;
        size_t n = strlen(cases[i].header);
        int status = open_raw(n, cases[i].header, n, cases[i].data, &err);
        if (status != cases[i].status || !strstr(err.text, cases[i].says) || !strstr(err.text, "raw.safetensors"))
            fail_msg("%s: status %d, '%s'", cases[i].header, status, err.text);
    }
}

static void well_formed_headers(void **state) {
    static const struct {
        const char *header;
        size_t data;
    } cases[] = {
        {"{}", 0},
        {"{}      ", 0},
        {"{\"__metadata__\":{}}", 0},
        {"{\"__metadata__\":{\"k\":3,\"l\":NaN}}", 0},
        {"{\"s\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]}}", 8},
        {"{\"e\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[0,0]},"
         "\"f\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},"
         "\"b\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[0,6]},"
         "\"z\":{\"dtype\":\"I32\",\"shape\":[0],\"data_offsets\":[6,6]}}",
         6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        xlstm_error err;
        size_t n = strlen(cases[i].header);
        if (open_raw(n, cases[i].header, n, cases[i].data, &err)) fail_msg("%s: %s", cases[i].header, err.text);
    }
}

static void lengths_that_lie(void **state) {
    xlstm_error err;
    assert_int_equal(open_raw(3, "{}", 2, 0, &err), XLSTM_EFORMAT);
    assert_int_equal(open_raw(99999999, "{}", 2, 0, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "in a file of 10"));
    assert_int_equal(open_raw(100000001, "{}", 2, 0, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "at most 100000000"));
    assert_int_equal(open_raw(UINT64_MAX, "{}", 2, 0, &err), XLSTM_EFORMAT);
    assert_int_equal(open_raw(UINT64_MAX - 7, "{}", 2, 0, &err), XLSTM_EFORMAT);
    assert_int_equal(open_raw(0, "", 0, 0, &err), XLSTM_EFORMAT);
}

static void files_that_are_none(void **state) {
    xlstm_error err;
    xlstm_tensor_file *file;
    char *path = test_path("none");
    assert_int_equal(xlstm_tensor_file_open(&file, path, &err), XLSTM_ENOTFOUND);
    assert_int_equal(xlstm_tensor_file_open(&file, test_folder, &err), XLSTM_EIO);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(xlstm_tensor_file_open(&file, path, &err), XLSTM_EIO);
    assert_non_null(strstr(err.text, "not a regular file"));
    unlink(path);
    for (size_t n = 0; n < 8; n++) {
        assert_int_equal(xl_file_write(path, "\2\0\0\0\0\0\0\0", n, NULL), XLSTM_OK);
        assert_int_equal(xlstm_tensor_file_open(&file, path, &err), XLSTM_EFORMAT);
    }
    free(path);
}

/* Every prefix of a valid file, and every file with one changed byte in its header, is refused or harmless. */
static void truncated_and_corrupted(void **state) {
    float values[6] = {1, 2, 3, 4, 5, 6};
    xlstm_tensor tensors[2] = {
        {.name = "a", .dtype = XLSTM_F32, .rank = 1, .shape = {2}, .data = values, .bytes = 8},
        {.name = "b", .rank = 2, .shape = {2, 2}, .data = values + 2, .bytes = 16}};
    char *path = test_path("good"), *bad = test_path("bad"), *data;
    size_t bytes;
    assert_int_equal(xlstm_tensor_file_write(path, tensors, 2, "{\"k\":\"v\"}", NULL), XLSTM_OK);
    assert_int_equal(xl_file_read(path, 1 << 20, &data, &bytes, NULL), XLSTM_OK);
    xlstm_tensor_file *file;
    xlstm_error err;
    for (size_t n = 0; n < bytes; n++) {
        assert_int_equal(xl_file_write(bad, data, n, NULL), XLSTM_OK);
        assert_int_not_equal(xlstm_tensor_file_open(&file, bad, &err), XLSTM_OK);
    }
    for (size_t i = 0; i < bytes - 24; i++) {
        static const unsigned char flips[] = {1, 0x20, 0x80, 0xff};
        for (size_t f = 0; f < sizeof flips; f++) {
            data[i] = (char)(data[i] ^ flips[f]);
            assert_int_equal(xl_file_write(bad, data, bytes, NULL), XLSTM_OK);
            if (!xlstm_tensor_file_open(&file, bad, &err)) {
                for (size_t t = 0; t < xlstm_tensor_file_count(file); t++) {
                    const xlstm_tensor *tensor = xlstm_tensor_file_at(file, t);
                    float out[6];
                    if (tensor->bytes <= sizeof out && tensor->dtype == XLSTM_F32)
                        assert_int_equal(xlstm_tensor_to_f32(tensor, 0, tensor->bytes / 4, out, &err), XLSTM_OK);
                }
                xlstm_tensor_file_close(file);
            }
            data[i] = (char)(data[i] ^ flips[f]);
        }
    }
    free(data);
    free(path);
    free(bad);
}

static void written_is_read(void **state) {
    float f[3] = {1.5f, -2, 0x1p-140f};
    double d[2] = {3.25, -1e300};
    int64_t ids[1] = {-7};
    uint16_t half[3] = {0x3c00, 0xc000, 0x0001}, brain[1] = {0x4049};
    int32_t words[2] = {1, 2};
    xlstm_tensor tensors[] = {
        {.name = "z", .dtype = XLSTM_BF16, .rank = 1, .shape = {1}, .data = brain, .bytes = 2},
        {.name = "f", .dtype = XLSTM_F32, .rank = 2, .shape = {3, 1}, .data = f, .bytes = 12},
        {.name = "h\xc3\xa9\"", .dtype = XLSTM_F16, .rank = 1, .shape = {3}, .data = half, .bytes = 6},
        {.name = "d", .dtype = XLSTM_F64, .rank = 1, .shape = {2}, .data = d, .bytes = 16},
        {.name = "i", .dtype = XLSTM_I64, .rank = 0, .data = ids, .bytes = 8},
        {.name = "w", .dtype = XLSTM_I32, .rank = 1, .shape = {2}, .data = words, .bytes = 8},
        {.name = "e", .dtype = XLSTM_F32, .rank = 2, .shape = {0, 9}, .data = NULL, .bytes = 0},
    };
    size_t count = sizeof tensors / sizeof *tensors;
    char *path = test_path("all.safetensors");
    xlstm_error err;
    xlstm_tensor_file *file;
    if (xlstm_tensor_file_write(path, tensors, count, "{\"origin\":\"test\"}", &err)) fail_msg("%s", err.text);
    if (xlstm_tensor_file_open(&file, path, &err)) fail_msg("%s", err.text);
    assert_int_equal(xlstm_tensor_file_count(file), count);
    assert_null(xlstm_tensor_file_at(file, count));
    assert_null(xlstm_tensor_file_find(file, "y"));
    assert_string_equal(xlstm_tensor_file_metadata(file, "origin"), "test");
    assert_null(xlstm_tensor_file_metadata(file, "test"));
    for (size_t i = 0; i < count; i++) {
        const xlstm_tensor *t = xlstm_tensor_file_find(file, tensors[i].name);
        assert_non_null(t);
        assert_int_equal(t->dtype, tensors[i].dtype);
        assert_int_equal(t->rank, tensors[i].rank);
        assert_int_equal(t->bytes, tensors[i].bytes);
        assert_memory_equal(t->shape, tensors[i].shape, sizeof t->shape[0] * (size_t)t->rank);
        if (t->bytes) assert_memory_equal(t->data, tensors[i].data, t->bytes);
        if (i)
            assert_true((const char *)xlstm_tensor_file_at(file, i)->data >=
                        (const char *)xlstm_tensor_file_at(file, i - 1)->data);
    }
    float out[3];
    /* "f" begins two bytes after a 64-byte boundary, so it is misaligned on purpose. */
    assert_int_equal((uintptr_t)xlstm_tensor_file_find(file, "f")->data % 4, 2);
    assert_int_equal(xlstm_tensor_to_f32(xlstm_tensor_file_find(file, "f"), 0, 3, out, &err), XLSTM_OK);
    assert_memory_equal(out, f, sizeof f);
    assert_int_equal(xlstm_tensor_to_f32(xlstm_tensor_file_find(file, "d"), 1, 1, out, &err), XLSTM_OK);
    assert_true(out[0] < -3e38f);
    assert_int_equal(xlstm_tensor_to_f32(xlstm_tensor_file_find(file, "h\xc3\xa9\""), 1, 2, out, &err), XLSTM_OK);
    assert_true(out[0] == -2.0f && out[1] == 0x1p-24f);
    assert_int_equal(xlstm_tensor_to_f32(xlstm_tensor_file_find(file, "z"), 0, 1, out, &err), XLSTM_OK);
    assert_true(out[0] == 3.140625f);
    assert_int_equal(xlstm_tensor_to_f32(xlstm_tensor_file_find(file, "f"), 2, 2, out, &err), XLSTM_EARG);
    assert_int_equal(xlstm_tensor_to_f32(xlstm_tensor_file_find(file, "f"), SIZE_MAX, 2, out, &err), XLSTM_EARG);
    assert_int_equal(xlstm_tensor_to_f32(xlstm_tensor_file_find(file, "w"), 0, 1, out, &err), XLSTM_EARG);
    assert_int_equal(xlstm_tensor_to_f32(xlstm_tensor_file_find(file, "e"), 0, 0, out, &err), XLSTM_OK);
    xlstm_tensor_file_close(file);
    xlstm_tensor_file_close(NULL);
    free(path);
}

static void writer_refuses(void **state) {
    float f[2] = {1, 2};
    xlstm_tensor a = {.name = "a", .dtype = XLSTM_F32, .rank = 1, .shape = {2}, .data = f, .bytes = 8};
    xlstm_tensor two[2] = {a, a};
    char *path = test_path("refused");
    xlstm_error err;
    assert_int_equal(xlstm_tensor_file_write(path, two, 2, NULL, &err), XLSTM_EARG);
    assert_int_equal(xlstm_tensor_file_write(path, &a, 1, "[]", &err), XLSTM_EARG);
    assert_int_equal(xlstm_tensor_file_write(path, &a, 1, "{\"k\":1}", &err), XLSTM_EARG);
    two[0].name = "\xff";
    assert_int_equal(xlstm_tensor_file_write(path, two, 1, NULL, &err), XLSTM_EARG);
    two[0] = a;
    two[0].bytes = 4;
    assert_int_equal(xlstm_tensor_file_write(path, two, 1, NULL, &err), XLSTM_EARG);
    two[0].shape[0] = -2;
    assert_int_equal(xlstm_tensor_file_write(path, two, 1, NULL, &err), XLSTM_EARG);
    xlstm_tensor_writer *writer;
    assert_int_equal(xlstm_tensor_writer_begin(&writer, path, &a, 1, NULL, &err), XLSTM_OK);
    assert_int_equal(xlstm_tensor_writer_append(writer, f, 4, &err), XLSTM_OK);
    assert_int_equal(xlstm_tensor_writer_append(writer, f, 8, &err), XLSTM_EARG);
    assert_int_equal(xlstm_tensor_writer_finish(writer, &err), XLSTM_EARG);
    assert_int_equal(xlstm_tensor_writer_begin(&writer, path, &a, 1, NULL, &err), XLSTM_OK);
    xlstm_tensor_writer_abort(writer);
    xlstm_tensor_writer_abort(NULL);
    assert_false(xl_is_file(path));
    char *nowhere = test_path("no folder/x");
    assert_int_equal(xlstm_tensor_file_write(nowhere, &a, 1, NULL, &err), XLSTM_EIO);
    free(nowhere);
    char *command = xl_format("test -z \"$(ls '%s' | grep tmp)\"", test_folder);
    assert_int_equal(system(command), 0);
    free(command);
    free(path);
}

static void many_names_are_found(void **state) {
    enum { COUNT = 1000 };
    static const int32_t seven = 7;
    xlstm_tensor *tensors = calloc(COUNT, sizeof *tensors);
    char(*names)[16] = calloc(COUNT, sizeof *names);
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "t%d", i * 7919 % COUNT);
        tensors[i] = (xlstm_tensor){.name = names[i], .dtype = XLSTM_I32, .data = &seven, .bytes = 4};
    }
    char *path = test_path("many");
    xlstm_tensor_file *file;
    assert_int_equal(xlstm_tensor_file_write(path, tensors, COUNT, NULL, NULL), XLSTM_OK);
    assert_int_equal(xlstm_tensor_file_open(&file, path, NULL), XLSTM_OK);
    for (int i = 0; i < COUNT; i++) {
        assert_string_equal(xlstm_tensor_file_find(file, names[i])->name, names[i]);
        assert_string_equal(xlstm_tensor_file_at(file, (size_t)i)->name, names[i]);
    }
    xlstm_tensor_file_close(file);
    free(path);
    free(names);
    free(tensors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_headers),       cmocka_unit_test(well_formed_headers),
        cmocka_unit_test(lengths_that_lie),        cmocka_unit_test(files_that_are_none),
        cmocka_unit_test(truncated_and_corrupted), cmocka_unit_test(written_is_read),
        cmocka_unit_test(writer_refuses),          cmocka_unit_test(many_names_are_found),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}

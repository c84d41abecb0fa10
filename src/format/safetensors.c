#include "format/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "base/half.h"
#include "base/memory.h"
#include "format/foreign_json.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensor files are little-endian and used in place");

static const struct {
    const char *name;
    size_t size;
} dtypes[XLSTM_DTYPE_COUNT] = {[XLSTM_F32] = {"F32", 4}, [XLSTM_F16] = {"F16", 2}, [XLSTM_BF16] = {"BF16", 2},
                               [XLSTM_F64] = {"F64", 8}, [XLSTM_I32] = {"I32", 4}, [XLSTM_I64] = {"I64", 8}};

size_t xlstm_dtype_size(xlstm_dtype dtype) {
    return (unsigned)dtype < XLSTM_DTYPE_COUNT ? dtypes[dtype].size : 0;
}

const char *xlstm_dtype_name(xlstm_dtype dtype) {
    return (unsigned)dtype < XLSTM_DTYPE_COUNT ? dtypes[dtype].name : "?";
}

bool xl_tensor_size(xlstm_dtype dtype, int rank, const int64_t *shape, size_t *elements, size_t *bytes) {
    size_t product = 1;
    if (rank < 0 || rank > XLSTM_MAX_RANK) return false;
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0 || (uint64_t)shape[i] > SIZE_MAX || !xl_mul(product, (size_t)shape[i], &product))
            return false;
    }
    *elements = product;
    return xl_mul(product, xlstm_dtype_size(dtype), bytes);
}

const char *xl_shape_text(int rank, const int64_t *shape, char *text, size_t size) {
    size_t used = 0;
    for (int i = 0; i <= rank && used < size; i++) {
        int n = i == rank ? snprintf(text + used, size - used, rank ? "]" : "[]")
                          : snprintf(text + used, size - used, i ? ", %" PRId64 : "[%" PRId64, shape[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    return text;
}

/* One tensor and where it begins, while a header is being read. */
typedef struct entry {
    xlstm_tensor tensor;
    size_t begin;
} entry;

static int by_offset(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->tensor.bytes != y->tensor.bytes) return x->tensor.bytes < y->tensor.bytes ? -1 : 1;
    return strcmp(x->tensor.name, y->tensor.name);
}

static int read_dtype(entry *e, const char *path, json_t *value, xlstm_error *err) {
    static const char *const others[] = {"BOOL", "U8", "I8", "I16", "U16", "U32", "U64", "F8_E4M3", "F8_E5M2"};
    const char *name = json_string_value(value);
    if (!name)
        return xl_fail(err, XLSTM_EFORMAT, "%s: tensor '%.200s': dtype is missing or no string", path,
                       e->tensor.name);
    for (int i = 0; i < XLSTM_DTYPE_COUNT; i++) {
        if (!strcmp(name, dtypes[i].name)) {
            e->tensor.dtype = (xlstm_dtype)i;
            return XLSTM_OK;
        }
    }
    int status = XLSTM_EFORMAT;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (!strcmp(name, others[i])) status = XLSTM_EUNSUPPORTED;
    }
    return xl_fail(err, status, "%s: tensor '%.200s': dtype '%.40s', wanted F32, F16, BF16, F64, I32 or I64", path,
                   e->tensor.name, name);
}

static int read_shape(entry *e, const char *path, json_t *value, xlstm_error *err) {
    xlstm_tensor *t = &e->tensor;
    if (!json_is_array(value) || json_array_size(value) > XLSTM_MAX_RANK)
        return xl_fail(err, XLSTM_EFORMAT, "%s: tensor '%.200s': shape is not an array of at most %d sizes", path,
                       t->name, XLSTM_MAX_RANK);
    t->rank = (int)json_array_size(value);
    for (int i = 0; i < t->rank; i++) {
        json_t *size = json_array_get(value, (size_t)i);
        if (!json_is_integer(size) || json_integer_value(size) < 0)
            return xl_fail(err, XLSTM_EFORMAT, "%s: tensor '%.200s': shape[%d] is not an integer from 0", path,
                           t->name, i);
        t->shape[i] = json_integer_value(size);
    }
    size_t elements;
    if (!xl_tensor_size(t->dtype, t->rank, t->shape, &elements, &t->bytes)) {
        char text[200];
        return xl_fail(err, XLSTM_EFORMAT, "%s: tensor '%.200s': shape %s overflows", path, t->name,
                       xl_shape_text(t->rank, t->shape, text, sizeof text));
    }
    return XLSTM_OK;
}

static int read_offsets(entry *e, const char *path, json_t *value, size_t data_bytes, xlstm_error *err) {
    const xlstm_tensor *t = &e->tensor;
    json_t *first = json_array_get(value, 0), *second = json_array_get(value, 1);
    if (!json_is_array(value) || json_array_size(value) != 2 || !json_is_integer(first) ||
        !json_is_integer(second) || json_integer_value(first) < 0 || json_integer_value(second) < 0)
        return xl_fail(err, XLSTM_EFORMAT,
                       "%s: tensor '%.200s': data_offsets is not an array of two integers from 0", path, t->name);
    uint64_t begin = (uint64_t)json_integer_value(first), end = (uint64_t)json_integer_value(second);
    if (begin > end || end > data_bytes)
        return xl_fail(
            err, XLSTM_EFORMAT,
            "%s: tensor '%.200s': data_offsets [%" PRIu64 ", %" PRIu64 "] are not inside the %zu bytes of data%s",
            path, t->name, begin, end, data_bytes, begin <= end ? ": the download may not have finished" : "");
    if (end - begin != t->bytes) {
        char text[200];
        return xl_fail(err, XLSTM_EFORMAT,
                       "%s: tensor '%.200s': data_offsets hold %" PRIu64 " bytes, %s %s takes %zu", path, t->name,
                       end - begin, xlstm_dtype_name(t->dtype), xl_shape_text(t->rank, t->shape, text, sizeof text),
                       t->bytes);
    }
    e->begin = (size_t)begin;
    return XLSTM_OK;
}

static int read_metadata(xl_safetensors *out, const char *path, json_t *object, xlstm_error *err) {
    if (!json_is_object(object)) return xl_fail(err, XLSTM_EFORMAT, "%s: __metadata__ is not an object", path);
    out->metadata = calloc(json_object_size(object) + 1, 2 * sizeof *out->metadata);
    if (!out->metadata) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        size_t i = 2 * out->metadata_count++;
        out->metadata[i] = strdup(key);
        out->metadata[i + 1] = strdup(json_string_value(value));
        if (!out->metadata[i] || !out->metadata[i + 1])
            return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    }
    return XLSTM_OK;
}

/* Reads every tensor of `root` into entries, which has room for all; *count is set to those whose name is owned. */
static int read_entries(entry *entries, size_t *count, xl_safetensors *out, const char *path, json_t *root,
                        size_t data_bytes, xlstm_error *err) {
    const char *name;
    json_t *value;
    json_object_foreach(root, name, value) {
        if (!strcmp(name, "__metadata__")) {
            int status = read_metadata(out, path, value, err);
            if (status) return status;
            continue;
        }
        if (!json_is_object(value))
            return xl_fail(err, XLSTM_EFORMAT, "%s: tensor '%.200s' is not an object", path, name);
        entry *e = &entries[*count];
        memset(e, 0, sizeof *e);
        e->tensor.name = strdup(name);
        if (!e->tensor.name) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
        ++*count;
        int status = read_dtype(e, path, json_object_get(value, "dtype"), err);
        if (!status) status = read_shape(e, path, json_object_get(value, "shape"), err);
        if (!status) status = read_offsets(e, path, json_object_get(value, "data_offsets"), data_bytes, err);
        if (status) return status;
    }
    return XLSTM_OK;
}

/* In the order of offsets, each tensor must begin where the one before it ends, and the last must end at the end of
 * the data. */
static int check_cover(const entry *entries, size_t count, const char *path, size_t data_bytes, xlstm_error *err) {
    size_t end = 0;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].begin != end)
            return xl_fail(err, XLSTM_EFORMAT, "%s: tensor '%.200s' begins at %zu, the one before ends at %zu: %s",
                           path, entries[i].tensor.name, entries[i].begin, end,
                           entries[i].begin < end ? "they overlap" : "a hole");
        end += entries[i].tensor.bytes;
    }
    if (end != data_bytes)
        return xl_fail(err, XLSTM_EFORMAT, "%s: tensors take %zu bytes, the file holds %zu of data%s", path, end,
                       data_bytes, end > data_bytes ? ": the download may not have finished" : "");
    return XLSTM_OK;
}

static int by_name(const void *a, const void *b) {
    const xlstm_tensor *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* Moves the entries, names included, into *out. */
static int keep(xl_safetensors *out, entry *entries, size_t *count, const char *path, xlstm_error *err) {
    size_t n = *count;
    out->tensors = xl_array(n, sizeof *out->tensors);
    out->offsets = xl_array(n, sizeof *out->offsets);
    out->by_name = xl_array(n, sizeof *out->by_name);
    if (!out->tensors || !out->offsets || !out->by_name)
        return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory for %zu tensors", path, n);
    for (size_t i = 0; i < n; i++) {
        out->tensors[i] = entries[i].tensor;
        out->offsets[i] = entries[i].begin;
        out->by_name[i] = &out->tensors[i];
    }
    out->count = n;
    *count = 0;
    qsort(out->by_name, n, sizeof *out->by_name, by_name);
    return XLSTM_OK;
}

/* Three keys of a tensor are used, and the strings of the metadata. */
static xl_json_use used(size_t depth, const char *const keys[], char first) {
    static const char *const list[] = {"dtype", "shape", "data_offsets", NULL};
    if (!depth) return XL_JSON_ENTER;
    bool metadata = !strcmp(keys[0], "__metadata__");
    return (metadata ? first == '"' : xl_json_listed(keys[1], list)) ? XL_JSON_USE : XL_JSON_IGNORE;
}

int xl_safetensors_parse(xl_safetensors *out, const char *path, const char *header, size_t bytes, size_t data_bytes,
                         xlstm_error *err) {
    memset(out, 0, sizeof *out);
    entry *entries = NULL;
    size_t count = 0;
    int status = XLSTM_OK;
    json_t *root = NULL;
    char *where = xl_format("%s: header", path);
    status = where ? xl_json_read(&root, where, header, bytes, 0, used, err)
                   : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    free(where);
    if (status) goto out;
    entries = xl_array(json_object_size(root), sizeof *entries);
    if (!entries) {
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory for %zu tensors", path, json_object_size(root));
        goto out;
    }
    status = read_entries(entries, &count, out, path, root, data_bytes, err);
    if (status) goto out;
    qsort(entries, count, sizeof *entries, by_offset);
    status = check_cover(entries, count, path, data_bytes, err);
    if (!status) status = keep(out, entries, &count, path, err);
out:
    for (size_t i = 0; i < count; i++) free((void *)(uintptr_t)entries[i].tensor.name);
    free(entries);
    json_decref(root);
    if (status) xl_safetensors_release(out);
    return status;
}

void xl_safetensors_release(xl_safetensors *header) {
    for (size_t i = 0; i < header->count; i++) free((void *)(uintptr_t)header->tensors[i].name);
    for (size_t i = 0; i < 2 * header->metadata_count; i++) free(header->metadata[i]);
    free(header->metadata);
    free(header->tensors);
    free(header->offsets);
    free(header->by_name);
    memset(header, 0, sizeof *header);
}

void xl_safetensors_place(xl_safetensors *header, const void *data) {
    for (size_t i = 0; i < header->count; i++) header->tensors[i].data = (const char *)data + header->offsets[i];
}

static int name_is(const void *key, const void *element) {
    const xlstm_tensor *const *t = element;
    return strcmp(key, (*t)->name);
}

const xlstm_tensor *xl_safetensors_find(const xl_safetensors *header, const char *name) {
    xlstm_tensor *const *found =
        header->count ? bsearch(name, header->by_name, header->count, sizeof *header->by_name, name_is) : NULL;
    return found ? *found : NULL;
}

int xlstm_tensor_to_f32(const xlstm_tensor *tensor, size_t first, size_t count, float *out, xlstm_error *err) {
    size_t elements, bytes;
    if (!xl_tensor_size(tensor->dtype, tensor->rank, tensor->shape, &elements, &bytes) || first > elements ||
        count > elements - first)
        return xl_fail(err, XLSTM_EARG, "tensor '%.200s': elements %zu … +%zu are outside its shape",
                       tensor->name ? tensor->name : "", first, count);
    if (!count) return XLSTM_OK;
    /* Tensors in a file may lie at any address: bytes are copied, never read through a wider pointer. */
    const char *p = (const char *)tensor->data + first * xlstm_dtype_size(tensor->dtype);
    switch (tensor->dtype) {
    case XLSTM_F32:
        memcpy(out, p, count * sizeof *out);
        return XLSTM_OK;
    case XLSTM_F16:
    case XLSTM_BF16:
        for (size_t i = 0; i < count; i++) {
            uint16_t x;
            memcpy(&x, p + 2 * i, sizeof x);
            out[i] = tensor->dtype == XLSTM_F16 ? xl_f16_to_f32(x) : xl_bf16_to_f32(x);
        }
        return XLSTM_OK;
    case XLSTM_F64:
        for (size_t i = 0; i < count; i++) {
            double x;
            memcpy(&x, p + 8 * i, sizeof x);
            out[i] = (float)x;
        }
        return XLSTM_OK;
    default:
        return xl_fail(err, XLSTM_EARG, "tensor '%.200s': dtype %s, wanted F32, F16, BF16 or F64",
                       tensor->name ? tensor->name : "", xlstm_dtype_name(tensor->dtype));
    }
}

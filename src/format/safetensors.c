#include "format/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/half.h"
#include "base/memory.h"
#include "format/json_reader.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensor files are little-endian and used in place");

static const struct {
    const char *name;
    size_t size;
} dtypes[XLSTM_DTYPE_COUNT] = {
    [XLSTM_F32] = {"F32", 4}, [XLSTM_F16] = {"F16", 2}, [XLSTM_BF16] = {"BF16", 2}, [XLSTM_F64] = {"F64", 8},
    [XLSTM_I32] = {"I32", 4}, [XLSTM_I64] = {"I64", 8}, [XLSTM_U8] = {"U8", 1}};

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

enum { DTYPE, SHAPE, OFFSETS, KEYS };

/* One tensor, its place in the data section and which of its keys have been read. */
typedef struct entry {
    xlstm_tensor tensor;
    uint64_t begin, end;
    bool has[KEYS];
} entry;

static int by_offset(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->tensor.bytes != y->tensor.bytes) return x->tensor.bytes < y->tensor.bytes ? -1 : 1;
    return strcmp(x->tensor.name, y->tensor.name);
}

static int malformed(const xl_json_reader *r, const entry *e, const char *what) {
    return xl_fail(r->err, XLSTM_EFORMAT, "%s: tensor '%.200s': %s", r->path, e->tensor.name, what);
}

/* A key of a tensor that comes twice must have the same value: the second is compared with the first. */
static int read_dtype(xl_json_reader *r, entry *e) {
    static const char *const others[] = {"BOOL", "I8", "I16", "U16", "U32", "U64", "F8_E4M3", "F8_E5M2"};
    if (xl_json_peek(r) != '"') return malformed(r, e, "dtype is missing or no string");
    const char *name = xl_json_text(r);
    if (!name) return r->status;
    int status = XLSTM_EFORMAT;
    for (int i = 0; i < XLSTM_DTYPE_COUNT; i++) {
        if (strcmp(name, dtypes[i].name)) continue;
        if (e->has[DTYPE] && e->tensor.dtype != (xlstm_dtype)i) return malformed(r, e, "dtype is there twice");
        e->tensor.dtype = (xlstm_dtype)i;
        return XLSTM_OK;
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (!strcmp(name, others[i])) status = XLSTM_EUNSUPPORTED;
    }
    return xl_fail(r->err, status, "%s: tensor '%.200s': dtype '%.40s', wanted F32, F16, BF16, F64, I32, I64 or U8",
                   r->path, e->tensor.name, name);
}

static int read_shape(xl_json_reader *r, entry *e) {
    xlstm_tensor *t = &e->tensor;
    int64_t shape[XLSTM_MAX_RANK] = {0};
    int rank = 0;
    bool good = xl_json_peek(r) == '[';
    if (good) xl_json_enter(r);
    for (; good && xl_json_element(r); rank++) {
        good = rank < XLSTM_MAX_RANK;
        if (good && (!xl_json_integer(r, &shape[rank]) || shape[rank] < 0))
            return xl_fail(r->err, XLSTM_EFORMAT, "%s: tensor '%.200s': shape[%d] is not an integer from 0",
                           r->path, t->name, rank);
    }
    if (r->status) return r->status;
    if (!good)
        return xl_fail(r->err, XLSTM_EFORMAT, "%s: tensor '%.200s': shape is not an array of at most %d sizes",
                       r->path, t->name, XLSTM_MAX_RANK);
    if (e->has[SHAPE] && (rank != t->rank || memcmp(shape, t->shape, sizeof shape)))
        return malformed(r, e, "shape is there twice");
    t->rank = rank;
    memcpy(t->shape, shape, sizeof shape);
    return XLSTM_OK;
}

static int read_offsets(xl_json_reader *r, entry *e) {
    int64_t offsets[2] = {0};
    int count = 0;
    bool good = xl_json_peek(r) == '[';
    if (good) xl_json_enter(r);
    for (; good && xl_json_element(r); count++)
        good = count < 2 && xl_json_integer(r, &offsets[count]) && offsets[count] >= 0;
    if (r->status) return r->status;
    if (!good || count != 2) return malformed(r, e, "data_offsets is not an array of two integers from 0");
    if (e->has[OFFSETS] && ((uint64_t)offsets[0] != e->begin || (uint64_t)offsets[1] != e->end))
        return malformed(r, e, "data_offsets is there twice");
    e->begin = (uint64_t)offsets[0];
    e->end = (uint64_t)offsets[1];
    return XLSTM_OK;
}

/* Checks the shape, and the offsets against it and the data section. */
static int check_size(const xl_json_reader *r, entry *e, size_t data_bytes) {
    xlstm_tensor *t = &e->tensor;
    size_t elements;
    char text[200];
    if (!xl_tensor_size(t->dtype, t->rank, t->shape, &elements, &t->bytes))
        return xl_fail(r->err, XLSTM_EFORMAT, "%s: tensor '%.200s': shape %s overflows", r->path, t->name,
                       xl_shape_text(t->rank, t->shape, text, sizeof text));
    if (e->begin > e->end || e->end > data_bytes)
        return xl_fail(r->err, XLSTM_EFORMAT,
                       "%s: tensor '%.200s': data_offsets [%" PRIu64 ", %" PRIu64
                       "] are not inside the %zu bytes of data%s",
                       r->path, t->name, e->begin, e->end, data_bytes,
                       e->begin <= e->end ? ": the download may not have finished" : "");
    if (e->end - e->begin != t->bytes)
        return xl_fail(r->err, XLSTM_EFORMAT,
                       "%s: tensor '%.200s': data_offsets hold %" PRIu64 " bytes, %s %s takes %zu", r->path,
                       t->name, e->end - e->begin, xlstm_dtype_name(t->dtype),
                       xl_shape_text(t->rank, t->shape, text, sizeof text), t->bytes);
    return XLSTM_OK;
}

/* Reads the tensor whose name is set. */
static int read_tensor(xl_json_reader *r, entry *e, size_t data_bytes) {
    static const struct {
        const char *key;
        int (*read)(xl_json_reader *r, entry *e);
    } used[KEYS] = {[DTYPE] = {"dtype", read_dtype},
                    [SHAPE] = {"shape", read_shape},
                    [OFFSETS] = {"data_offsets", read_offsets}};
    if (xl_json_peek(r) != '{')
        return xl_fail(r->err, XLSTM_EFORMAT, "%s: tensor '%.200s' is not an object", r->path, e->tensor.name);
    xl_json_string key;
    xl_json_enter(r);
    while (xl_json_member(r, &key)) {
        int k = 0;
        while (k < KEYS && strcmp(key.text, used[k].key)) k++;
        if (k == KEYS) {
            xl_json_skip(r);
            continue;
        }
        int status = used[k].read(r, e);
        if (status) return status;
        e->has[k] = true;
    }
    if (r->status) return r->status;
    if (!e->has[DTYPE]) return malformed(r, e, "dtype is missing or no string");
    if (!e->has[SHAPE]) return malformed(r, e, "shape is missing");
    if (!e->has[OFFSETS]) return malformed(r, e, "data_offsets is missing");
    return check_size(r, e, data_bytes);
}

/* Strings of the metadata are kept, anything else in it is skipped. */
static int read_metadata(xl_json_reader *r, xl_safetensors *out) {
    if (xl_json_peek(r) != '{') return xl_fail(r->err, XLSTM_EFORMAT, "%s: __metadata__ is not an object", r->path);
    if (out->metadata) return xl_fail(r->err, XLSTM_EFORMAT, "%s: __metadata__ is there twice", r->path);
    xl_json_string key;
    size_t capacity = 0;
    xl_json_enter(r);
    do {
        xl_metadata *kept = xl_grow(out->metadata, &capacity, out->metadata_count + 1, sizeof *kept);
        if (!kept) return xl_fail(r->err, XLSTM_ENOMEM, "%s: out of memory", r->path);
        out->metadata = kept;
        if (!xl_json_member(r, &key)) break;
        if (xl_json_peek(r) != '"') {
            xl_json_skip(r);
        } else if (xl_json_check(r, &key)) {
            kept[out->metadata_count++] = (xl_metadata){.key = key.text, .value = xl_json_text(r)};
        }
    } while (!r->status);
    return r->status;
}

static int by_key(const void *a, const void *b) {
    const xl_metadata *x = a, *y = b;
    return strcmp(x->key, y->key);
}

/* A key of the metadata that comes twice must have the same value. */
static int check_metadata(xl_safetensors *out, const char *path, xlstm_error *err) {
    if (out->metadata_count) qsort(out->metadata, out->metadata_count, sizeof *out->metadata, by_key);
    for (size_t i = 1; i < out->metadata_count; i++) {
        const xl_metadata *m = &out->metadata[i];
        if (!strcmp(m[-1].key, m->key) && strcmp(m[-1].value, m->value))
            return xl_fail(err, XLSTM_EFORMAT, "%s: __metadata__: '%.200s' is there twice", path, m->key);
    }
    return XLSTM_OK;
}

/* A growing list of tensors, while a header is being read. */
typedef struct entries {
    entry *list;
    size_t count, capacity;
} entries;

static int read_entries(xl_json_reader *r, entries *e, xl_safetensors *out, size_t data_bytes) {
    xl_json_string name;
    while (xl_json_member(r, &name)) {
        int status;
        if (!strcmp(name.text, "__metadata__")) {
            status = read_metadata(r, out);
            if (status) return status;
            continue;
        }
        if (!xl_json_check(r, &name)) return r->status;
        entry *grown = xl_grow(e->list, &e->capacity, e->count + 1, sizeof *grown);
        if (!grown) return xl_fail(r->err, XLSTM_ENOMEM, "%s: out of memory", r->path);
        e->list = grown;
        entry *last = &grown[e->count++];
        *last = (entry){.tensor.name = name.text};
        status = read_tensor(r, last, data_bytes);
        if (status) return status;
    }
    return r->status;
}

/* In the order of offsets, each tensor must begin where the one before it ends, and the last must end at the end of
 * the data. */
static int check_cover(const entry *list, size_t count, const char *path, size_t data_bytes, xlstm_error *err) {
    size_t end = 0;
    for (size_t i = 0; i < count; i++) {
        if (list[i].begin != end)
            return xl_fail(err, XLSTM_EFORMAT, "%s: tensor '%.200s' begins at %zu, the one before ends at %zu: %s",
                           path, list[i].tensor.name, (size_t)list[i].begin, end,
                           list[i].begin < end ? "they overlap" : "a hole");
        end += list[i].tensor.bytes;
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

/* Moves the tensors into *out, where no two may have one name. */
static int keep(xl_safetensors *out, const entries *e, const char *path, xlstm_error *err) {
    size_t n = e->count;
    out->tensors = xl_array(n, sizeof *out->tensors);
    out->offsets = xl_array(n, sizeof *out->offsets);
    out->by_name = xl_array(n, sizeof *out->by_name);
    if (!out->tensors || !out->offsets || !out->by_name)
        return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory for %zu tensors", path, n);
    for (size_t i = 0; i < n; i++) {
        out->tensors[i] = e->list[i].tensor;
        out->offsets[i] = (size_t)e->list[i].begin;
        out->by_name[i] = &out->tensors[i];
    }
    out->count = n;
    qsort(out->by_name, n, sizeof *out->by_name, by_name);
    for (size_t i = 1; i < n; i++) {
        const char *name = out->by_name[i]->name;
        if (!strcmp(out->by_name[i - 1]->name, name))
            return xl_fail(err, XLSTM_EFORMAT, "%s: tensor '%.200s' is there twice", path, name);
    }
    return XLSTM_OK;
}

int xl_safetensors_parse(xl_safetensors *out, const char *path, const char *header, size_t bytes, size_t data_bytes,
                         xlstm_error *err) {
    memset(out, 0, sizeof *out);
    entries e = {.count = 0};
    xl_json_reader r;
    char *where = xl_format("%s: header", path);
    out->text = xl_array(bytes, 1);
    int status = XLSTM_OK;
    if (!where || !out->text) {
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory for a header of %zu bytes", path, bytes);
        goto out;
    }
    if (bytes) memcpy(out->text, header, bytes);
    xl_json_open(&r, where, out->text, bytes, err);
    status = read_entries(&r, &e, out, data_bytes);
    if (!status) status = xl_json_close(&r);
    if (!status) status = check_metadata(out, where, err);
    if (status) goto out;
    if (e.count) qsort(e.list, e.count, sizeof *e.list, by_offset);
    status = check_cover(e.list, e.count, path, data_bytes, err);
    if (!status) status = keep(out, &e, path, err);
out:
    free(where);
    free(e.list);
    if (status) xl_safetensors_release(out);
    return status;
}

void xl_safetensors_release(xl_safetensors *header) {
    free(header->text);
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

/* Writing of tensor files: header first, then the tensors' bytes as they come, all into a temporary that takes the
 * file's name at the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/output.h"
#include "format/safetensors.h"

/* Readers map the file; a data section at a multiple of this keeps every tensor as aligned as its size allows. */
#define DATA_ALIGNMENT 64

struct xlstm_tensor_writer {
    char *path;
    xl_output *output;
    size_t left; /* bytes still to append */
};

static json_t *tensor_entry(const xlstm_tensor *t, size_t begin, size_t end) {
    json_t *shape = json_array();
    for (int i = 0; i < t->rank; i++) json_array_append_new(shape, json_integer(t->shape[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", xlstm_dtype_name(t->dtype), "shape", shape, "data_offsets",
                     (json_int_t)begin, (json_int_t)end);
}

static int add_metadata(json_t *root, const char *path, const char *text, xlstm_error *err) {
    json_error_t where;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &where), *value;
    const char *key;
    int status = XLSTM_OK;
    if (!json_is_object(object)) status = xl_fail(err, XLSTM_EARG, "%s: metadata is not a JSON object", path);
    json_object_foreach(object, key, value) {
        if (!json_is_string(value))
            status = xl_fail(err, XLSTM_EARG, "%s: metadata '%.200s' is not a string", path, key);
    }
    if (!status && json_object_set(root, "__metadata__", object))
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    json_decref(object);
    return status;
}

/* The 8 bytes of length and the padded header, malloc'd; *data_bytes: what all tensors take. */
static int make_header(char **out, size_t *bytes, size_t *data_bytes, const char *path, const xlstm_tensor *tensors,
                       size_t count, const char *metadata, xlstm_error *err) {
    int status = XLSTM_OK;
    char *text = NULL;
    size_t end = 0;
    json_t *root = json_object();
    if (!root) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    if (metadata) status = add_metadata(root, path, metadata, err);
    for (size_t i = 0; !status && i < count; i++) {
        const xlstm_tensor *t = &tensors[i];
        size_t elements, size, begin = end;
        if (!xlstm_dtype_size(t->dtype) || !xl_tensor_size(t->dtype, t->rank, t->shape, &elements, &size) ||
            !xl_add(end, size, &end) || end > INT64_MAX) {
            status = xl_fail(err, XLSTM_EARG, "%s: tensor '%.200s' has no valid dtype and shape", path, t->name);
        } else if (json_object_get(root, t->name) || !strcmp(t->name, "__metadata__")) {
            status = xl_fail(err, XLSTM_EARG, "%s: tensor '%.200s' is there twice", path, t->name);
        } else if (json_object_set_new(root, t->name, tensor_entry(t, begin, end))) {
            status = xl_fail(err, XLSTM_EARG, "%s: tensor '%.200s': the name is not UTF-8", path, t->name);
        }
    }
    if (status) goto out;
    size_t length = json_dumpb(root, NULL, 0, JSON_COMPACT);
    size_t padded = (8 + length + DATA_ALIGNMENT - 1) / DATA_ALIGNMENT * DATA_ALIGNMENT;
    if (padded - 8 > XL_SAFETENSORS_HEADER_LIMIT) {
        status = xl_fail(err, XLSTM_EARG, "%s: header of %zu bytes is too large", path, length);
        goto out;
    }
    if (length) text = xl_array(padded, 1);
    if (!text) {
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory for a header of %zu bytes", path, length);
        goto out;
    }
    memset(text, ' ', padded);
    for (int i = 0; i < 8; i++) text[i] = (char)((padded - 8) >> 8 * i & 0xff);
    json_dumpb(root, text + 8, length, JSON_COMPACT);
    *out = text;
    *bytes = padded;
    *data_bytes = end;
out:
    json_decref(root);
    return status;
}

int xlstm_tensor_writer_begin(xlstm_tensor_writer **out, const char *path, const xlstm_tensor *tensors,
                              size_t count, const char *metadata_json, xlstm_error *err) {
    *out = NULL;
    char *header = NULL;
    size_t bytes = 0;
    xlstm_tensor_writer *w = calloc(1, sizeof *w);
    if (!w) return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
    int status = make_header(&header, &bytes, &w->left, path, tensors, count, metadata_json, err);
    if (status) goto fail;
    w->path = strdup(path);
    if (!w->path) {
        status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", path);
        goto fail;
    }
    status = xl_output_open(&w->output, path, err);
    if (!status) status = xl_output_write(w->output, header, bytes, err);
    if (status) goto fail;
    free(header);
    *out = w;
    return XLSTM_OK;
fail:
    free(header);
    xlstm_tensor_writer_abort(w);
    return status;
}

int xlstm_tensor_writer_append(xlstm_tensor_writer *writer, const void *data, size_t bytes, xlstm_error *err) {
    if (bytes > writer->left)
        return xl_fail(err, XLSTM_EARG, "%s: %zu bytes appended where %zu are left", writer->path, bytes,
                       writer->left);
    int status = xl_output_write(writer->output, data, bytes, err);
    if (!status) writer->left -= bytes;
    return status;
}

int xlstm_tensor_writer_finish(xlstm_tensor_writer *writer, xlstm_error *err) {
    int status = XLSTM_OK;
    if (writer->left) {
        status = xl_fail(err, XLSTM_EARG, "%s: %zu bytes of tensors were not appended", writer->path, writer->left);
    } else {
        status = xl_output_commit(writer->output, err);
        writer->output = NULL;
    }
    xlstm_tensor_writer_abort(writer);
    return status;
}

void xlstm_tensor_writer_abort(xlstm_tensor_writer *writer) {
    if (!writer) return;
    xl_output_abort(writer->output);
    free(writer->path);
    free(writer);
}

int xlstm_tensor_file_write(const char *path, const xlstm_tensor *tensors, size_t count, const char *metadata_json,
                            xlstm_error *err) {
    for (size_t i = 0; i < count; i++) {
        size_t elements, bytes;
        if (!xl_tensor_size(tensors[i].dtype, tensors[i].rank, tensors[i].shape, &elements, &bytes) ||
            bytes != tensors[i].bytes)
            return xl_fail(err, XLSTM_EARG, "%s: tensor '%.200s': %zu bytes do not match its dtype and shape", path,
                           tensors[i].name, tensors[i].bytes);
    }
    xlstm_tensor_writer *writer;
    int status = xlstm_tensor_writer_begin(&writer, path, tensors, count, metadata_json, err);
    if (status) return status;
    for (size_t i = 0; i < count; i++) {
        status = xlstm_tensor_writer_append(writer, tensors[i].data, tensors[i].bytes, err);
        if (status) {
            xlstm_tensor_writer_abort(writer);
            return status;
        }
    }
    return xlstm_tensor_writer_finish(writer, err);
}

/* Tensor files beyond the public interface (xlstm/tensor_file.h): what the loader and the fuzz target need.
 *
 * The format: 8 bytes little-endian header length N, N bytes of JSON
 *     {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, …, "__metadata__": {"k": "v"}}
 * (blanks may follow the object), then the data section, from whose beginning the offsets count. As in the
 * reference implementation, further keys of a tensor and metadata that are not strings are ignored, and the
 * tensors, sorted by offset, must cover the data section exactly: a hole, an overlap or bytes behind the last
 * tensor make the file malformed. */
#ifndef XL_FORMAT_SAFETENSORS_H
#define XL_FORMAT_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/tensor_file.h>

#define XL_SAFETENSORS_HEADER_LIMIT ((size_t)100000000)

typedef struct xl_metadata {
    const char *key, *value;
} xl_metadata;

/* A parsed header. Tensors are sorted by offset (equal offsets, of empty tensors, by name); their `data` is set by
 * xl_safetensors_place and NULL before. */
typedef struct xl_safetensors {
    xlstm_tensor *tensors;
    size_t *offsets;        /* [count] begin of each tensor in the data section, bytes */
    xlstm_tensor **by_name; /* [count] sorted by name */
    size_t count;
    xl_metadata *metadata; /* [metadata_count] sorted by key */
    size_t metadata_count;
    char *text; /* the header, in which all names, keys and values lie */
} xl_safetensors;

/* Parses and checks header[0 … bytes), the JSON alone, against a data section of data_bytes bytes. `path` is for
 * messages. On failure *out is empty. Release with xl_safetensors_release. */
int xl_safetensors_parse(xl_safetensors *out, const char *path, const char *header, size_t bytes, size_t data_bytes,
                         xlstm_error *err);
void xl_safetensors_release(xl_safetensors *header);
/* Points every tensor's data into the data section at `data`. */
void xl_safetensors_place(xl_safetensors *header, const void *data);
/* NULL where there is none of that name. */
const xlstm_tensor *xl_safetensors_find(const xl_safetensors *header, const char *name);

/* Product of a shape and its bytes; false where a dimension is negative or a product does not fit size_t. */
bool xl_tensor_size(xlstm_dtype dtype, int rank, const int64_t *shape, size_t *elements, size_t *bytes);

/* "[2, 3]" into text[0 … size), cut where it does not fit. Returns text. */
const char *xl_shape_text(int rank, const int64_t *shape, char *text, size_t size);

const char *xl_tensor_file_path(const xlstm_tensor_file *file);
/* Tells the system that these bytes will be needed soon. */
void xl_tensor_file_prefetch(const xlstm_tensor_file *file, const xlstm_tensor *tensor, size_t first, size_t bytes);
/* Reads bytes [first, first + bytes) of a tensor through the file's descriptor instead of its mapping: an
 * unreadable disk then gives EIO, not a signal, and no pages of the mapping become resident. The range must be
 * inside the tensor. */
int xl_tensor_file_read(const xlstm_tensor_file *file, const xlstm_tensor *tensor, size_t first, void *data,
                        size_t bytes, xlstm_error *err);

#endif

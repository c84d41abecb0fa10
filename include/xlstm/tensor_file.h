/* Reading and writing of tensor files (safetensors), one file at a time. */
#ifndef XLSTM_TENSOR_FILE_H
#define XLSTM_TENSOR_FILE_H

#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum xlstm_dtype {
    XLSTM_F32,
    XLSTM_F16,
    XLSTM_BF16,
    XLSTM_F64,
    XLSTM_I32,
    XLSTM_I64,
    XLSTM_U8, /* bytes: weights in blocks, among others */
    XLSTM_DTYPE_COUNT
} xlstm_dtype;

#define XLSTM_DTYPE_ROOM 16 /* for arrays by dtype: more than there are */

/* Bytes of one element; 0 for an invalid value. */
XLSTM_API size_t xlstm_dtype_size(xlstm_dtype dtype);
/* "F32", "F16", "BF16", … as safetensors spells it; "?" for an invalid value. */
XLSTM_API const char *xlstm_dtype_name(xlstm_dtype dtype);

#define XLSTM_MAX_RANK 8

/* A view of one tensor. `data` is row-major, little-endian, possibly unaligned, owned by the file that gave it. */
typedef struct xlstm_tensor {
    const char *name;
    xlstm_dtype dtype;
    int rank;
    int64_t shape[XLSTM_MAX_RANK];
    const void *data;
    size_t bytes;
} xlstm_tensor;

typedef struct xlstm_tensor_file xlstm_tensor_file;

/* Maps `path` and checks its whole header: it is at most 100,000,000 bytes of JSON; every name is UTF-8 and occurs
 * once; every dtype is one of the above; a rank is at most XLSTM_MAX_RANK; the bytes of a tensor are those of its
 * shape and dtype; and the tensors fill the data section without overlap, hole or rest, as the format demands. Only
 * the header is read. On success *out is the caller's, to close. The file must not be truncated by others while it
 * is open (a read of lost pages raises SIGBUS). */
XLSTM_API int xlstm_tensor_file_open(xlstm_tensor_file **out, const char *path, xlstm_error *err);
XLSTM_API void xlstm_tensor_file_close(xlstm_tensor_file *file);
XLSTM_API size_t xlstm_tensor_file_count(const xlstm_tensor_file *file);
/* Tensors in order of their offset; NULL past the end. */
XLSTM_API const xlstm_tensor *xlstm_tensor_file_at(const xlstm_tensor_file *file, size_t index);
/* NULL where there is none of that name. */
XLSTM_API const xlstm_tensor *xlstm_tensor_file_find(const xlstm_tensor_file *file, const char *name);
/* Value of a key of the file's metadata (its "__metadata__" object of strings); NULL where there is none. Owned by
 * the file. */
XLSTM_API const char *xlstm_tensor_file_metadata(const xlstm_tensor_file *file, const char *key);
/* Converts elements [first, first + count) to float32 (F32, F16, BF16, F64). Fails with EARG outside the tensor. */
XLSTM_API int xlstm_tensor_to_f32(const xlstm_tensor *tensor, size_t first, size_t count, float *out,
                                  xlstm_error *err);

/* Writes tensors to `path`, with the data section aligned to 64 bytes. A file appears whole or not at all: a
 * temporary file beside it is synced and renamed. A link is followed, a FIFO or device is written in place, and "-"
 * is standard output. Name, dtype, rank, shape and data of each tensor are read; `bytes` must be those of shape and
 * dtype. `metadata_json` is NULL or a JSON object of strings. EARG for a name that occurs twice or is not UTF-8,
 * and for a bad shape, dtype or metadata. */
XLSTM_API int xlstm_tensor_file_write(const char *path, const xlstm_tensor *tensors, size_t count,
                                      const char *metadata_json, xlstm_error *err);

/* The same in pieces, for files larger than memory: begin with the full list (data and bytes are ignored), append
 * the bytes of the tensors in that order in pieces of any size, then finish (fsync and rename; EARG where bytes are
 * missing) or abort (the temporary file is removed; NULL is accepted). Both release the writer, finish also when it
 * fails. */
typedef struct xlstm_tensor_writer xlstm_tensor_writer;
XLSTM_API int xlstm_tensor_writer_begin(xlstm_tensor_writer **out, const char *path, const xlstm_tensor *tensors,
                                        size_t count, const char *metadata_json, xlstm_error *err);
XLSTM_API int xlstm_tensor_writer_append(xlstm_tensor_writer *writer, const void *data, size_t bytes,
                                         xlstm_error *err);
XLSTM_API int xlstm_tensor_writer_finish(xlstm_tensor_writer *writer, xlstm_error *err);
XLSTM_API void xlstm_tensor_writer_abort(xlstm_tensor_writer *writer);

#ifdef __cplusplus
}
#endif
#endif

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
    XLSTM_DTYPE_COUNT
} xlstm_dtype;

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

/* Maps `path` and checks its whole header (offsets inside the file, no overlap, no overflow, bytes = shape x
 * dtype, UTF-8 names, no duplicate). On success *out is the caller's, to close. Nothing is read but the header. */
XLSTM_API int xlstm_tensor_file_open(xlstm_tensor_file **out, const char *path, xlstm_error *err);
XLSTM_API void xlstm_tensor_file_close(xlstm_tensor_file *file);
XLSTM_API size_t xlstm_tensor_file_count(const xlstm_tensor_file *file);
/* Tensors in order of their offset; NULL past the end. */
XLSTM_API const xlstm_tensor *xlstm_tensor_file_at(const xlstm_tensor_file *file, size_t index);
/* NULL where there is none of that name. */
XLSTM_API const xlstm_tensor *xlstm_tensor_file_find(const xlstm_tensor_file *file, const char *name);
/* Converts elements [first, first + count) to float32 (F32, F16, BF16, F64). Fails with EARG outside the tensor. */
XLSTM_API int xlstm_tensor_to_f32(const xlstm_tensor *tensor, size_t first, size_t count, float *out,
                                  xlstm_error *err);

/* Writes tensors to `path` atomically (a temporary beside it, fsync, rename). `metadata_json` may be NULL or a
 * JSON object of strings. All `data` pointers must stay valid during the call. */
XLSTM_API int xlstm_tensor_file_write(const char *path, const xlstm_tensor *tensors, size_t count,
                                      const char *metadata_json, xlstm_error *err);

/* The same one tensor at a time, for files larger than memory: begin with the full list (data ignored), append
 * bytes in that order, then finish (fsync, rename) or abort (the temporary is removed). Both end the writer. */
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

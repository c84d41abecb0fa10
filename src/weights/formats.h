/* The formats in which weights are held. A weight is rows of whole blocks of one format. Nothing but this
 * folder and the kernels knows how a block is made (blocks.h), and nothing else computes bytes from elements. */
#ifndef XL_WEIGHTS_FORMATS_H
#define XL_WEIGHTS_FORMATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum xl_format_id {
#define FORMAT(id, name) XL_FORMAT_##id,
#include "weights/formats.def"
#undef FORMAT
    XL_FORMAT_COUNT
} xl_format_id;

typedef struct xl_format_row {
    const char *name;
    const char *text; /* one line: how a value is held */
    int64_t block; /* elements of a block; the last one of a row is filled up with zeros, or, in q4_k, with values
                    * no larger than its own, which meet activations that are filled up with zeros */
    /* In long blocks: the format of shorter ones that rows which would have to be filled up too far are held in.
     * Else the format itself. */
    xl_format_id short_rows;
    size_t block_bytes; /* of a block */
    float largest; /* magnitude that stays finite; above it a value becomes infinite, or is cut off in a block */
    /* Relative L2 error of a model's logits that rounding its weights to this format may cause: what `verify`
     * allows where the stored weights were not of this format. */
    double tolerance;
    bool coarse; /* its values have no more significant bits than bfloat16, up to a block's common factor */
    /* dst[0 … n) = the first n elements of the blocks at src, exact; src has any alignment. */
    void (*to_f32)(const void *src, float *dst, size_t n);
    /* Writes the blocks of src[0 … n) with the nearest values; the last block is filled up. Values must be finite
     * for formats with more than one element in a block; float16 overflows to infinity. */
    void (*from_f32)(const float *src, void *dst, size_t n);
    /* The same, where the square of the error of value i counts importance[i] times (>= 0). NULL where each value
     * is rounded by itself. */
    void (*from_f32_weighted)(const float *src, const float *importance, void *dst, size_t n);
    /* Thirty-two values from one block's beginning as scale * q; NULL where blocks are not of that kind. */
    void (*to_int8)(const void *src, int8_t q[32], float *scale);
} xl_format_row;

/* The row of a format; NULL outside the table. Static storage. */
const xl_format_row *xl_format_get(int format);

/* The format in which rows of `cols` elements are held where `wanted` was asked for: its short_rows where filling
 * up the last block would make a row longer by more than a quarter. */
xl_format_id xl_format_of_rows(xl_format_id wanted, int64_t cols);

/* Bytes of a row of `cols` elements: whole blocks. */
size_t xl_format_row_bytes(xl_format_id format, int64_t cols);

/* Bytes before element `col` of a row; `col` is a multiple of the block. */
size_t xl_format_offset(xl_format_id format, int64_t col);

/* A matrix in the host's memory: row r begins at data + r * stride. */
typedef struct xl_matrix {
    const void *data; /* any alignment */
    xl_format_id format;
    int64_t rows, cols;
    size_t stride; /* bytes, at least xl_format_row_bytes(format, cols) */
} xl_matrix;

/* Rows [first, first + count) of w. */
xl_matrix xl_matrix_rows(const xl_matrix *w, int64_t first, int64_t count);

#endif

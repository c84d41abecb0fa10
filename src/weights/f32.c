/* float32, as it is. */
#include <math.h>
#include <string.h>

#include "weights/formats.h"

static void to_f32(const void *src, float *dst, size_t n) {
    if (n) memcpy(dst, src, n * sizeof *dst);
}

static void from_f32(const float *src, void *dst, size_t n) {
    if (n) memcpy(dst, src, n * sizeof *src);
}

const xl_format_row xl_format_f32 = {
    .name = "f32",
    .text = "float32",
    .block = 1,
    .short_rows = XL_FORMAT_F32,
    .block_bytes = sizeof(float),
    .tolerance = 0,
    .largest = INFINITY,
    .to_f32 = to_f32,
    .from_f32 = from_f32,
};

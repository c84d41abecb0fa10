/* float16, rounded to the nearest value, ties to even (IEEE 754-2019). */
#include "base/half.h"
#include "weights/formats.h"

static void to_f32(const void *src, float *dst, size_t n) {
    const char *at = src;
    for (size_t i = 0; i < n; i++) dst[i] = xl_f16_to_f32(xl_load_half(at + i * sizeof(uint16_t)));
}

static void from_f32(const float *src, void *dst, size_t n) {
    char *at = dst;
    for (size_t i = 0; i < n; i++) xl_store_half(at + i * sizeof(uint16_t), xl_f32_to_f16(src[i]));
}

const xl_format_row xl_format_f16 = {
    .name = "f16",
    .text = "float16",
    .block = 1,
    .short_rows = XL_FORMAT_F16,
    .block_bytes = sizeof(uint16_t),
    .tolerance = 0.02,
    .largest = 65519.99609375f,
    .to_f32 = to_f32,
    .from_f32 = from_f32,
};

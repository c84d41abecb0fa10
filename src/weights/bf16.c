/* bfloat16, rounded to the nearest value, ties to even (IEEE 754-2019). */
#include "base/half.h"
#include "weights/formats.h"

static void to_f32(const void *src, float *dst, size_t n) {
    const char *at = src;
    for (size_t i = 0; i < n; i++) dst[i] = xl_bf16_to_f32(xl_load_half(at + i * sizeof(uint16_t)));
}

static void from_f32(const float *src, void *dst, size_t n) {
    char *at = dst;
    for (size_t i = 0; i < n; i++) xl_store_half(at + i * sizeof(uint16_t), xl_f32_to_bf16(src[i]));
}

const xl_format_row xl_format_bf16 = {
    .name = "bf16",
    .text = "bfloat16",
    .block = 1,
    .short_rows = XL_FORMAT_BF16,
    .block_bytes = sizeof(uint16_t),
    .tolerance = 0.15,
    .largest = 0x1.fefffep127f,
    .coarse = true,
    .to_f32 = to_f32,
    .from_f32 = from_f32,
};

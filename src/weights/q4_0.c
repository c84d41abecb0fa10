/* Blocks of 32 numbers of four bits with one float16 scale: value = scale * (number - 8). */
#include <string.h>

#include "base/half.h"
#include "weights/blocks.h"
#include "weights/fit.h"
#include "weights/formats.h"

enum { BLOCK = XL_BLOCK, HALF = 8 };

typedef xl_block_q4_0 block;

static void to_f32(const void *src, float *dst, size_t n) {
    const block *b = src; /* bytes only, so that no alignment is needed */
    for (size_t i = 0; i < n; i += BLOCK, b++) {
        float scale = xl_load_f16(b->scale);
        for (size_t j = 0; j < BLOCK && i + j < n; j++) {
            int q = j < BLOCK / 2 ? b->q[j] & 15 : b->q[j - BLOCK / 2] >> 4;
            dst[i + j] = scale * (float)(q - HALF);
        }
    }
}

static void from_f32_weighted(const float *src, const float *importance, void *dst, size_t n) {
    block *b = dst;
    for (size_t i = 0; i < n; i += BLOCK, b++) {
        xl_fit_values v;
        size_t count = n - i < BLOCK ? n - i : BLOCK;
        xl_fit_take(&v, src + i, importance ? importance + i : NULL, count);
        /* The numbers are chosen for the scale as it is stored, rounded to float16. */
        float scale = xl_store_f16(b->scale, xl_fit_scale(&v, HALF)), inverse = scale != 0 ? 1 / scale : 0;
        memset(b->q, 0, sizeof b->q);
        for (size_t j = 0; j < BLOCK; j++) {
            float q = j < count ? xl_fit_round(v.x[j] * inverse, -HALF, HALF - 1) : 0;
            b->q[j % (BLOCK / 2)] |= (uint8_t)(((int)q + HALF) << (j < BLOCK / 2 ? 0 : 4));
        }
    }
}

static void from_f32(const float *src, void *dst, size_t n) {
    from_f32_weighted(src, NULL, dst, n);
}

static void to_int8(const void *src, int8_t q[BLOCK], float *scale) {
    const block *b = src;
    *scale = xl_load_f16(b->scale);
    for (size_t j = 0; j < BLOCK / 2; j++) {
        q[j] = (int8_t)((b->q[j] & 15) - HALF);
        q[j + BLOCK / 2] = (int8_t)((b->q[j] >> 4) - HALF);
    }
}

const xl_format_row xl_format_q4_0 = {
    .name = "q4_0",
    .text = "4-bit integers, a float16 scale for each 32",
    .block = BLOCK,
    .short_rows = XL_FORMAT_Q4_0,
    .block_bytes = sizeof(block),
    .tolerance = 1,
    .largest = HALF * 65000.0f,
    .coarse = true,
    .to_f32 = to_f32,
    .from_f32 = from_f32,
    .from_f32_weighted = from_f32_weighted,
    .to_int8 = to_int8,
};

/* Blocks of 32 signed bytes with one float16 scale: value = scale * byte. The scale is the largest magnitude of the
 * block over 127, so that no value is cut off. */
#include <math.h>

#include "base/half.h"
#include "weights/blocks.h"
#include "weights/formats.h"

enum { BLOCK = XL_BLOCK, LARGEST = 127 };

typedef xl_block_q8_0 block;

static void to_f32(const void *src, float *dst, size_t n) {
    const block *b = src; /* bytes only, so that no alignment is needed */
    for (size_t i = 0; i < n; b++) {
        float scale = xl_load_f16(b->scale);
        for (size_t j = 0; j < BLOCK && i < n; j++, i++) dst[i] = scale * (float)b->q[j];
    }
}

static void from_f32(const float *src, void *dst, size_t n) {
    block *b = dst;
    for (size_t i = 0; i < n; i += BLOCK, b++) {
        size_t count = n - i < BLOCK ? n - i : BLOCK;
        float most = 0;
        for (size_t j = 0; j < count; j++) most = fmaxf(most, fabsf(src[i + j]));
        /* The bytes are chosen for the scale as it is stored, rounded to float16. */
        float scale = xl_store_f16(b->scale, most / LARGEST), inverse = scale > 0 ? 1 / scale : 0;
        for (size_t j = 0; j < BLOCK; j++) {
            float q = j < count ? rintf(src[i + j] * inverse) : 0;
            b->q[j] = (int8_t)fminf(fmaxf(q, -LARGEST), LARGEST);
        }
    }
}

static void to_int8(const void *src, int8_t q[BLOCK], float *scale) {
    const block *b = src;
    uint16_t half;
    memcpy(&half, b->scale, sizeof half);
    *scale = xl_f16_to_f32(half);
    memcpy(q, b->q, sizeof b->q);
}

const xl_format_row xl_format_q8_0 = {
    .name = "q8_0",
    .text = "8-bit integers, a float16 scale for each 32",
    .block = BLOCK,
    .short_rows = XL_FORMAT_Q8_0,
    .block_bytes = sizeof(block),
    .tolerance = 0.15,
    .largest = 127 * 65504.0f,
    .coarse = true,
    .to_f32 = to_f32,
    .from_f32 = from_f32,
    .to_int8 = to_int8,
};

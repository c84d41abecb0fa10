/* Blocks of 256 numbers of six bits in sixteen groups of 16; a group has a scale. */
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "weights/blocks.h"
#include "weights/fit.h"
#include "weights/formats.h"

enum {
    BLOCK = XL_LONG_BLOCK,
    GROUP = XL_Q6_K_GROUP,
    GROUPS = XL_Q6_K_GROUPS,
    RUN = XL_Q6_K_RUN,
    QUARTERS = XL_Q6_K_QUARTERS,
    HALF = 32,
    BYTE_MAX = 127
};
static const float UNIT = XL_Q6_K_UNIT;

typedef xl_block_q6_k block;

static int number(const block *b, size_t i) {
    size_t run = i / RUN, at = i % RUN;
    int low = at < RUN / 2 ? b->low[run][at] & 15 : b->low[run][at - RUN / 2] >> 4;
    int high = b->high[run / QUARTERS][at] >> 2 * (run % QUARTERS) & 3;
    return (low | high << 4) - HALF;
}

static void set_number(block *b, size_t i, int q) {
    size_t run = i / RUN, at = i % RUN;
    unsigned u = (unsigned)(q + HALF);
    b->low[run][at % (RUN / 2)] |= (uint8_t)((u & 15) << (at < RUN / 2 ? 0 : 4));
    b->high[run / QUARTERS][at] |= (uint8_t)(u >> 4 << 2 * (run % QUARTERS));
}

static void to_f32(const void *src, float *dst, size_t n) {
    const block *b = src; /* bytes only, so that no alignment is needed */
    for (size_t i = 0; i < n; i += BLOCK, b++) {
        float unit = xl_load_f16(b->scale) * UNIT;
        for (size_t j = 0; j < BLOCK && i + j < n; j++) {
            const size_t group = j / GROUP;
            dst[i + j] = unit * (float)b->scales[group] * (float)number(b, j);
        }
    }
}

void xl_q6_k_store_units(block *b, const float scales[GROUPS], float stored_scales[GROUPS]) {
    float most = 0;
    for (size_t g = 0; g < GROUPS; g++) most = fmaxf(most, fabsf(scales[g]));
    float unit = xl_store_f16(b->scale, most / UNIT / BYTE_MAX) * UNIT;
    for (size_t g = 0; g < GROUPS; g++) {
        b->scales[g] = (int8_t)(unit > 0 ? xl_fit_round(scales[g] / unit, -BYTE_MAX, BYTE_MAX) : 0);
        stored_scales[g] = unit * (float)b->scales[g];
    }
}

static void quantize_block(const float *src, const float *importance, size_t count, block *b) {
    float scales[GROUPS] = {0};
    memset(b, 0, sizeof *b);
    for (size_t g = 0; g < GROUPS && g * GROUP < count; g++) {
        size_t first = g * GROUP, left = count - first;
        xl_fit_values v;
        xl_fit_take(&v, src + first, importance ? importance + first : NULL, left < GROUP ? left : GROUP);
        scales[g] = xl_fit_scale(&v, HALF);
    }
    xl_q6_k_store_units(b, scales, scales);
    for (size_t g = 0; g < GROUPS; g++) {
        float inverse = scales[g] != 0 ? 1 / scales[g] : 0;
        for (size_t i = g * GROUP; i < (g + 1) * GROUP; i++)
            set_number(b, i, i < count ? (int)xl_fit_round(src[i] * inverse, -HALF, HALF - 1) : 0);
    }
}

static void from_f32_weighted(const float *src, const float *importance, void *dst, size_t n) {
    block *b = dst;
    for (size_t i = 0; i < n; i += BLOCK, b++)
        quantize_block(src + i, importance ? importance + i : NULL, n - i < BLOCK ? n - i : BLOCK, b);
}

static void from_f32(const float *src, void *dst, size_t n) {
    from_f32_weighted(src, NULL, dst, n);
}

const xl_format_row xl_format_q6_k = {
    .name = "q6_k",
    .text = "6-bit integers, an 8-bit scale for each 16, in blocks of 256",
    .block = BLOCK,
    .short_rows = XL_FORMAT_Q8_0,
    .block_bytes = sizeof(block),
    .tolerance = 0.5,
    .largest = 31 * 64000.0f,
    .coarse = true,
    .to_f32 = to_f32,
    .from_f32 = from_f32,
    .from_f32_weighted = from_f32_weighted,
};

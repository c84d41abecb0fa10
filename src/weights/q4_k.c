/* Blocks of 256 numbers of four bits in eight groups of 32; a group has a scale and an offset. */
#include <string.h>

#include "base/half.h"
#include "weights/blocks.h"
#include "weights/fit.h"
#include "weights/formats.h"

enum { BLOCK = XL_LONG_BLOCK, GROUP = XL_Q4_K_GROUP, GROUPS = XL_Q4_K_GROUPS, MOST = 15, SIX_BITS = 63 };
static const float UNIT = XL_Q4_K_UNIT;

typedef xl_block_q4_k block;

/* The scale and the offset of group g. */
static void unpack(const block *b, int g, float *scale, float *offset) {
    int low = g < GROUPS / 2 ? b->offsets[g] & 15 : b->offsets[g - GROUPS / 2] >> 4;
    *scale = xl_load_f16(b->scale) * UNIT * (float)(b->scales[g] & SIX_BITS);
    *offset = xl_load_f16(b->offset) * UNIT * (float)(low | b->scales[g] >> 6 << 4);
}

static void to_f32(const void *src, float *dst, size_t n) {
    const block *b = src; /* bytes only, so that no alignment is needed */
    for (size_t i = 0; i < n; b++) {
        for (int g = 0; g < GROUPS && i < n; g++) {
            float scale, offset;
            unpack(b, g, &scale, &offset);
            for (size_t j = 0; j < GROUP && i < n; j++, i++) {
                int q = j < GROUP / 2 ? b->q[g][j] & 15 : b->q[g][j - GROUP / 2] >> 4;
                dst[i] = scale * (float)q - offset;
            }
        }
    }
}

/* Writes the numbers of `values` in units of the largest, and that unit; returns the unit as stored, per number. */
static float store_units(const float values[GROUPS], uint8_t unit[2], uint8_t numbers[GROUPS]) {
    float most = 0;
    for (int g = 0; g < GROUPS; g++) most = values[g] > most ? values[g] : most;
    float one = xl_store_f16(unit, most / UNIT / SIX_BITS) * UNIT;
    for (int g = 0; g < GROUPS; g++)
        numbers[g] = (uint8_t)(one > 0 ? xl_fit_round(values[g] / one, 0, SIX_BITS) : 0);
    return one;
}

void xl_q4_k_store_units(block *b, const float scales[GROUPS], const float offsets[GROUPS],
                         float stored_scales[GROUPS], float stored_offsets[GROUPS]) {
    uint8_t s[GROUPS], o[GROUPS];
    float scale_unit = store_units(scales, b->scale, s), offset_unit = store_units(offsets, b->offset, o);
    memset(b->offsets, 0, sizeof b->offsets);
    for (int g = 0; g < GROUPS; g++) {
        b->scales[g] = (uint8_t)(s[g] | o[g] >> 4 << 6);
        b->offsets[g % (GROUPS / 2)] |= (uint8_t)((o[g] & 15) << (g < GROUPS / 2 ? 0 : 4));
        stored_scales[g] = scale_unit * s[g];
        stored_offsets[g] = offset_unit * o[g];
    }
}

static void quantize_block(const float *src, const float *importance, size_t count, block *b) {
    float scales[GROUPS] = {0}, offsets[GROUPS] = {0};
    for (int g = 0; g < GROUPS && (size_t)g * GROUP < count; g++) {
        size_t first = (size_t)g * GROUP, left = count - first;
        xl_fit_values v;
        xl_fit_take(&v, src + first, importance ? importance + first : NULL, left < GROUP ? left : GROUP);
        xl_fit_scale_and_offset(&v, MOST, &scales[g], &offsets[g]);
    }
    xl_q4_k_store_units(b, scales, offsets, scales, offsets);
    memset(b->q, 0, sizeof b->q);
    for (int g = 0; g < GROUPS; g++) {
        float offset = offsets[g], inverse = scales[g] > 0 ? 1 / scales[g] : 0;
        for (size_t j = 0; j < GROUP; j++) {
            size_t i = (size_t)g * GROUP + j;
            float q = i < count ? xl_fit_round((src[i] + offset) * inverse, 0, MOST) : 0;
            b->q[g][j % (GROUP / 2)] |= (uint8_t)((int)q << (j < GROUP / 2 ? 0 : 4));
        }
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

const xl_format_row xl_format_q4_k = {
    .name = "q4_k",
    .text = "4-bit integers, a 6-bit scale and offset for each 32, in blocks of 256",
    .block = BLOCK,
    .short_rows = XL_FORMAT_Q4_0,
    .block_bytes = sizeof(block),
    .tolerance = 1,
    .largest = 64000.0f,
    .coarse = true,
    .to_f32 = to_f32,
    .from_f32 = from_f32,
    .from_f32_weighted = from_f32_weighted,
};

/* Scalar conversion between float32 and the 16-bit formats, bit exact: round to nearest even, NaN stays NaN,
 * subnormals kept, float16 overflows to infinity. IEEE 754-2019; bfloat16 is the upper half of a float32. */
#ifndef XL_BASE_HALF_H
#define XL_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float xl_float_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
static inline uint32_t xl_bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float xl_bf16_to_f32(uint16_t x) {
    return xl_float_from_bits((uint32_t)x << 16);
}

static inline uint16_t xl_f32_to_bf16(float x) {
    uint32_t bits = xl_bits_of_float(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

static inline float xl_f16_to_f32(uint16_t x) {
    uint32_t sign = (uint32_t)(x & 0x8000) << 16, magnitude = x & 0x7fffu;
    if (magnitude >= 0x7c00) return xl_float_from_bits(sign | 0x7f800000u | (magnitude & 0x3ff) << 13);
    if (magnitude >= 0x0400) return xl_float_from_bits(sign | ((magnitude << 13) + 0x38000000u));
    /* Subnormal: magnitude units of 2^-24, exact in float32. */
    float value = (float)magnitude * 0x1p-24f;
    return xl_float_from_bits(sign | xl_bits_of_float(value));
}

static inline uint16_t xl_f32_to_f16(float x) {
    uint32_t bits = xl_bits_of_float(x), magnitude = bits & 0x7fffffffu;
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
    if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7c00); /* 65520 and above round to infinity */
    if (magnitude < 0x38800000u) {
        /* Below 2^-14. Adding 0.5 puts units of 2^-24 in the last place, so that the addition itself rounds. */
        float shifted = xl_float_from_bits(magnitude) + 0.5f;
        return (uint16_t)(sign | (xl_bits_of_float(shifted) - 0x3f000000u));
    }
    return (uint16_t)(sign | ((magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1)) >> 13));
}

/* Stored halves may lie at any byte, so each is copied out and in. */
static inline uint16_t xl_load_half(const void *at) {
    uint16_t half;
    memcpy(&half, at, sizeof half);
    return half;
}
static inline void xl_store_half(void *at, uint16_t half) {
    memcpy(at, &half, sizeof half);
}

/* float16 at any byte. */
static inline float xl_load_f16(const void *at) {
    return xl_f16_to_f32(xl_load_half(at));
}
/* Stores x as a float16 and returns what was stored. */
static inline float xl_store_f16(void *at, float x) {
    const uint16_t half = xl_f32_to_f16(x);
    xl_store_half(at, half);
    return xl_f16_to_f32(half);
}

#endif

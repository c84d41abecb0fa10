/* The instructions that src/kernels/x86/amx.c uses, in plain C, so that its products can be checked on any
 * processor. That file is compiled a second time with this folder in front of the compiler's own headers. Tiles are
 * as in Intel's "Architecture Instruction Set Extensions Programming Reference": an operation with tiles that are
 * not configured, or of which one has other rows or columns than the operation wants, ends the program, as the
 * processor would. */
#ifndef XL_EMULATED_IMMINTRIN_H
#define XL_EMULATED_IMMINTRIN_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"

typedef uint16_t __mmask16;
typedef uint32_t __mmask32;

/* Sixteen lanes of 32 bits, which the three types see as floats, as bits, and as pairs of bfloat16. */
typedef struct __m512 {
    float lane[16];
} __m512;
typedef struct __m512i {
    uint8_t byte[64];
} __m512i;
typedef __m512i __m512bh;

/* ---- vectors ---- */

static inline __m512 _mm512_castsi512_ps(__m512i x) {
    __m512 y;
    memcpy(&y, &x, sizeof y);
    return y;
}

static inline __m512 _mm512_loadu_ps(const void *from) {
    __m512 x;
    memcpy(&x, from, sizeof x);
    return x;
}

static inline __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const void *from) {
    __m512 x = {{0}};
    for (int i = 0; i < 16; i++)
        if (mask >> i & 1) memcpy(&x.lane[i], (const char *)from + 4 * i, 4);
    return x;
}

static inline void _mm512_mask_storeu_ps(void *to, __mmask16 mask, __m512 x) {
    for (int i = 0; i < 16; i++)
        if (mask >> i & 1) memcpy((char *)to + 4 * i, &x.lane[i], 4);
}

static inline void _mm512_storeu_ps(void *to, __m512 x) {
    memcpy(to, &x, sizeof x);
}

static inline void _mm512_storeu_si512(void *to, __m512i x) {
    memcpy(to, &x, sizeof x);
}

static inline void _mm512_store_si512(void *to, __m512i x) {
    if ((uintptr_t)to % 64) abort();
    memcpy(to, &x, sizeof x);
}

static inline __m512i _mm512_maskz_loadu_epi16(__mmask32 mask, const void *from) {
    __m512i x = {{0}};
    for (int i = 0; i < 32; i++)
        if (mask >> i & 1) memcpy(&x.byte[2 * i], (const char *)from + 2 * i, 2);
    return x;
}

static inline __m512 _mm512_add_ps(__m512 a, __m512 b) {
    for (int i = 0; i < 16; i++) a.lane[i] += b.lane[i];
    return a;
}

/* Of each group of four lanes the lower or the higher two, those of both operands in turn. */
static inline __m512 emulated_unpack(__m512 a, __m512 b, int first) {
    __m512 x;
    for (int i = 0; i < 16; i += 4) {
        x.lane[i] = a.lane[i + first];
        x.lane[i + 1] = b.lane[i + first];
        x.lane[i + 2] = a.lane[i + first + 1];
        x.lane[i + 3] = b.lane[i + first + 1];
    }
    return x;
}

static inline __m512 _mm512_unpacklo_ps(__m512 a, __m512 b) {
    return emulated_unpack(a, b, 0);
}

static inline __m512 _mm512_unpackhi_ps(__m512 a, __m512 b) {
    return emulated_unpack(a, b, 2);
}

static inline __m512 _mm512_shuffle_ps(__m512 a, __m512 b, int which) {
    __m512 x;
    for (int i = 0; i < 16; i += 4)
        for (int j = 0; j < 4; j++) x.lane[i + j] = (j < 2 ? a : b).lane[i + (which >> 2 * j & 3)];
    return x;
}

static inline __m512 _mm512_shuffle_f32x4(__m512 a, __m512 b, int which) {
    __m512 x;
    for (int j = 0; j < 4; j++) memcpy(&x.lane[4 * j], &(j < 2 ? a : b).lane[4 * (which >> 2 * j & 3)], 16);
    return x;
}

/* Subnormal numbers become 0. */
static inline float emulated_flush(float x) {
    return xl_bits_of_float(x) & 0x7f800000u ? x : xl_float_from_bits(xl_bits_of_float(x) & 0x80000000u);
}

static inline __m512bh _mm512_cvtne2ps_pbh(__m512 high, __m512 low) {
    __m512i x;
    for (int i = 0; i < 32; i++) {
        const uint16_t y = xl_f32_to_bf16(emulated_flush(i < 16 ? low.lane[i] : high.lane[i - 16]));
        memcpy(&x.byte[2 * i], &y, 2);
    }
    return x;
}

#define _MM_HINT_T0 3
#define _MM_HINT_T1 2
#define _mm_prefetch(at, hint) ((void)(at))

/* ---- tiles ---- */

typedef struct emulated_tile {
    int rows, bytes; /* of a row */
    uint8_t row[16][64];
} emulated_tile;

static _Thread_local emulated_tile emulated_tiles[8];

static inline void _tile_loadconfig(const void *config) {
    const uint8_t *from = config;
    if (from[0] != 1) abort();
    for (int i = 0; i < 8; i++) {
        emulated_tile *t = &emulated_tiles[i];
        memset(t, 0, sizeof *t);
        t->rows = from[48 + i];
        t->bytes = from[16 + 2 * i] | from[17 + 2 * i] << 8;
        if (t->rows > 16 || t->bytes > 64) abort();
    }
}

static inline void _tile_release(void) {
    memset(emulated_tiles, 0, sizeof emulated_tiles);
}

static inline emulated_tile *emulated_get(int tile) {
    emulated_tile *t = &emulated_tiles[tile];
    if (!t->rows || !t->bytes) abort();
    return t;
}

static inline void _tile_zero(int tile) {
    emulated_tile *t = emulated_get(tile);
    memset(t->row, 0, sizeof t->row);
}

static inline void _tile_loadd(int tile, const void *from, size_t stride) {
    emulated_tile *t = emulated_get(tile);
    memset(t->row, 0, sizeof t->row);
    for (int i = 0; i < t->rows; i++) memcpy(t->row[i], (const char *)from + (size_t)i * stride, (size_t)t->bytes);
}

static inline void _tile_stored(int tile, void *to, size_t stride) {
    const emulated_tile *t = emulated_get(tile);
    for (int i = 0; i < t->rows; i++) memcpy((char *)to + (size_t)i * stride, t->row[i], (size_t)t->bytes);
}

static inline float emulated_bf16(const uint8_t *at) {
    uint16_t x;
    memcpy(&x, at, sizeof x);
    return emulated_flush(xl_bf16_to_f32(x));
}

/* sums [m, n] += a [m, 2 k] b [2 k, n], where b has two values of a column side by side. Values of even and of odd
 * place are summed by themselves first. */
static inline void _tile_dpbf16ps(int sums, int a_tile, int b_tile) {
    emulated_tile *to = emulated_get(sums);
    const emulated_tile *a = emulated_get(a_tile), *b = emulated_get(b_tile);
    if (a->rows != to->rows || b->bytes != to->bytes || a->bytes != 4 * b->rows) abort();
    float bs[16][2][16] = {{{0}}};
    for (int k = 0; k < b->rows; k++)
        for (int n = 0; n < b->bytes / 4; n++)
            for (int odd = 0; odd < 2; odd++) bs[k][odd][n] = emulated_bf16(&b->row[k][4 * n + 2 * odd]);
    for (int m = 0; m < to->rows; m++) {
        float sum[2][16] = {{0}}, old[16];
        for (int k = 0; k < b->rows; k++)
            for (int odd = 0; odd < 2; odd++) {
                const float x = emulated_bf16(&a->row[m][4 * k + 2 * odd]);
                for (int n = 0; n < 16; n++) sum[odd][n] += x * bs[k][odd][n];
            }
        memcpy(old, to->row[m], sizeof old);
        for (int n = 0; n < to->bytes / 4; n++) old[n] = emulated_flush(old[n] + (sum[0][n] + sum[1][n]));
        memcpy(to->row[m], old, sizeof old);
    }
}

#endif

/* How the blocks of the formats lie in memory, for those who make them and for the kernels that read them. All are
 * bytes, so that no alignment is needed; float16 is little-endian. */
#ifndef XL_WEIGHTS_BLOCKS_H
#define XL_WEIGHTS_BLOCKS_H

#include <stdint.h>

enum { XL_BLOCK = 32, XL_LONG_BLOCK = 256 }; /* values */

/* value = scale * q */
typedef struct xl_block_q8_0 {
    uint8_t scale[2];
    int8_t q[XL_BLOCK];
} xl_block_q8_0;

/* value = scale * (number - 8). q[i]: number i in the lower half, number i + 16 in the upper. */
typedef struct xl_block_q4_0 {
    uint8_t scale[2];
    uint8_t q[XL_BLOCK / 2];
} xl_block_q4_0;

/* Eight groups of 32 values, each with a scale and an offset of six bits:
 *     value = scale / 64 * group scale * number - offset / 64 * group offset
 * The divisor keeps the units of small weights in the normal range of float16. */
enum { XL_Q4_K_GROUP = 32, XL_Q4_K_GROUPS = XL_LONG_BLOCK / XL_Q4_K_GROUP };
#define XL_Q4_K_UNIT (1.0f / 64)
typedef struct xl_block_q4_k {
    uint8_t scale[2], offset[2];    /* both >= 0 */
    uint8_t scales[XL_Q4_K_GROUPS]; /* group g: its scale in the lower six bits, bits 4 and 5 of its offset above */
    uint8_t offsets[XL_Q4_K_GROUPS / 2]; /* bits 0 … 3 of the offset of group i in the lower half, of i + 4 above */
    uint8_t q[XL_Q4_K_GROUPS][XL_Q4_K_GROUP / 2]; /* q[g][i]: number i in the lower half, number i + 16 above */
} xl_block_q4_k;

/* Sixteen groups of 16 values, each with a scale of eight bits:
 *     value = scale / 128 * group scale * (number - 32)
 * Numbers are stored in runs of 32. */
enum { XL_Q6_K_GROUP = 16, XL_Q6_K_GROUPS = XL_LONG_BLOCK / XL_Q6_K_GROUP, XL_Q6_K_RUN = 32, XL_Q6_K_QUARTERS = 4 };
#define XL_Q6_K_UNIT (1.0f / 128)
typedef struct xl_block_q6_k {
    uint8_t scale[2];              /* >= 0 */
    int8_t scales[XL_Q6_K_GROUPS]; /* -127 … 127 */
    /* Bits 0 … 3: low[r][i] has those of number i of run r in the lower half, of number i + 16 in the upper. */
    uint8_t low[XL_LONG_BLOCK / XL_Q6_K_RUN][XL_Q6_K_RUN / 2];
    /* Bits 4 and 5: high[h][i] has those of number i of the four runs of half h, the first run lowest. */
    uint8_t high[2][XL_Q6_K_RUN];
} xl_block_q6_k;

#endif

/* The kernels of one instruction set. The including file defines the vector type `vf`, WIDTH floats a vector,
 * the tile TILE_ROWS x (TILE_VECTORS * WIDTH) that fits its registers, the v_* primitives, SIMD_NAME and
 * SIMD_INIT. */
#include "kernels/ref/ref.h"
#include "kernels/simd/math.h"

#include "kernels/simd/elementwise.h"
#include "kernels/simd/matvec.h"

#include "kernels/simd/mlstm.h"

void SIMD_INIT(xl_kernels *table) {
    table->name = SIMD_NAME;
    table->to_f32[XLSTM_F16] = to_f32_f16;
    table->to_f32[XLSTM_BF16] = to_f32_bf16;
    table->from_f32[XLSTM_F16] = from_f32_f16;
    table->from_f32[XLSTM_BF16] = from_f32_bf16;
    table->matvec[XLSTM_F32] = matvec_f32;
    table->matvec[XLSTM_F16] = matvec_f16;
    table->matvec[XLSTM_BF16] = matvec_bf16;
    table->rms_norm = rms_norm;
    table->head_norm = head_norm;
    table->soft_cap = soft_cap;
    table->sigmoid_mul = sigmoid_mul;
    table->silu_mul = silu_mul;
    table->add = add;
    table->mlstm_step = mlstm_step;
    table->mlstm_chunk = mlstm_chunk;
}

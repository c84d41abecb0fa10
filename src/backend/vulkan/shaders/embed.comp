#version 460
// X = rows of the embedding picked by the token ids; a workgroup for each token.
#include "common.glsl"
#include "weights.glsl"

layout(push_constant) uniform Push {
    uint64_t w, heads, ids, x;
    uint64_t order; // of the dispatches that follow without a barrier (order.glsl), to begin anew; 0: none
    uint quads, blocks; // 16-byte pieces and blocks of a row
    uint width, x_stride;
} p;

void main() {
    uint t = gl_WorkGroupID.x;
    uint id = ReadWords(p.ids).at[t];
    if (p.order != 0ul && t == 0)
        for (uint i = gl_LocalInvocationIndex; i < 512; i += gl_WorkGroupSize.x)
            if (i != 1) Words(p.order).at[i] = 0;
    Row row = find_row(p.w, p.heads, id, p.quads, p.blocks);
    Floats x = Floats(floats_at(p.x, uint64_t(t) * p.x_stride));
    for (uint c = gl_LocalInvocationIndex; c < row_units(p.quads); c += gl_WorkGroupSize.x) {
        Unit unit = load_unit(row, c);
        [[unroll]] for (uint q = 0; q < QUARTERS; q++) {
            vec4 v = values_of(unit, q);
            [[unroll]] for (uint i = 0; i < 4; i++) {
                uint column = c * UNIT + q * 4 + i;
                if (column < p.width) x.at[column] = v[i];
            }
        }
    }
}

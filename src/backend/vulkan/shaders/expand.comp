#version 460
// A matrix of any format as bfloat16, rows of `quads_out` pieces of 16 bytes; eight values for an invocation.
#include "common.glsl"
#include "math.glsl"
#include "weights.glsl"
layout(buffer_reference, buffer_reference_align = 16, std430) writeonly buffer Quads { uvec4 at[]; };

layout(push_constant) uniform Push {
    uint64_t w, heads, to;
    uint rows, quads, blocks, quads_out;
} p;

void main() {
    uint row = gl_WorkGroupID.y + gl_WorkGroupID.z * gl_NumWorkGroups.y, piece = gl_GlobalInvocationID.x;
    if (row >= p.rows || piece >= p.quads_out) return;
    Row w = find_row(p.w, p.heads, row, p.quads, p.blocks);
    vec4 v[2];
    [[unroll]] for (uint i = 0; i < 2; i++) {
        uint at = piece * 8 + i * 4;
        v[i] = values_of(load_unit(w, at / UNIT), at % UNIT / 4);
    }
    Quads(p.to + (uint64_t(row) * p.quads_out) * 16ul).at[piece] =
        uvec4(bf16_pair(v[0].x, v[0].y), bf16_pair(v[0].z, v[0].w), bf16_pair(v[1].x, v[1].y), bf16_pair(v[1].z, v[1].w));
}

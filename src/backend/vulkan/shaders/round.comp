#version 460
// Rows of x in blocks of 32 columns that are rounded to 8-bit integers, for product_int.comp: the bytes of all columns, then
// for each block its scale and the sums of the bytes of its halves. A workgroup for each row; strides are in floats.
#include "common.glsl"
const uint UNIT = 16, FORMAT = 1, Q8_0 = 0; // whatever the weights are
const bool ROUNDS = true;

layout(constant_id = 2) const uint SHARED_QUADS = 64; // vec4 of a row, filled up to whole blocks of 256 columns

layout(push_constant) uniform Push {
    uint64_t x, y;
    uint width, x_stride, y_stride;
} p;

#include "quads.glsl"
#include "round.glsl"

layout(buffer_reference, buffer_reference_align = 16, std430) writeonly buffer Quads { uvec4 at[]; };
layout(buffer_reference, buffer_reference_align = 16, std430) writeonly buffer Vec4s { vec4 at[]; };

void main() {
    uint64_t x = floats_at(p.x, uint64_t(gl_WorkGroupID.x) * p.x_stride);
    uint64_t y = floats_at(p.y, uint64_t(gl_WorkGroupID.x) * p.y_stride);
    vec4 v[EACH];
    [[unroll]] for (uint i = 0; i < EACH; i++) v[i] = load_quad(x, gl_LocalInvocationIndex + i * gl_WorkGroupSize.x);
    round_quads(v);
    for (uint i = gl_LocalInvocationIndex; i < PIECES; i += gl_WorkGroupSize.x) Quads(y).at[i] = pieces[i];
    for (uint i = gl_LocalInvocationIndex; i < BLOCKS; i += gl_WorkGroupSize.x)
        Vec4s(y).at[PIECES + i] = vec4(scales[i], sums[i], 0.0);
}

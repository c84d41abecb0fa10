#version 460
// y = x / sqrt(mean(x^2) + eps) * w + b, as float32, bfloat16 or both; a workgroup for each row. Strides are in floats.
#include "common.glsl"
#include "math.glsl"
#include "reduce.glsl"

layout(constant_id = 2) const uint OUTPUTS = 1; // 1: float32 to y; 2: bfloat16 to packed; 3: both
layout(constant_id = 3) const uint SHARED_QUADS = 64; // vec4 of a row, filled up to whole blocks of 256 columns

layout(push_constant) uniform Push {
    uint64_t x, w, b, y, packed; // b 0: none
    uint width, x_stride, y_stride, packed_stride;
    float eps;
} p;

#include "quads.glsl"

void main() {
    uint64_t row = gl_WorkGroupID.x, x = floats_at(p.x, row * p.x_stride);
    Floats y = Floats(floats_at(p.y, row * p.y_stride));
    Words packed = Words(floats_at(p.packed, row * p.packed_stride));
    vec4 v[EACH], w[EACH];
    float square = 0.0;
    [[unroll]] for (uint i = 0; i < EACH; i++) {
        uint quad = gl_LocalInvocationIndex + i * gl_WorkGroupSize.x;
        v[i] = load_quad(x, quad);
        w[i] = load_quad(p.w, quad);
    }
    [[unroll]] for (uint i = 0; i < EACH; i++) square += dot(v[i], v[i]);
    float scale = 1.0 / sqrt(group_sum(square) / float(p.width) + p.eps);
    [[unroll]] for (uint i = 0; i < EACH; i++) {
        uint quad = gl_LocalInvocationIndex + i * gl_WorkGroupSize.x;
        vec4 u = v[i] * scale * w[i];
        if (p.b != 0ul) u += load_quad(p.b, quad);
        [[unroll]] for (uint j = 0; j < 4; j++)
            if ((OUTPUTS & 1) != 0 && quad * 4 + j < p.width) y.at[quad * 4 + j] = u[j];
        [[unroll]] for (uint j = 0; j < 4; j += 2)
            if ((OUTPUTS & 2) != 0 && quad * 4 + j < p.width) packed.at[quad * 2 + j / 2] = bf16_pair(u[j], u[j + 1]);
    }
}

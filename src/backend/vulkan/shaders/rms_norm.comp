#version 460
// y = x / sqrt(mean(x^2) + eps) * w + b, as float32, bfloat16 or both; a workgroup for each row. Strides are in floats.
#include "common.glsl"
#include "math.glsl"
#include "reduce.glsl"

layout(constant_id = 2) const uint OUTPUTS = 1; // 1: float32 to y; 2: bfloat16 to packed; 3: both

layout(push_constant) uniform Push {
    uint64_t x, w, b, y, packed; // b 0: none
    uint width, x_stride, y_stride, packed_stride;
    float eps;
} p;

void main() {
    uint64_t row = gl_WorkGroupID.x;
    ReadFloats x = ReadFloats(floats_at(p.x, row * p.x_stride));
    Floats y = Floats(floats_at(p.y, row * p.y_stride));
    ReadFloats w = ReadFloats(p.w), b = ReadFloats(p.b);
    float square = 0.0;
    for (uint i = gl_LocalInvocationIndex; i < p.width; i += gl_WorkGroupSize.x) square += x.at[i] * x.at[i];
    float scale = 1.0 / sqrt(group_sum(square) / float(p.width) + p.eps);
    Words packed = Words(floats_at(p.packed, row * p.packed_stride));
    for (uint i = 2 * gl_LocalInvocationIndex; i < p.width; i += 2 * gl_WorkGroupSize.x) {
        bool two = i + 1 < p.width;
        float u = x.at[i] * scale * w.at[i], v = two ? x.at[i + 1] * scale * w.at[i + 1] : 0.0;
        if (p.b != 0ul) u += b.at[i];
        if (p.b != 0ul && two) v += b.at[i + 1];
        if ((OUTPUTS & 2) != 0) packed.at[i / 2] = bf16_pair(u, v);
        if ((OUTPUTS & 1) != 0) y.at[i] = u;
        if ((OUTPUTS & 1) != 0 && two) y.at[i + 1] = v;
    }
}

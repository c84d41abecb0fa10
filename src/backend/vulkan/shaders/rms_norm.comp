#version 460
// y = x / sqrt(mean(x^2) + eps) * w + b; a workgroup for each row.
#include "common.glsl"
#include "reduce.glsl"

layout(push_constant) uniform Push {
    uint64_t x, w, b, y; // b 0: none
    uint width, x_stride, y_stride;
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
    for (uint i = gl_LocalInvocationIndex; i < p.width; i += gl_WorkGroupSize.x) {
        float v = x.at[i] * scale * w.at[i];
        if (p.b != 0ul) v += b.at[i];
        y.at[i] = v;
    }
}

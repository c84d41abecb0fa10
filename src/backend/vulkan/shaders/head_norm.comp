#version 460
// H = sigmoid(O) * (h less its mean over sqrt(variance + eps) * w + b) for one head of one token, in place.
#include "common.glsl"
#include "math.glsl"
#include "reduce.glsl"

layout(push_constant) uniform Push {
    uint64_t h, gate, w, b; // b 0: none
    uint dv, h_stride, gate_stride;
    float eps;
} p;

void main() {
    uint64_t row = gl_WorkGroupID.x;
    uint head = gl_WorkGroupID.y;
    Floats h = Floats(floats_at(p.h, row * p.h_stride + head * p.dv));
    ReadFloats gate = ReadFloats(floats_at(p.gate, row * p.gate_stride + head * p.dv));
    ReadFloats w = ReadFloats(floats_at(p.w, head * p.dv)), b = ReadFloats(floats_at(p.b, head * p.dv));
    float sum = 0.0;
    for (uint i = gl_LocalInvocationIndex; i < p.dv; i += gl_WorkGroupSize.x) sum += h.at[i];
    float mean = group_sum(sum) / float(p.dv), square = 0.0;
    for (uint i = gl_LocalInvocationIndex; i < p.dv; i += gl_WorkGroupSize.x)
        square += (h.at[i] - mean) * (h.at[i] - mean);
    float scale = 1.0 / sqrt(group_sum(square) / float(p.dv) + p.eps);
    for (uint i = gl_LocalInvocationIndex; i < p.dv; i += gl_WorkGroupSize.x) {
        float v = (h.at[i] - mean) * scale * w.at[i];
        if (p.b != 0ul) v += b.at[i];
        h.at[i] = v * sigmoid(gate.at[i]);
    }
}

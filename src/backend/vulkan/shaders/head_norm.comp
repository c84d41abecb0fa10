#version 460
// H = sigmoid(O) * (h less its mean over sqrt(variance + eps) * w + b) for one head of one token:
// in place, or as bfloat16 into y (dv is even then). Strides are in floats.
#include "common.glsl"
#include "math.glsl"
#include "reduce.glsl"

layout(constant_id = 2) const uint PACKED = 0; // into y

layout(push_constant) uniform Push {
    uint64_t h, gate, w, b, y; // b 0: none
    uint dv, h_stride, gate_stride, y_stride;
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
    Words y = Words(floats_at(p.y, row * p.y_stride) + head * p.dv * 2ul);
    for (uint i = 2 * gl_LocalInvocationIndex; i < p.dv; i += 2 * gl_WorkGroupSize.x) {
        bool two = i + 1 < p.dv;
        float u = (h.at[i] - mean) * scale * w.at[i], v = two ? (h.at[i + 1] - mean) * scale * w.at[i + 1] : 0.0;
        if (p.b != 0ul) u += b.at[i];
        if (p.b != 0ul && two) v += b.at[i + 1];
        u *= sigmoid(gate.at[i]);
        if (two) v *= sigmoid(gate.at[i + 1]);
        if (PACKED != 0) {
            y.at[i / 2] = bf16_pair(u, v);
        } else {
            h.at[i] = u;
            if (two) h.at[i + 1] = v;
        }
    }
}

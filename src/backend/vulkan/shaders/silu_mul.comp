#version 460
// y = y * sigmoid(y) * up, row by row.
#include "common.glsl"
#include "math.glsl"

layout(push_constant) uniform Push {
    uint64_t y, up;
    uint width, y_stride, up_stride;
} p;

void main() {
    uint64_t row = gl_WorkGroupID.y;
    uint i = gl_GlobalInvocationID.x;
    if (i >= p.width) return;
    Floats y = Floats(floats_at(p.y, row * p.y_stride));
    float gate = y.at[i];
    y.at[i] = gate * sigmoid(gate) * ReadFloats(floats_at(p.up, row * p.up_stride)).at[i];
}

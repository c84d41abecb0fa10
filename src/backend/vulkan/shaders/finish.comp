#version 460
// y = soft_cap(y + the sum of the parts + bias), row by row, or the same without the old y; part i of y lies i * part floats
// behind `parts`.
#include "common.glsl"
#include "math.glsl"

layout(push_constant) uniform Push {
    uint64_t y, parts, bias; // bias 0: none
    uint64_t part;
    uint width, stride, count; // of the parts
    float cap;
    uint add; // 0: without the old y
} p;

void main() {
    uint64_t row = gl_WorkGroupID.y;
    uint i = gl_GlobalInvocationID.x;
    if (i >= p.width) return;
    Floats y = Floats(floats_at(p.y, row * p.stride));
    float v = p.add != 0 ? y.at[i] : 0.0;
    for (uint l = 0; l < p.count; l++) v += ReadFloats(floats_at(p.parts, row * p.stride + l * p.part)).at[i];
    if (p.bias != 0ul) v += ReadFloats(p.bias).at[i];
    y.at[i] = soft_cap(v, p.cap);
}

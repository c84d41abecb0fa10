#version 460
// to[r] = from[rows[r]], rows of `width` floats
#include "common.glsl"

layout(push_constant) uniform Push {
    uint64_t from, to, rows;
    uint width, stride;
} p;

void main() {
    uint r = gl_WorkGroupID.y, i = gl_GlobalInvocationID.x;
    if (i >= p.width) return;
    uint64_t source = ReadWords(p.rows).at[r];
    Floats(floats_at(p.to, uint64_t(r) * p.stride)).at[i] = ReadFloats(floats_at(p.from, source * p.stride)).at[i];
}

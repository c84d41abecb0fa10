#version 460
// Reads eight pieces of 16 bytes an invocation, for the bandwidth of the memory; writes one where their sum is that of no
// such data, which keeps the compiler from dropping the reads.
#include "common.glsl"
layout(buffer_reference, buffer_reference_align = 16, std430) buffer Quads { uvec4 at[]; };

layout(push_constant) uniform Push {
    uint64_t from;
} p;

void main() {
    const uint EACH = 8;
    uint64_t first = (uint64_t(gl_WorkGroupID.y) * gl_NumWorkGroups.x + gl_WorkGroupID.x) * gl_WorkGroupSize.x * EACH;
    Quads quads = Quads(p.from + first * 16ul);
    uvec4 v[EACH], sum = uvec4(0);
    [[unroll]] for (uint i = 0; i < EACH; i++) v[i] = quads.at[gl_LocalInvocationIndex + i * gl_WorkGroupSize.x];
    [[unroll]] for (uint i = 0; i < EACH; i++) sum ^= v[i];
    if ((sum.x ^ sum.y ^ sum.z ^ sum.w) == 0x12345678u) quads.at[0] = sum;
}

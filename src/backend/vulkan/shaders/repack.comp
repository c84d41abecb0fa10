#version 460
// Takes the blocks of a matrix apart: `to` gets the bytes of the values of all blocks, then the heads of all blocks. A
// block is HEAD bytes and then BYTES bytes of values; the number of bytes stays the same.
#include "common.glsl"
layout(constant_id = 2) const uint BYTES = 32;
layout(constant_id = 3) const uint HEAD = 2;

layout(push_constant) uniform Push {
    uint64_t from, to;
    uint64_t blocks;
    uint groups; // workgroups in a row of the dispatch
} p;

uint half_at(uint64_t index) {
    uint word = ReadWords(p.from + (index >> 1) * 4ul).at[0];
    return (index & 1ul) == 0 ? word & 0xffffu : word >> 16;
}

// Two blocks for each invocation: their heads are whole words.
void main() {
    uint64_t pair = (uint64_t(gl_WorkGroupID.y) * p.groups + gl_WorkGroupID.x) * gl_WorkGroupSize.x +
                    gl_LocalInvocationIndex;
    uint64_t first = pair * 2ul;
    if (first >= p.blocks) return;
    const uint HALVES = (BYTES + HEAD) / 2;
    for (uint b = 0; b < 2 && first + b < p.blocks; b++) {
        uint64_t source = (first + b) * HALVES + HEAD / 2;
        Words values = Words(p.to + (first + b) * BYTES);
        for (uint i = 0; i < BYTES / 4; i++) values.at[i] = half_at(source + 2ul * i) | half_at(source + 2ul * i + 1ul) << 16;
    }
    Words heads = Words(p.to + p.blocks * BYTES + pair * (2 * HEAD));
    for (uint i = 0; i < HEAD; i += 2) {
        uint word = 0;
        for (uint j = i; j < i + 2; j++) {
            uint b = j / (HEAD / 2);
            if (first + b < p.blocks) word |= half_at((first + b) * HALVES + j % (HEAD / 2)) << (16 * (j - i));
        }
        heads.at[i / 2] = word;
    }
}

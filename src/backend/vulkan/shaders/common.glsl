// What every shader shares. Everything is reached by device address; addresses are summed in 64 bits, since a 32-bit
// index behind a buffer reference wraps at 4 GiB without a word.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_EXT_control_flow_attributes : require

// Specialization constants 0 and 1 are the same in every shader: see reduce.glsl for the second.
#ifndef FIXED_GROUP // a shader whose workgroups have one size says it itself
layout(local_size_x_id = 0) in;
#endif

layout(buffer_reference, buffer_reference_align = 4, std430) buffer Floats { float at[]; };
layout(buffer_reference, buffer_reference_align = 4, std430) readonly buffer ReadFloats { float at[]; };
layout(buffer_reference, buffer_reference_align = 16, std430) readonly buffer ReadVec4s { vec4 at[]; };
layout(buffer_reference, buffer_reference_align = 4, std430) buffer Words { uint at[]; };
layout(buffer_reference, buffer_reference_align = 4, std430) readonly buffer ReadWords { uint at[]; };
layout(buffer_reference, buffer_reference_align = 16, std430) readonly buffer ReadQuads { uvec4 at[]; };

// The tokens of one sequence that are in a segment (struct slice in vulkan_impl.h).
struct Slice {
    uint64_t state;  // address of the block 0 part of the sequence's state
    uint row, count; // of the segment
    uint chunk, chunks;
    uint phase; // which of the two copies of n and m holds the state now; the other is written
    uint spare;
};
layout(buffer_reference, buffer_reference_align = 16, std430) readonly buffer Slices { Slice at[]; };

// A chunk of a slice; its rows of the segment are [row, row + count).
struct Chunk {
    uint row, count, slice, spare;
};
layout(buffer_reference, buffer_reference_align = 16, std430) readonly buffer Chunks { Chunk at[]; };

// float number `index` behind an address
uint64_t floats_at(uint64_t address, uint64_t index) { return address + index * 4ul; }

bool is_nan(float x) { return (floatBitsToUint(x) & 0x7fffffffu) > 0x7f800000u; }

// What the shaders of the cell by matrix units share; see cell.glsl and chunk_halves.comp. Subgroups are of 32.
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_EXT_shader_explicit_arithmetic_types : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_bfloat16 : require

layout(buffer_reference, buffer_reference_align = 4, std430) buffer Floats { float at[]; };
layout(buffer_reference, buffer_reference_align = 16, std430) buffer Halves { bfloat16_t at[]; };
struct Slice {
    uint64_t state;
    uint row, count, chunk, chunks, phase, spare;
};
layout(buffer_reference, buffer_reference_align = 16, std430) readonly buffer Slices { Slice at[]; };
struct Chunk {
    uint row, count, slice, spare;
};
layout(buffer_reference, buffer_reference_align = 16, std430) readonly buffer Chunks { Chunk at[]; };
uint64_t floats_at(uint64_t address, uint64_t index) { return address + index * 4ul; }
#include "cell.glsl"

const uint SIDE = 64, PART = 32, TILES = PART / 16; // tokens or columns of a tile; columns of a subgroup
#define SUMS coopmat<float, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator>
#define ROUNDED coopmat<bfloat16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator>
#define LEFT coopmat<bfloat16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseA>
#define RIGHT coopmat<bfloat16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseB>
const int BY_ROWS = gl_CooperativeMatrixLayoutRowMajor, BY_COLUMNS = gl_CooperativeMatrixLayoutColumnMajor;

#version 460
// chunk_states.comp by matrix units: C in float32 registers, k and v in bfloat16; C at the chunks' beginnings is bfloat16.
#extension GL_GOOGLE_include_directive : require
#include "cell_matrix.glsl"
layout(local_size_x = 128) in; // four subgroups make a tile of 64 x 64

layout(push_constant) uniform Push {
    uint64_t slices, chunks, halves, decay, c_before, n_before, block;
    Shape shape;
    uint stride, tile_rows; // of halves, in values; rows of a chunk in it
} p;

shared float n_parts[2 * SIDE];

void main() {
    Slice s = Slices(p.slices).at[gl_WorkGroupID.z];
    uint dqk = p.shape.dqk, dv = p.shape.dv, heads = p.shape.heads, head = gl_WorkGroupID.y, tid = gl_LocalInvocationIndex;
    uint tiles = dv / SIDE, i0 = gl_WorkGroupID.x / tiles * SIDE, j0 = gl_WorkGroupID.x % tiles * SIDE;
    uint wi = i0 + gl_SubgroupID / 2 * PART, wj = j0 + gl_SubgroupID % 2 * PART;
    uint64_t block = s.state + p.block;
    Floats c = Floats(state_c(block, p.shape, head));
    SUMS z[TILES][TILES];
    [[unroll]] for (uint i = 0; i < TILES; i++) [[unroll]] for (uint j = 0; j < TILES; j++)
        coopMatLoad(z[i][j], c.at, (wi + i * 16) * dv + wj + j * 16, dv, BY_ROWS);
    bool has_n = j0 == 0;
    float n = has_n && tid < SIDE ? Floats(state_n(block, p.shape, s.phase, head)).at[i0 + tid] : 0.0;
    uint qk = heads * dqk;
    for (uint at = s.chunk; at < s.chunk + s.chunks; at++) {
        uint count = Chunks(p.chunks).at[at].count;
        float decay = Floats(p.decay).at[at * heads + head];
        uint64_t rows = p.halves + uint64_t(at) * p.tile_rows * p.stride * 2ul;
        Halves k = Halves(rows + (2 * qk + head * dqk) * 2ul), v = Halves(rows + (3 * qk + head * dv) * 2ul);
        Halves before = Halves(p.c_before + (uint64_t(at) * heads + head) * dqk * dv * 2ul);
        [[unroll]] for (uint i = 0; i < TILES; i++) [[unroll]] for (uint j = 0; j < TILES; j++) {
            ROUNDED rounded = ROUNDED(z[i][j]);
            coopMatStore(rounded, before.at, (wi + i * 16) * dv + wj + j * 16, dv, BY_ROWS);
            z[i][j] = z[i][j] * decay;
        }
        // What is behind the chunk's tokens is zero up to the end of a tile.
        float sum = 0.0;
        for (uint s0 = 0; s0 < count; s0 += SIDE) {
            LEFT a[SIDE / 16][TILES];
            RIGHT b[SIDE / 16][TILES];
            [[unroll]] for (uint l = 0; l < SIDE / 16; l++) [[unroll]] for (uint i = 0; i < TILES; i++) {
                coopMatLoad(a[l][i], k.at, (s0 + l * 16) * p.stride + wi + i * 16, p.stride, BY_COLUMNS);
                coopMatLoad(b[l][i], v.at, (s0 + l * 16) * p.stride + wj + i * 16, p.stride, BY_ROWS);
            }
            if (has_n) {
                [[unroll]] for (uint l = 0; l < SIDE / 2; l++)
                    sum += float(k.at[(s0 + tid / SIDE + 2 * l) * p.stride + i0 + tid % SIDE]);
            }
            [[unroll]] for (uint l = 0; l < SIDE / 16; l++) [[unroll]] for (uint i = 0; i < TILES; i++)
                [[unroll]] for (uint j = 0; j < TILES; j++) z[i][j] = coopMatMulAdd(a[l][i], b[l][j], z[i][j]);
        }
        if (has_n) {
            if (tid < SIDE) Floats(floats_at(p.n_before, (uint64_t(at) * heads + head) * dqk)).at[i0 + tid] = n;
            n_parts[tid] = sum;
            barrier();
            n = n * decay + n_parts[tid % SIDE] + n_parts[SIDE + tid % SIDE];
            barrier();
        }
    }
    [[unroll]] for (uint i = 0; i < TILES; i++) [[unroll]] for (uint j = 0; j < TILES; j++)
        coopMatStore(z[i][j], c.at, (wi + i * 16) * dv + wj + j * 16, dv, BY_ROWS);
    if (has_n && tid < SIDE) Floats(state_n(block, p.shape, s.phase ^ 1, head)).at[i0 + tid] = n;
}

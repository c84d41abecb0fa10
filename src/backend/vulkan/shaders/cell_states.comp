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
    // The tiles of 64 tokens of all chunks follow one another; what is behind a chunk's tokens is zero. While one is
    // multiplied the next is on its way.
    uint per_chunk = p.tile_rows / SIDE, count = s.chunks * per_chunk;
    uint64_t rows = p.halves + uint64_t(s.chunk) * p.tile_rows * p.stride * 2ul;
    uint64_t k = rows + (2 * qk + head * dqk) * 2ul, v = rows + (3 * qk + head * dv) * 2ul;
    const uint STEPS = SIDE / 16;
    LEFT a[STEPS][TILES];
    RIGHT b[STEPS][TILES];
    float sum = 0.0, decay = 1.0;
    [[unroll]] for (uint l = 0; l < STEPS; l++) [[unroll]] for (uint i = 0; i < TILES; i++) {
        coopMatLoad(a[l][i], Halves(k).at, l * 16 * p.stride + wi + i * 16, p.stride, BY_COLUMNS);
        coopMatLoad(b[l][i], Halves(v).at, l * 16 * p.stride + wj + i * 16, p.stride, BY_ROWS);
    }
    for (uint at = 0; at < count; at++) {
        uint chunk = s.chunk + at / per_chunk;
        if (at % per_chunk == 0) {
            decay = Floats(p.decay).at[chunk * heads + head];
            Halves before = Halves(p.c_before + (uint64_t(chunk) * heads + head) * dqk * dv * 2ul);
            [[unroll]] for (uint i = 0; i < TILES; i++) [[unroll]] for (uint j = 0; j < TILES; j++) {
                ROUNDED rounded = ROUNDED(z[i][j]);
                coopMatStore(rounded, before.at, (wi + i * 16) * dv + wj + j * 16, dv, BY_ROWS);
                z[i][j] = z[i][j] * decay;
            }
            if (has_n && tid < SIDE)
                Floats(floats_at(p.n_before, (uint64_t(chunk) * heads + head) * dqk)).at[i0 + tid] = n;
            n *= decay;
        }
        LEFT a_now[STEPS][TILES] = a;
        RIGHT b_now[STEPS][TILES] = b;
        if (has_n) {
            sum = 0.0;
            [[unroll]] for (uint l = 0; l < SIDE / 2; l++)
                sum += float(Halves(k).at[(tid / SIDE + 2 * l) * p.stride + i0 + tid % SIDE]);
        }
        k += uint64_t(SIDE) * p.stride * 2ul;
        v += uint64_t(SIDE) * p.stride * 2ul;
        if (at + 1 < count) {
            [[unroll]] for (uint l = 0; l < STEPS; l++) [[unroll]] for (uint i = 0; i < TILES; i++) {
                coopMatLoad(a[l][i], Halves(k).at, l * 16 * p.stride + wi + i * 16, p.stride, BY_COLUMNS);
                coopMatLoad(b[l][i], Halves(v).at, l * 16 * p.stride + wj + i * 16, p.stride, BY_ROWS);
            }
        }
        [[unroll]] for (uint l = 0; l < STEPS; l++) [[unroll]] for (uint i = 0; i < TILES; i++)
            [[unroll]] for (uint j = 0; j < TILES; j++) z[i][j] = coopMatMulAdd(a_now[l][i], b_now[l][j], z[i][j]);
        if (has_n) {
            n_parts[tid] = sum;
            barrier();
            n += n_parts[tid % SIDE] + n_parts[SIDE + tid % SIDE];
            barrier();
        }
    }
    [[unroll]] for (uint i = 0; i < TILES; i++) [[unroll]] for (uint j = 0; j < TILES; j++)
        coopMatStore(z[i][j], c.at, (wi + i * 16) * dv + wj + j * 16, dv, BY_ROWS);
    if (has_n && tid < SIDE) Floats(state_n(block, p.shape, s.phase ^ 1, head)).at[i0 + tid] = n;
}

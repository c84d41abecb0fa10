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

const uint PIECES = SIDE / 8, LINE = PIECES + 1, THREADS = 128, EACH = SIDE * PIECES / THREADS; // 16-byte pieces of a line
shared uvec4 k_tile[SIDE * LINE], v_tile[SIDE * LINE];
shared float n_parts[2 * SIDE];
layout(buffer_reference, buffer_reference_align = 16, std430) readonly buffer Quads { uvec4 at[]; };

// C as the state holds it, to and from float32.
#ifdef STATE
#if STATE == 1
#define Stored bfloat16_t
#else
#define Stored float16_t
#endif
layout(buffer_reference, buffer_reference_align = 16, std430) buffer StateRows { Stored at[]; };
#define STORED coopmat<Stored, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator>
#else
#define StateRows Floats
#define STORED SUMS
#endif

// One value of a tile, from where it is in shared memory.
float k_value(uint line, uint column) {
    uint pair = k_tile[line * LINE + column / 8][column / 2 % 4];
    return uintBitsToFloat(column % 2 == 0 ? pair << 16 : pair & 0xffff0000u);
}

// The accumulators hold the transpose of C (rows of v, columns of k), so that C at the chunks' beginnings lies as
// cell_output.comp multiplies it: [chunks, heads, dv, dqk].
void main() {
    Slice s = Slices(p.slices).at[gl_WorkGroupID.z];
    uint dqk = p.shape.dqk, dv = p.shape.dv, heads = p.shape.heads, head = gl_WorkGroupID.y;
    uint tid = gl_SubgroupID * 32 + gl_SubgroupInvocationID;
    uint tiles = dv / SIDE, i0 = gl_WorkGroupID.x / tiles * SIDE, j0 = gl_WorkGroupID.x % tiles * SIDE;
    uint wj = gl_SubgroupID / 2 * PART, wi = gl_SubgroupID % 2 * PART; // of the tile
    uint64_t block = s.state + p.block;
    StateRows c = StateRows(state_c(block, p.shape, head));
    SUMS z[TILES][TILES];
    [[unroll]] for (uint j = 0; j < TILES; j++) [[unroll]] for (uint i = 0; i < TILES; i++) {
        STORED stored;
        coopMatLoad(stored, c.at, (i0 + wi + i * 16) * dv + j0 + wj + j * 16, dv, BY_COLUMNS);
        z[j][i] = SUMS(stored);
    }
    bool has_n = j0 == 0;
    float n = has_n && tid < SIDE ? Floats(state_n(block, p.shape, s.phase, head)).at[i0 + tid] : 0.0;
    uint qk = heads * dqk;
    // The tiles of 64 tokens of all chunks follow one another; what is behind a chunk's tokens is zero. While one is
    // multiplied the next is on its way.
    uint per_chunk = p.tile_rows / SIDE, count = s.chunks * per_chunk, line = tid / PIECES, piece = tid % PIECES;
    const uint STEP = THREADS / PIECES;
    uint64_t rows = p.halves + (uint64_t(s.chunk) * p.tile_rows + line) * p.stride * 2ul;
    uint64_t k = rows + (2 * qk + head * dqk + i0) * 2ul, v = rows + (3 * qk + head * dv + j0) * 2ul;
    uvec4 k_next[EACH], v_next[EACH];
    [[unroll]] for (uint l = 0; l < EACH; l++) {
        k_next[l] = Quads(k + uint64_t(l * STEP) * p.stride * 2ul).at[piece];
        v_next[l] = Quads(v + uint64_t(l * STEP) * p.stride * 2ul).at[piece];
    }
    float decay = 1.0;
    for (uint at = 0; at < count; at++) {
        uint chunk = s.chunk + at / per_chunk;
        barrier();
        [[unroll]] for (uint l = 0; l < EACH; l++) {
            k_tile[(line + l * STEP) * LINE + piece] = k_next[l];
            v_tile[(line + l * STEP) * LINE + piece] = v_next[l];
        }
        barrier();
        k += uint64_t(SIDE) * p.stride * 2ul;
        v += uint64_t(SIDE) * p.stride * 2ul;
        if (at + 1 < count) {
            [[unroll]] for (uint l = 0; l < EACH; l++) {
                k_next[l] = Quads(k + uint64_t(l * STEP) * p.stride * 2ul).at[piece];
                v_next[l] = Quads(v + uint64_t(l * STEP) * p.stride * 2ul).at[piece];
            }
        }
        if (at % per_chunk == 0) {
            decay = Floats(p.decay).at[chunk * heads + head];
            Halves before = Halves(p.c_before + (uint64_t(chunk) * heads + head) * dqk * dv * 2ul);
            [[unroll]] for (uint j = 0; j < TILES; j++) [[unroll]] for (uint i = 0; i < TILES; i++) {
                ROUNDED rounded = ROUNDED(z[j][i]);
                coopMatStore(rounded, before.at, (j0 + wj + j * 16) * dqk + i0 + wi + i * 16, dqk, BY_ROWS);
                z[j][i] = z[j][i] * decay;
            }
            if (has_n && tid < SIDE)
                Floats(floats_at(p.n_before, (uint64_t(chunk) * heads + head) * dqk)).at[i0 + tid] = n;
            n *= decay;
        }
        [[unroll]] for (uint l = 0; l < SIDE; l += 16) {
            LEFT a[TILES];
            RIGHT b;
            [[unroll]] for (uint j = 0; j < TILES; j++)
                coopMatLoad(a[j], v_tile, l * LINE + (wj + j * 16) / 8, LINE, BY_COLUMNS);
            [[unroll]] for (uint i = 0; i < TILES; i++) {
                coopMatLoad(b, k_tile, l * LINE + (wi + i * 16) / 8, LINE, BY_ROWS);
                [[unroll]] for (uint j = 0; j < TILES; j++) z[j][i] = coopMatMulAdd(a[j], b, z[j][i]);
            }
        }
        if (has_n) {
            float sum = 0.0;
            for (uint l = tid / SIDE; l < SIDE; l += 2) sum += k_value(l, tid % SIDE);
            n_parts[tid] = sum;
            barrier();
            n += n_parts[tid % SIDE] + n_parts[SIDE + tid % SIDE];
        }
    }
    [[unroll]] for (uint j = 0; j < TILES; j++) [[unroll]] for (uint i = 0; i < TILES; i++) {
        STORED stored = STORED(z[j][i]);
        coopMatStore(stored, c.at, (i0 + wi + i * 16) * dv + j0 + wj + j * 16, dv, BY_COLUMNS);
    }
    if (has_n && tid < SIDE) Floats(state_n(block, p.shape, s.phase ^ 1, head)).at[i0 + tid] = n;
}

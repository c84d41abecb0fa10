#version 460
// y[t, r] (+)= sum over k of w[r, k] x[t, k] by the device's matrix units: bfloat16 values, float32 sums. A workgroup makes
// a tile of BM tokens and BN rows, a subgroup WM x WN of it; DEPTH columns at a time lie in shared memory, in rows that are
// padded against bank conflicts, while the next are on their way into registers. Macros: BM, BN, WM, WN; AHEAD: how many
// times DEPTH columns are on their way (1); GATED: half of
// the rows are those of the gate and half those of up, and y = silu(gate) * up comes out in bfloat16.
// PACKED: weights of 16 bits or in blocks become bfloat16 on their way into shared memory; else they are that already.
// Compiled by `make shaders` with a newer compiler than most systems have, and kept as SPIR-V.
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_EXT_shader_explicit_arithmetic_types : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_bfloat16 : require

#ifndef AHEAD
#define AHEAD 1
#endif
#ifdef PACKED
#define FIXED_GROUP
#define FORMAT_ID 9
#define CONVERTS // conversions are fast where matrix units are
#include "common.glsl"
#include "math.glsl"
#include "weights.glsl"
#endif
const uint DEPTH = 64, TEAM = 32; // columns; invocations of a subgroup
const uint THREADS = BM / WM * (BN / WN) * TEAM;
layout(local_size_x = BM / WM * (BN / WN) * TEAM) in;
layout(constant_id = 2) const uint W_QUADS = 8; // 16-byte pieces of a row of w, of x, of the columns that count
layout(constant_id = 3) const uint X_QUADS = 8;
layout(constant_id = 4) const uint QUADS = 8;
layout(constant_id = 5) const uint ROWS = 16; // of w; with GATED of each half
layout(constant_id = 6) const uint Y_STRIDE = 16;
layout(constant_id = 7) const uint ADD = 0;
layout(constant_id = 8) const uint SPLIT = 1; // parts of the columns, each with an output of its own behind the other

layout(buffer_reference, buffer_reference_align = 16) readonly buffer Quads { uvec4 at[]; };
layout(buffer_reference, buffer_reference_align = 16) buffer Sums { float at[]; };
layout(buffer_reference, buffer_reference_align = 16) buffer Halves { bfloat16_t at[]; };
layout(push_constant) uniform Push {
    uint64_t w, heads, x, y;
    uint token_tiles;
    uint part_rows; // tokens between the outputs of two parts
    uint blocks;    // of a row of w, where it is PACKED
} p;

const uint PIECES = DEPTH / 8, LINE = PIECES + 1;
const uint A_PIECES = BM * PIECES / THREADS, STEP = THREADS / PIECES;
shared uvec4 a_tile[BM * LINE], b_tile[BN * LINE];

#ifdef GATED
const uint OUT_ROWS = BN / 2;
// Row of w for line l of the tile: each subgroup's lines are half gate, half up.
uint row_of(uint n0, uint l) {
    uint in_team = l % WN, half_lines = WN / 2;
    uint r = min(n0 + l / WN * half_lines + in_team % half_lines, ROWS - 1);
    return in_team < half_lines ? r : ROWS + r;
}
#else
const uint OUT_ROWS = BN;
uint row_of(uint n0, uint l) { return min(n0 + l, ROWS - 1); }
#endif

// What an invocation brings of the weights: B_LOADS of them at a time, number i of line b_line(i) of the tile.
#ifdef PACKED
const uint IN_LINE = DEPTH / UNIT;
#define Weights Unit
#else
const uint IN_LINE = PIECES;
#define Weights uvec4
#endif
const uint B_LOADS = BN * IN_LINE / THREADS;
uint b_line(uint i) { return gl_LocalInvocationIndex / IN_LINE + i * (THREADS / IN_LINE); }
uint b_first() { return gl_LocalInvocationIndex % IN_LINE; }

#ifdef PACKED
// Two values as bfloat16, rounded to the nearest, halves away from zero: fewer instructions than bf16_pair() takes.
uint halves_of(vec2 v) {
    uvec2 bits = floatBitsToUint(v) + 0x8000u;
    return bits.x >> 16 | bits.y & 0xffff0000u;
}
#endif

void keep_weights(uint i, Weights v) {
#ifdef PACKED
    uint at = b_line(i) * LINE + b_first() * (UNIT / 8);
    [[unroll]] for (uint j = 0; j < UNIT / 8; j++) {
        vec4 low = values_of(v, 2 * j), high = values_of(v, 2 * j + 1);
        b_tile[at + j] = uvec4(halves_of(low.xy), halves_of(low.zw), halves_of(high.xy), halves_of(high.zw));
    }
#else
    b_tile[b_line(i) * LINE + b_first()] = v;
#endif
}

#define ACCUMULATOR coopmat<float, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator>

void main() {
    // Token tiles fastest, so that the weights are read once from memory and then from the cache.
    uint m0 = gl_WorkGroupID.x % p.token_tiles * BM, n0 = gl_WorkGroupID.x / p.token_tiles * OUT_ROWS;
    uint tid = gl_LocalInvocationIndex, team = gl_SubgroupID;
    uint wm = team % (BM / WM) * WM, wn = team / (BM / WM) * WN;
    uint line = tid / PIECES, piece = tid % PIECES;
    uint steps = QUADS / PIECES, each = (steps + SPLIT - 1) / SPLIT, first = gl_WorkGroupID.y * each;
    uint last = min(first + each, steps);
    ACCUMULATOR z[WM / 16][WN / 16];
    Sums y = Sums(p.y + uint64_t(gl_WorkGroupID.y) * p.part_rows * Y_STRIDE * 4ul);
    [[unroll]] for (uint i = 0; i < WM / 16; i++) [[unroll]] for (uint j = 0; j < WN / 16; j++) {
        z[i][j] = ACCUMULATOR(0.0);
#ifndef GATED
        if (ADD != 0 && n0 + wn + j * 16 < ROWS)
            coopMatLoad(z[i][j], y.at, (m0 + wm + i * 16) * Y_STRIDE + n0 + wn + j * 16, Y_STRIDE,
                        gl_CooperativeMatrixLayoutRowMajor);
#endif
    }
    Quads x = Quads(p.x + uint64_t(m0 + line) * X_QUADS * 16ul);
#ifdef PACKED
    Row w[B_LOADS];
    [[unroll]] for (uint i = 0; i < B_LOADS; i++) w[i] = find_row(p.w, p.heads, row_of(n0, b_line(i)), W_QUADS, p.blocks);
#define LOAD_WEIGHTS(i, k) load_unit(w[i], (k) * IN_LINE + b_first())
#else
    uint64_t w[B_LOADS];
    [[unroll]] for (uint i = 0; i < B_LOADS; i++) w[i] = p.w + uint64_t(row_of(n0, b_line(i))) * W_QUADS * 16ul;
#define LOAD_WEIGHTS(i, k) Quads(w[i]).at[(k) * IN_LINE + b_first()]
#endif
    uvec4 a_next[AHEAD][A_PIECES];
    Weights b_next[AHEAD][B_LOADS];
    [[unroll]] for (uint s = 0; s < AHEAD; s++) {
        uint k = min(first + s, last - 1);
        [[unroll]] for (uint i = 0; i < A_PIECES; i++) a_next[s][i] = x.at[i * STEP * X_QUADS + k * PIECES + piece];
        [[unroll]] for (uint i = 0; i < B_LOADS; i++) b_next[s][i] = LOAD_WEIGHTS(i, k);
    }
    [[dont_unroll]] for (uint k0 = first; k0 < last; k0 += AHEAD) [[unroll]] for (uint s = 0; s < AHEAD; s++) {
        uint k = k0 + s;
        if (AHEAD > 1 && k >= last) break;
        barrier();
        [[unroll]] for (uint i = 0; i < A_PIECES; i++) a_tile[(line + i * STEP) * LINE + piece] = a_next[s][i];
        [[unroll]] for (uint i = 0; i < B_LOADS; i++) keep_weights(i, b_next[s][i]);
        barrier();
        if (k + AHEAD < last) {
            [[unroll]] for (uint i = 0; i < A_PIECES; i++) a_next[s][i] = x.at[i * STEP * X_QUADS + (k + AHEAD) * PIECES + piece];
            [[unroll]] for (uint i = 0; i < B_LOADS; i++) b_next[s][i] = LOAD_WEIGHTS(i, k + AHEAD);
        }
        [[unroll]] for (uint q = 0; q < DEPTH / 16; q++) {
            coopmat<bfloat16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseA> a[WM / 16];
            coopmat<bfloat16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseB> b;
            [[unroll]] for (uint i = 0; i < WM / 16; i++)
                coopMatLoad(a[i], a_tile, (wm + i * 16) * LINE + q * 2, LINE, gl_CooperativeMatrixLayoutRowMajor);
            [[unroll]] for (uint j = 0; j < WN / 16; j++) {
                coopMatLoad(b, b_tile, (wn + j * 16) * LINE + q * 2, LINE, gl_CooperativeMatrixLayoutColumnMajor);
                [[unroll]] for (uint i = 0; i < WM / 16; i++) z[i][j] = coopMatMulAdd(a[i], b, z[i][j]);
            }
        }
    }
#ifdef GATED
    const uint PAIRS = WN / 32;
    [[unroll]] for (uint i = 0; i < WM / 16; i++) [[unroll]] for (uint j = 0; j < PAIRS; j++) {
        uint column = n0 + wn / 2 + j * 16;
        if (column < ROWS) {
            [[unroll]] for (uint e = 0; e < z[i][j].length(); e++) {
                float gate = z[i][j][e];
                z[i][j][e] = gate / (1.0 + exp(-gate)) * z[i][j + PAIRS][e];
            }
            coopmat<bfloat16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator> out_tile =
                coopmat<bfloat16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator>(z[i][j]);
            coopMatStore(out_tile, Halves(p.y).at, (m0 + wm + i * 16) * Y_STRIDE + column, Y_STRIDE,
                         gl_CooperativeMatrixLayoutRowMajor);
        }
    }
#else
    [[unroll]] for (uint i = 0; i < WM / 16; i++) [[unroll]] for (uint j = 0; j < WN / 16; j++)
        if (n0 + wn + j * 16 < ROWS)
            coopMatStore(z[i][j], y.at, (m0 + wm + i * 16) * Y_STRIDE + n0 + wn + j * 16, Y_STRIDE,
                         gl_CooperativeMatrixLayoutRowMajor);
#endif
}

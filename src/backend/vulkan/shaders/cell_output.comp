#version 460
// chunk_weights.comp and chunk_output.comp by matrix units: q, k, v, the weights and C in bfloat16, sums in float32. A
// workgroup takes 64 tokens and 256 columns of a head. The normalizer is known before the products, so that the rows of what
// is multiplied are divided by it and the sums are h itself.
#extension GL_GOOGLE_include_directive : require
#include "cell_matrix.glsl"
layout(local_size_x = 256) in; // eight subgroups, each with 64 x 32 of the output

layout(push_constant) uniform Push {
    uint64_t chunks, halves, gates, c_before, n_before, h;
    Shape shape;
    uint stride, tile_rows, h_stride;
    float eps;
} p;

const uint COLUMNS = 256, DQK_MAX = 256, ROWS = SIDE / 16;
const uint Q_LINE = DQK_MAX / 8 + 1, S_LINE = SIDE / 4 + 1, W_LINE = SIDE / 8 + 1; // pieces of 16 bytes
shared uvec4 wide[SIDE * Q_LINE];   // first q k^T as float32 in lines of S_LINE, then q by its factor as bfloat16
shared uvec4 narrow[SIDE * W_LINE]; // the weights as bfloat16
shared vec2 inner[SIDE];            // a of a tile's tokens

uint bf16_bits(float x) {
    uint bits = floatBitsToUint(x);
    return bits + 0x7fffu + (bits >> 16 & 1u) >> 16;
}
uint bf16_pair(float a, float b) { return bf16_bits(a) | bf16_bits(b) << 16; }
vec2 floats_of(uint pair) { return uintBitsToFloat(uvec2(pair << 16, pair & 0xffff0000u)); }

layout(buffer_reference, buffer_reference_align = 16, std430) readonly buffer Quads { uvec4 at[]; };

void main() {
    Chunk chunk = Chunks(p.chunks).at[gl_WorkGroupID.z];
    uint dqk = p.shape.dqk, dv = p.shape.dv, heads = p.shape.heads, head = gl_WorkGroupID.y;
    uint tid = gl_SubgroupID * 32 + gl_SubgroupInvocationID;
    uint tiles = dv / COLUMNS, t0 = gl_WorkGroupID.x / tiles * SIDE;
    uint j0 = gl_WorkGroupID.x % tiles * COLUMNS + gl_SubgroupID * PART;
    if (t0 >= chunk.count) return;
    uint qk = heads * dqk;
    uint64_t rows = p.halves + uint64_t(gl_WorkGroupID.z) * p.tile_rows * p.stride * 2ul;
    Halves q = Halves(rows + head * dqk * 2ul), k = Halves(rows + (qk + head * dqk) * 2ul);
    Halves v = Halves(rows + (3 * qk + head * dv) * 2ul);
    uint64_t state = uint64_t(gl_WorkGroupID.z) * heads + head;
    Halves c = Halves(p.c_before + state * dqk * dv * 2ul);
    Floats n = Floats(floats_at(p.n_before, state * dqk));

    // Four invocations keep a row; they are neighbours of one subgroup.
    uint line = tid / 4, part = tid % 4, t = t0 + line;
    bool inside = t < chunk.count;
    Gates g = GateRows(p.gates).at[(chunk.row + min(t, chunk.count - 1)) * heads + head];

    // q n, before the chunk's own tokens
    Quads q_row = Quads(rows + (uint64_t(t) * p.stride + head * dqk) * 2ul);
    float normalizer = 0.0;
    for (uint d = part; d < dqk / 8; d += 4) {
        uvec4 quad = q_row.at[d];
        [[unroll]] for (uint i = 0; i < 4; i++) {
            vec2 two = floats_of(quad[i]);
            normalizer += two.x * n.at[d * 8 + i * 2] + two.y * n.at[d * 8 + i * 2 + 1];
        }
    }
    normalizer *= g.inter;

    // The weights of tile s0: their sum in the first pass, the weights themselves, divided, in the second.
    SUMS z[ROWS][TILES];
    [[unroll]] for (uint i = 0; i < ROWS; i++) [[unroll]] for (uint j = 0; j < TILES; j++) z[i][j] = SUMS(0.0);
    float divisor = 1.0;
    uint wt = gl_SubgroupID / 2 * 16, ws = gl_SubgroupID % 2 * PART;
    for (uint pass = 0; pass < 2; pass++) {
        if (pass == 1) {
            normalizer += subgroupShuffleXor(normalizer, 1);
            normalizer += subgroupShuffleXor(normalizer, 2);
            float low = exp(-g.m), sum = abs(normalizer);
            divisor = 1.0 / ((sum > low ? sum : low) + p.eps);
        }
        for (uint s0 = 0; s0 <= t0; s0 += SIDE) {
            SUMS w[TILES];
            // With one tile alone the products of the first pass are still there.
            if (pass == 0 || t0 > 0) {
                [[unroll]] for (uint j = 0; j < TILES; j++) w[j] = SUMS(0.0);
                for (uint d = 0; d < dqk; d += 32) {
                    LEFT a[2];
                    RIGHT b[2][TILES];
                    [[unroll]] for (uint l = 0; l < 2; l++) {
                        coopMatLoad(a[l], q.at, (t0 + wt) * p.stride + d + l * 16, p.stride, BY_ROWS);
                        [[unroll]] for (uint j = 0; j < TILES; j++)
                            coopMatLoad(b[l][j], k.at, (s0 + ws + j * 16) * p.stride + d + l * 16, p.stride, BY_COLUMNS);
                    }
                    [[unroll]] for (uint l = 0; l < 2; l++) [[unroll]] for (uint j = 0; j < TILES; j++)
                        w[j] = coopMatMulAdd(a[l], b[l][j], w[j]);
                }
                barrier();
                [[unroll]] for (uint j = 0; j < TILES; j++)
                    coopMatStore(w[j], wide, wt * S_LINE + (ws + j * 16) / 4, S_LINE, BY_ROWS);
                if (tid < SIDE)
                    inner[tid] = GateRows(p.gates).at[(chunk.row + min(s0 + tid, chunk.count - 1)) * heads + head].a;
                barrier();
            }
            float own[16];
            [[unroll]] for (uint l = 0; l < 16; l++) {
                uint s = part * 16 + l;
                float dot_product = uintBitsToFloat(wide[line * S_LINE + s / 4][s % 4]);
                vec2 from = inner[s] - g.highest;
                own[l] = inside && s0 + s <= t ? dot_product * exp(from.x + from.y) : 0.0;
                if (pass == 0) normalizer += own[l];
            }
            if (pass == 0) continue;
            [[unroll]] for (uint l = 0; l < 2; l++) {
                uvec4 quad;
                [[unroll]] for (uint i = 0; i < 4; i++)
                    quad[i] = bf16_pair(own[l * 8 + i * 2] * divisor, own[l * 8 + i * 2 + 1] * divisor);
                narrow[line * W_LINE + part * 2 + l] = quad;
            }
            barrier();
            [[unroll]] for (uint d = 0; d < SIDE; d += 16) {
                RIGHT b[TILES];
                [[unroll]] for (uint j = 0; j < TILES; j++)
                    coopMatLoad(b[j], v.at, (s0 + d) * p.stride + j0 + j * 16, p.stride, BY_ROWS);
                [[unroll]] for (uint i = 0; i < ROWS; i++) {
                    LEFT a;
                    coopMatLoad(a, narrow, i * 16 * W_LINE + d / 8, W_LINE, BY_ROWS);
                    [[unroll]] for (uint j = 0; j < TILES; j++) z[i][j] = coopMatMulAdd(a, b[j], z[i][j]);
                }
            }
        }
    }
    // What comes from the state before the chunk.
    barrier();
    float factor = g.inter * divisor;
    for (uint d = part; d < dqk / 8; d += 4) {
        uvec4 quad = q_row.at[d];
        [[unroll]] for (uint i = 0; i < 4; i++) {
            vec2 two = floats_of(quad[i]) * factor;
            quad[i] = bf16_pair(two.x, two.y);
        }
        wide[line * Q_LINE + d] = quad;
    }
    barrier();
    for (uint d = 0; d < dqk; d += 32) {
        RIGHT b[2][TILES];
        [[unroll]] for (uint l = 0; l < 2; l++) [[unroll]] for (uint j = 0; j < TILES; j++)
            coopMatLoad(b[l][j], c.at, (j0 + j * 16) * dqk + d + l * 16, dqk, BY_COLUMNS);
        [[unroll]] for (uint l = 0; l < 2; l++) [[unroll]] for (uint i = 0; i < ROWS; i++) {
            LEFT a;
            coopMatLoad(a, wide, i * 16 * Q_LINE + (d + l * 16) / 8, Q_LINE, BY_ROWS);
            [[unroll]] for (uint j = 0; j < TILES; j++) z[i][j] = coopMatMulAdd(a, b[l][j], z[i][j]);
        }
    }
    // The tile that the chunk's end cuts goes through shared memory, since the rows behind it are another chunk's.
    barrier();
    [[unroll]] for (uint i = 0; i < ROWS; i++) {
        uint first = t0 + i * 16;
        uint64_t to = floats_at(p.h, uint64_t(chunk.row + first) * p.h_stride + head * dv + j0);
        if (first + 16 <= chunk.count) {
            [[unroll]] for (uint j = 0; j < TILES; j++)
                coopMatStore(z[i][j], Floats(to).at, j * 16, p.h_stride, BY_ROWS);
        } else if (first < chunk.count) {
            uint own_lines = gl_SubgroupID * 16 * (PART / 4);
            [[unroll]] for (uint j = 0; j < TILES; j++)
                coopMatStore(z[i][j], wide, own_lines + j * 4, PART / 4, BY_ROWS);
            barrier();
            for (uint e = tid % 32; e < 16 * PART; e += 32) {
                uint row = e / PART, column = e % PART;
                if (first + row < chunk.count)
                    Floats(floats_at(to, uint64_t(row) * p.h_stride)).at[column] =
                        uintBitsToFloat(wide[own_lines + e / 4][e % 4]);
            }
        }
    }
}

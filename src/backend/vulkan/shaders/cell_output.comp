#version 460
// chunk_weights.comp and chunk_output.comp by matrix units: q, k, v, the weights and C in bfloat16, sums in float32.
#extension GL_GOOGLE_include_directive : require
#include "cell_matrix.glsl"

layout(push_constant) uniform Push {
    uint64_t chunks, halves, gates, c_before, n_before, h;
    Shape shape;
    uint stride, tile_rows, h_stride;
    float eps;
} p;

const uint LINE = SIDE + 4, HALF_LINE = SIDE + 8;
shared float sums[SIDE * LINE];
shared bfloat16_t weights[SIDE * HALF_LINE];
shared vec2 inner[SIDE];     // a of the tokens of a tile
shared float row_parts[128]; // of the normalizer

void main() {
    Chunk chunk = Chunks(p.chunks).at[gl_WorkGroupID.z];
    uint dqk = p.shape.dqk, dv = p.shape.dv, heads = p.shape.heads, head = gl_WorkGroupID.y, tid = gl_LocalInvocationIndex;
    uint tiles = dv / SIDE, t0 = gl_WorkGroupID.x / tiles * SIDE, j0 = gl_WorkGroupID.x % tiles * SIDE;
    if (t0 >= chunk.count) return;
    uint wt = gl_SubgroupID / 2 * PART, wj = gl_SubgroupID % 2 * PART;
    uint qk = heads * dqk;
    uint64_t rows = p.halves + uint64_t(gl_WorkGroupID.z) * p.tile_rows * p.stride * 2ul;
    Halves q = Halves(rows + head * dqk * 2ul), k = Halves(rows + (qk + head * dqk) * 2ul);
    Halves v = Halves(rows + (3 * qk + head * dv) * 2ul);
    uint64_t state = uint64_t(gl_WorkGroupID.z) * heads + head;
    Halves c = Halves(p.c_before + state * dqk * dv * 2ul);
    Floats n = Floats(floats_at(p.n_before, state * dqk));

    // Each pair of invocations keeps a row.
    uint t = t0 + tid / 2, side = tid % 2 * PART;
    bool inside = t < chunk.count;
    uint gate_row = (chunk.row + min(t, chunk.count - 1)) * heads + head;
    Gates g = GateRows(p.gates).at[gate_row];

    SUMS z[TILES][TILES];
    [[unroll]] for (uint i = 0; i < TILES; i++) [[unroll]] for (uint j = 0; j < TILES; j++) z[i][j] = SUMS(0.0);
    for (uint d = 0; d < dqk; d += 16) {
        LEFT a[TILES];
        RIGHT b;
        [[unroll]] for (uint i = 0; i < TILES; i++)
            coopMatLoad(a[i], q.at, (t0 + wt + i * 16) * p.stride + d, p.stride, BY_ROWS);
        [[unroll]] for (uint j = 0; j < TILES; j++) {
            coopMatLoad(b, c.at, d * dv + j0 + wj + j * 16, dv, BY_ROWS);
            [[unroll]] for (uint i = 0; i < TILES; i++) z[i][j] = coopMatMulAdd(a[i], b, z[i][j]);
        }
    }
    [[unroll]] for (uint i = 0; i < TILES; i++) [[unroll]] for (uint j = 0; j < TILES; j++)
        coopMatStore(z[i][j], sums, (wt + i * 16) * LINE + wj + j * 16, LINE, BY_ROWS);
    barrier();
    for (uint l = 0; l < PART; l++) sums[tid / 2 * LINE + side + l] *= g.inter;
    float normalizer = 0.0;
    for (uint d = tid % 2 * (dqk / 2); d < (tid % 2 + 1) * (dqk / 2); d++) normalizer += float(q.at[t * p.stride + d]) * n.at[d];
    normalizer *= g.inter;
    barrier();
    [[unroll]] for (uint i = 0; i < TILES; i++) [[unroll]] for (uint j = 0; j < TILES; j++)
        coopMatLoad(z[i][j], sums, (wt + i * 16) * LINE + wj + j * 16, LINE, BY_ROWS);

    for (uint s0 = 0; s0 <= t0; s0 += SIDE) {
        SUMS w[TILES][TILES];
        [[unroll]] for (uint i = 0; i < TILES; i++) [[unroll]] for (uint j = 0; j < TILES; j++) w[i][j] = SUMS(0.0);
        for (uint d = 0; d < dqk; d += 16) {
            LEFT a[TILES];
            RIGHT b;
            [[unroll]] for (uint i = 0; i < TILES; i++)
                coopMatLoad(a[i], q.at, (t0 + wt + i * 16) * p.stride + d, p.stride, BY_ROWS);
            [[unroll]] for (uint j = 0; j < TILES; j++) {
                coopMatLoad(b, k.at, (s0 + wj + j * 16) * p.stride + d, p.stride, BY_COLUMNS);
                [[unroll]] for (uint i = 0; i < TILES; i++) w[i][j] = coopMatMulAdd(a[i], b, w[i][j]);
            }
        }
        barrier();
        [[unroll]] for (uint i = 0; i < TILES; i++) [[unroll]] for (uint j = 0; j < TILES; j++)
            coopMatStore(w[i][j], sums, (wt + i * 16) * LINE + wj + j * 16, LINE, BY_ROWS);
        if (tid < SIDE)
            inner[tid] = GateRows(p.gates).at[(chunk.row + min(s0 + tid, chunk.count - 1)) * heads + head].a;
        barrier();
        for (uint l = side; l < side + PART; l++) {
            float weight = 0.0;
            if (inside && s0 + l <= t)
                weight = sums[tid / 2 * LINE + l] * exp((inner[l].x - g.highest.x) + (inner[l].y - g.highest.y));
            normalizer += weight;
            weights[tid / 2 * HALF_LINE + l] = bfloat16_t(weight);
        }
        barrier();
        [[unroll]] for (uint d = 0; d < SIDE; d += 16) {
            LEFT a[TILES];
            RIGHT b;
            [[unroll]] for (uint i = 0; i < TILES; i++)
                coopMatLoad(a[i], weights, (wt + i * 16) * HALF_LINE + d, HALF_LINE, BY_ROWS);
            [[unroll]] for (uint j = 0; j < TILES; j++) {
                coopMatLoad(b, v.at, (s0 + d) * p.stride + j0 + wj + j * 16, p.stride, BY_ROWS);
                [[unroll]] for (uint i = 0; i < TILES; i++) z[i][j] = coopMatMulAdd(a[i], b, z[i][j]);
            }
        }
    }
    barrier();
    [[unroll]] for (uint i = 0; i < TILES; i++) [[unroll]] for (uint j = 0; j < TILES; j++)
        coopMatStore(z[i][j], sums, (wt + i * 16) * LINE + wj + j * 16, LINE, BY_ROWS);
    row_parts[tid] = normalizer;
    barrier();
    float low = exp(-g.m), sum = abs(row_parts[tid] + row_parts[tid ^ 1]);
    barrier();
    if (tid % 2 == 0) row_parts[tid / 2] = (sum > low ? sum : low) + p.eps;
    barrier();
    for (uint e = tid; e < SIDE * SIDE; e += 128) {
        uint line = e / SIDE, row = t0 + line;
        if (row < chunk.count)
            Floats(floats_at(p.h, uint64_t(chunk.row + row) * p.h_stride + head * dv)).at[j0 + e % SIDE] =
                sums[line * LINE + e % SIDE] / row_parts[line];
    }
}

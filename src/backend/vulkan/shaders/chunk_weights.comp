#version 460
// The weights inside a chunk: (q k^T / sqrt(dqk)) exp(a_s - highest_t) for s <= t, else 0; a tile of 64 x 64 of one head.
#include "common.glsl"
#include "math.glsl"
#include "cell.glsl"

layout(push_constant) uniform Push {
    uint64_t chunks, q, k, gates, weights; // weights [rows, heads, longest]
    Shape shape;
    uint stride, longest, first_head, side; // tiles along a side of the longest chunk
    float scale;
} p;

const uint SIDE = 64, DEPTH = 16, LINE = SIDE + 4;
shared vec4 qs[DEPTH * LINE / 4], ks[DEPTH * LINE / 4];

void main() {
    Chunk chunk = Chunks(p.chunks).at[gl_WorkGroupID.z];
    uint t0 = gl_WorkGroupID.x / p.side * SIDE, s0 = gl_WorkGroupID.x % p.side * SIDE;
    if (s0 > t0 || t0 >= chunk.count) return;
    uint dqk = p.shape.dqk, heads = p.shape.heads, head = gl_WorkGroupID.y + p.first_head;
    uint tid = gl_LocalInvocationIndex, tx = tid % 16, ty = tid / 16;
    vec4 acc[4];
    [[unroll]] for (uint i = 0; i < 4; i++) acc[i] = vec4(0.0);
    for (uint d0 = 0; d0 < dqk; d0 += DEPTH) {
        barrier();
        [[unroll]] for (uint l = 0; l < DEPTH * SIDE / 256; l++) {
            uint e = l * 256 + tid, line = e / DEPTH, d = e % DEPTH, at = d * LINE + line;
            bool inside = d0 + d < dqk;
            uint64_t t = chunk.row + min(t0 + line, chunk.count - 1), s = chunk.row + min(s0 + line, chunk.count - 1);
            qs[at / 4][at % 4] = inside ? ReadFloats(floats_at(p.q, t * p.stride + head * dqk)).at[d0 + d] : 0.0;
            ks[at / 4][at % 4] = inside ? ReadFloats(floats_at(p.k, s * p.stride + head * dqk)).at[d0 + d] : 0.0;
        }
        barrier();
        [[unroll]] for (uint d = 0; d < DEPTH; d++) {
            vec4 a = qs[d * LINE / 4 + ty], b = ks[d * LINE / 4 + tx];
            [[unroll]] for (uint i = 0; i < 4; i++) acc[i] += a[i] * b;
        }
    }
    [[unroll]] for (uint i = 0; i < 4; i++) {
        uint t = t0 + ty * 4 + i;
        if (t < chunk.count) {
            uint64_t row = chunk.row + t;
            vec2 highest = GateRows(p.gates).at[uint(row) * heads + head].highest;
            Floats to = Floats(floats_at(p.weights, (row * heads + head) * p.longest));
            [[unroll]] for (uint j = 0; j < 4; j++) {
                uint s = s0 + tx * 4 + j;
                if (s <= t) {
                    vec2 a = GateRows(p.gates).at[(chunk.row + s) * heads + head].a;
                    to.at[s] = acc[i][j] * p.scale * exp_exact(less(Pair(a.x, a.y), Pair(highest.x, highest.y)).hi);
                } else if (s < p.longest) {
                    to.at[s] = 0.0;
                }
            }
        }
    }
}

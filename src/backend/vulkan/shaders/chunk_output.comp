#version 460
// h of 64 tokens and 64 columns of one head: the weights inside the chunk times v, and what comes from the state before
// the chunk, over the normalizer.
#include "common.glsl"
#include "math.glsl"
#include "cell.glsl"

layout(push_constant) uniform Push {
    uint64_t chunks, q, v, gates, weights, c_before, n_before, h;
    Shape shape;
    uint stride, h_stride, longest, first_head;
    float eps, scale;
    uint columns; // tiles of columns
} p;

const uint SIDE = 64, DEPTH = 16, LINE = SIDE + 4;
shared vec4 as[DEPTH * LINE / 4], bs[DEPTH * SIDE / 4];
shared float ns[DEPTH];

vec4 acc[4];
vec4 carried; // for the four rows: sums of the weights, or q n

void multiply(uint depth, bool with_n) {
    for (uint d = 0; d < depth; d++) {
        vec4 a = as[d * LINE / 4 + gl_LocalInvocationIndex / 16], b = bs[d * SIDE / 4 + gl_LocalInvocationIndex % 16];
        [[unroll]] for (uint i = 0; i < 4; i++) acc[i] += a[i] * b;
        carried += with_n ? a * ns[d] : a;
    }
}

void main() {
    Chunk chunk = Chunks(p.chunks).at[gl_WorkGroupID.z];
    uint t0 = gl_WorkGroupID.x / p.columns * SIDE, j0 = gl_WorkGroupID.x % p.columns * SIDE;
    if (t0 >= chunk.count) return;
    uint dqk = p.shape.dqk, dv = p.shape.dv, heads = p.shape.heads, head = gl_WorkGroupID.y + p.first_head;
    uint tid = gl_LocalInvocationIndex, tx = tid % 16, ty = tid / 16;
    uint64_t state = uint64_t(gl_WorkGroupID.z) * heads + head;
    ReadFloats c = ReadFloats(floats_at(p.c_before, state * dqk * dv));
    ReadFloats n = ReadFloats(floats_at(p.n_before, state * dqk));
    [[unroll]] for (uint i = 0; i < 4; i++) acc[i] = vec4(0.0);
    carried = vec4(0.0);
    for (uint d0 = 0; d0 < dqk; d0 += DEPTH) {
        barrier();
        [[unroll]] for (uint l = 0; l < DEPTH * SIDE / 256; l++) {
            uint e = l * 256 + tid, line = e / DEPTH, d = e % DEPTH, at = d * LINE + line;
            uint64_t t = chunk.row + min(t0 + line, chunk.count - 1);
            as[at / 4][at % 4] = d0 + d < dqk ? ReadFloats(floats_at(p.q, t * p.stride + head * dqk)).at[d0 + d] : 0.0;
            uint step = e / SIDE, x = e % SIDE;
            bs[e / 4][e % 4] = d0 + step < dqk && j0 + x < dv ? c.at[(d0 + step) * dv + j0 + x] : 0.0;
        }
        if (tid < DEPTH) ns[tid] = d0 + tid < dqk ? n.at[d0 + tid] : 0.0;
        barrier();
        multiply(DEPTH, true);
    }
    [[unroll]] for (uint i = 0; i < 4; i++) {
        uint row = chunk.row + min(t0 + ty * 4 + i, chunk.count - 1);
        float inter = GateRows(p.gates).at[row * heads + head].inter * p.scale;
        acc[i] *= inter;
        carried[i] *= inter;
    }
    uint last = min(t0 + SIDE, chunk.count);
    for (uint s0 = 0; s0 < last; s0 += DEPTH) {
        barrier();
        [[unroll]] for (uint l = 0; l < DEPTH * SIDE / 256; l++) {
            uint e = l * 256 + tid, line = e / DEPTH, s = e % DEPTH, at = s * LINE + line, t = t0 + line;
            uint64_t row = chunk.row + min(t, chunk.count - 1);
            bool inside = s0 + s <= t && t < chunk.count;
            as[at / 4][at % 4] =
                inside ? ReadFloats(floats_at(p.weights, (row * heads + head) * p.longest)).at[s0 + s] : 0.0;
            uint step = e / SIDE, x = e % SIDE;
            uint64_t from = chunk.row + s0 + step;
            bs[e / 4][e % 4] = s0 + step < last && j0 + x < dv
                                   ? ReadFloats(floats_at(p.v, from * p.stride + head * dv)).at[j0 + x] : 0.0;
        }
        barrier();
        multiply(DEPTH, false);
    }
    [[unroll]] for (uint i = 0; i < 4; i++) {
        uint t = t0 + ty * 4 + i;
        if (t < chunk.count) {
            uint64_t row = chunk.row + t;
            float low = exp_exact(-GateRows(p.gates).at[uint(row) * heads + head].m), sum = abs(carried[i]);
            float denominator = (sum > low ? sum : low) + p.eps;
            Floats h = Floats(floats_at(p.h, row * p.h_stride + head * dv));
            [[unroll]] for (uint j = 0; j < 4; j++) {
                uint column = j0 + tx * 4 + j;
                if (column < dv) h.at[column] = acc[i][j] / denominator;
            }
        }
    }
}

#version 460
// The state at every chunk's beginning, and at the slice's end: 64 x 64 of one head's C, four by four for each of 256
// invocations. The first tile of columns carries n along.
#include "common.glsl"
#include "math.glsl"
#include "cell.glsl"
#include "state.glsl"

layout(push_constant) uniform Push {
    uint64_t slices, chunks, k, v, gates, decay;
    uint64_t c_before, n_before; // [chunks, heads, dqk, dv], [chunks, heads, dqk]
    uint64_t block;
    Shape shape;
    uint stride, first_head;
} p;

const uint SIDE = 64, DEPTH = 16;
shared vec4 ks[DEPTH * SIDE / 4], vs[DEPTH * SIDE / 4];

void main() {
    Slice s = Slices(p.slices).at[gl_WorkGroupID.z];
    uint dqk = p.shape.dqk, dv = p.shape.dv, heads = p.shape.heads, head = gl_WorkGroupID.y + p.first_head;
    uint tiles = (dv + SIDE - 1) / SIDE, i0 = gl_WorkGroupID.x / tiles * SIDE, j0 = gl_WorkGroupID.x % tiles * SIDE;
    uint tid = gl_LocalInvocationIndex, tx = tid % 16, ty = tid / 16;
    uint64_t block = s.state + p.block;
    uint64_t c = state_c(block, p.shape, head);
    bool has_n = j0 == 0 && tid < SIDE && i0 + tid < dqk;
    float n = has_n ? ReadFloats(state_n(block, p.shape, s.phase, head)).at[i0 + tid] : 0.0;
    vec4 acc[4];
    [[unroll]] for (uint i = 0; i < 4; i++) {
        uint a = i0 + ty * 4 + i, b = j0 + tx * 4;
        acc[i] = vec4(0.0);
        if (a >= dqk) continue;
        if (dv % 4 == 0) {
            if (b < dv) acc[i] = read_state(c, (a * dv + b) / 4);
        } else {
            [[unroll]] for (uint j = 0; j < 4; j++) if (b + j < dv) acc[i][j] = Floats(c).at[a * dv + b + j];
        }
    }
    for (uint at = s.chunk; at < s.chunk + s.chunks; at++) {
        Chunk chunk = Chunks(p.chunks).at[at];
        float decay = ReadFloats(p.decay).at[at * heads + head];
        Floats before = Floats(floats_at(p.c_before, (uint64_t(at) * heads + head) * dqk * dv));
        [[unroll]] for (uint i = 0; i < 4; i++) {
            [[unroll]] for (uint j = 0; j < 4; j++) {
                uint a = i0 + ty * 4 + i, b = j0 + tx * 4 + j;
                if (a < dqk && b < dv) before.at[a * dv + b] = acc[i][j];
            }
            acc[i] *= decay;
        }
        if (has_n) Floats(floats_at(p.n_before, (uint64_t(at) * heads + head) * dqk)).at[i0 + tid] = n;
        n *= decay;
        for (uint s0 = 0; s0 < chunk.count; s0 += DEPTH) {
            barrier();
            [[unroll]] for (uint l = 0; l < DEPTH * SIDE / 256; l++) {
                uint e = l * 256 + tid, step = e / SIDE, x = e % SIDE;
                uint64_t row = chunk.row + s0 + step;
                float kv = 0.0, vv = 0.0;
                if (s0 + step < chunk.count) {
                    float weight = GateRows(p.gates).at[uint(row) * heads + head].end;
                    if (i0 + x < dqk) kv = weight * ReadFloats(floats_at(p.k, row * p.stride + head * dqk)).at[i0 + x];
                    if (j0 + x < dv) vv = ReadFloats(floats_at(p.v, row * p.stride + head * dv)).at[j0 + x];
                }
                ks[e / 4][e % 4] = kv;
                vs[e / 4][e % 4] = vv;
            }
            barrier();
            [[unroll]] for (uint step = 0; step < DEPTH; step++) {
                vec4 a = ks[step * SIDE / 4 + ty], b = vs[step * SIDE / 4 + tx];
                [[unroll]] for (uint i = 0; i < 4; i++) acc[i] += a[i] * b;
                if (has_n) n += ks[step * SIDE / 4 + tid / 4][tid % 4];
            }
        }
    }
    [[unroll]] for (uint i = 0; i < 4; i++) {
        uint a = i0 + ty * 4 + i, b = j0 + tx * 4;
        if (a >= dqk) continue;
        if (dv % 4 == 0) {
            if (b < dv) write_state(c, (a * dv + b) / 4, acc[i]);
        } else {
            [[unroll]] for (uint j = 0; j < 4; j++) if (b + j < dv) Floats(c).at[a * dv + b + j] = acc[i][j];
        }
    }
    if (has_n) Floats(state_n(block, p.shape, s.phase ^ 1, head)).at[i0 + tid] = n;
}

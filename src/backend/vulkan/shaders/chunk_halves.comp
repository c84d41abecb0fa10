#version 460
// q (times the scale), k, k by its weight at the chunk's end, and v as bfloat16, for the matrix units: a row of `stride`
// floats for each token, whole tiles of rows for each chunk; what is behind a chunk's tokens is zero.
#include "common.glsl"
#include "math.glsl"
#include "cell.glsl"

layout(push_constant) uniform Push {
    uint64_t chunks, q, k, v, gates, to;
    Shape shape;
    uint stride, to_stride, tile_rows; // of q, k and v; of `to`; rows of a chunk in `to`
    float scale;
} p;

void main() {
    Chunk chunk = Chunks(p.chunks).at[gl_WorkGroupID.z];
    uint t = gl_WorkGroupID.y, qk = p.shape.heads * p.shape.dqk, width = 3 * qk + p.shape.heads * p.shape.dv;
    uint64_t row = chunk.row + t;
    Words to = Words(floats_at(p.to, (uint64_t(gl_WorkGroupID.z) * p.tile_rows + t) * p.to_stride));
    for (uint i = 2 * gl_LocalInvocationIndex; i < width; i += 2 * gl_WorkGroupSize.x) {
        uint part = min(i / qk, 3), column = i - part * qk;
        vec2 v = vec2(0.0);
        if (t < chunk.count) {
            uint64_t from = part == 0 ? p.q : part == 3 ? p.v : p.k;
            ReadFloats values = ReadFloats(floats_at(from, row * p.stride));
            float factor = part == 0 ? p.scale : 1.0;
            if (part == 2) factor = GateRows(p.gates).at[uint(row) * p.shape.heads + column / p.shape.dqk].end;
            v = vec2(values.at[column], values.at[column + 1]) * factor;
        }
        to.at[i / 2] = bf16_pair(v.x, v.y);
    }
}

#version 460
// y[t, r] (+)= epilogue(sum over k of w[r, k] x[t, k]) for many tokens, in float32: a tile of 64 rows and 64 tokens for a
// workgroup of 256, four by four for an invocation. Pieces of 256 columns are summed apart, which keeps chains short.
#include "common.glsl"
#include "math.glsl"
#include "weights.glsl"

layout(push_constant) uniform Push {
    uint64_t w, heads, x, bias, y;
    uint rows, quads, blocks;
    uint x_stride, y_stride;
    uint tokens, add;
    float cap;
} p;

const uint SIDE = 64, DEPTH = 16, PIECE = 256, LINE = SIDE + 4;
shared vec4 xs[DEPTH * LINE / 4], ws[DEPTH * LINE / 4];

void put(uint which, uint line, uint k, vec4 v) {
    [[unroll]] for (uint i = 0; i < 4; i++) {
        uint at = (k + i) * LINE + line;
        if (which == 0) xs[at / 4][at % 4] = v[i];
        else ws[at / 4][at % 4] = v[i];
    }
}

void main() {
    uint tid = gl_LocalInvocationIndex, tx = tid % 16, ty = tid / 16;
    uint row0 = gl_WorkGroupID.x * SIDE, token0 = gl_WorkGroupID.y * SIDE;
    uint line = tid / 4, k = tid % 4 * 4;
    uint row = min(row0 + line, p.rows - 1), token = min(token0 + line, p.tokens - 1);
    Row w = find_row(p.w, p.heads, row, p.quads, p.blocks);
    ReadVec4s x = ReadVec4s(floats_at(p.x, uint64_t(token) * p.x_stride));
    vec4 acc[4], sum[4];
    [[unroll]] for (uint i = 0; i < 4; i++) acc[i] = sum[i] = vec4(0.0);
    uint columns = row_units(p.quads) * UNIT;
    for (uint k0 = 0; k0 < columns; k0 += DEPTH) {
        uint at = k0 + k;
        vec4 a = vec4(0.0), b = vec4(0.0);
        if (at < columns) {
            a = x.at[at / 4];
            b = values_of(load_unit(w, at / UNIT), at % UNIT / 4);
        }
        barrier();
        put(0, line, k, a);
        put(1, line, k, b);
        barrier();
        [[unroll]] for (uint j = 0; j < DEPTH; j++) {
            vec4 av = xs[(j * LINE) / 4 + ty], bv = ws[(j * LINE) / 4 + tx];
            [[unroll]] for (uint i = 0; i < 4; i++) acc[i] += av[i] * bv;
        }
        if ((k0 + DEPTH) % PIECE == 0) [[unroll]] for (uint i = 0; i < 4; i++) {
            sum[i] += acc[i];
            acc[i] = vec4(0.0);
        }
    }
    ReadFloats bias = ReadFloats(p.bias);
    [[unroll]] for (uint i = 0; i < 4; i++) {
        uint t = token0 + ty * 4 + i;
        vec4 v = sum[i] + acc[i];
        Floats y = Floats(floats_at(p.y, uint64_t(t) * p.y_stride));
        [[unroll]] for (uint j = 0; j < 4; j++) {
            uint r = row0 + tx * 4 + j;
            if (t < p.tokens && r < p.rows) {
                float one = v[j];
                if (p.bias != 0ul) one += bias.at[r];
                one = soft_cap(one, p.cap);
                y.at[r] = p.add != 0 ? y.at[r] + one : one;
            }
        }
    }
}

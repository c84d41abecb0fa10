// What the products of few tokens share: constants, and loading the input. They are bound by reading the weights. A team of
// LANES invocations takes ROWS rows, or shares them with SPLIT - 1 others; a workgroup row takes TOKENS tokens.
#include "common.glsl"
#include "math.glsl"
#include "reduce.glsl"
#include "weights.glsl"

layout(constant_id = 3) const uint ROWS = 2;
layout(constant_id = 4) const uint UNROLL = 2; // units of each row in flight
layout(constant_id = 5) const uint TOKENS = 1;
layout(constant_id = 6) const uint SPLIT = 1;
layout(constant_id = 7) const uint PROLOGUE = 0;
layout(constant_id = 8) const uint GATED = 0;        // rows r and rows + r make y[r] = silu(gate) * up
layout(constant_id = 9) const uint SHARED_QUADS = 1; // vec4 of x' that there is room for
layout(constant_id = 10) const uint ROUND_OUT = 0;   // y is what round.comp would make of it; strides in floats
// ROUNDED: x is what round.comp makes, strides in floats. COPIED: x is as without a prologue (product_int.glsl: as ROUNDED),
// and every workgroup brings it into shared memory.
const uint NONE = 0, RMS_NORM = 1, ROUNDED = 2, COPIED = 3;

layout(push_constant) uniform Push {
    uint64_t w, heads, x, norm, norm_bias, bias, y;
    uint rows, quads, blocks; // outputs; 16-byte pieces and blocks of a row of w
    uint width, x_stride, y_stride;
    uint tokens, add;
    float eps, cap;
#ifdef ORDERED
    uint stage, total; // see order.glsl
    uint64_t order;
#endif
} p;

const bool ROUNDS = PROLOGUE != ROUNDED; // product_int.comp rounds x itself
const uint OUTS = GATED != 0 ? ROWS / 2 : ROWS;
const uint GROUP_OUTS = TEAMS / SPLIT * OUTS; // outputs of a workgroup
shared float parts[SPLIT > 1 ? TEAMS * ROWS * TOKENS : 1];

#include "quads.glsl"
#ifdef ORDERED
#include "order.glsl"
#else
#define FreshFloats Floats
#define FreshVec4s ReadVec4s
#define FreshQuads ReadQuads
#endif

// A quad of x, as load_quad.
vec4 input_quad(uint quad) {
    uint column = quad * 4;
    if (column + 4 <= p.width) return FreshVec4s(p.x).at[quad];
    vec4 v = vec4(0.0);
    for (uint i = 0; column + i < p.width; i++) v[i] = FreshFloats(p.x).at[column + i];
    return v;
}

// The quads of the norm of x that this invocation keeps, for one token.
void norm_quads(out vec4 v[EACH]) {
    vec4 w[EACH];
    float square = 0.0;
    [[unroll]] for (uint i = 0; i < EACH; i++) {
        uint quad = gl_LocalInvocationIndex + i * gl_WorkGroupSize.x;
        v[i] = input_quad(quad);
        w[i] = load_quad(p.norm, quad);
    }
    [[unroll]] for (uint i = 0; i < EACH; i++) square += dot(v[i], v[i]);
    float scale = 1.0 / sqrt(group_sum(square) / float(p.width) + p.eps);
    [[unroll]] for (uint i = 0; i < EACH; i++) {
        v[i] = v[i] * scale * w[i];
        if (p.norm_bias != 0ul) v[i] += load_quad(p.norm_bias, gl_LocalInvocationIndex + i * gl_WorkGroupSize.x);
    }
}

float acc[ROWS * TOKENS];

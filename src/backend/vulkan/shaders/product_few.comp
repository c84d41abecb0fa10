#version 460
// y[t, r] (+)= epilogue(sum over k of w[r, k] x'[t, k]) for few tokens: bound by reading the weights. A team of LANES
// invocations takes ROWS rows, or shares them with SPLIT - 1 others; a workgroup row takes TOKENS tokens. The prologue
// makes x' of x in shared memory, for one token: its norm.
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
const uint NONE = 0, RMS_NORM = 1;

layout(push_constant) uniform Push {
    uint64_t w, heads, x, norm, norm_bias, bias, y;
    uint rows, quads, blocks; // outputs; 16-byte pieces and blocks of a row of w
    uint width, x_stride, y_stride;
    uint tokens, add;
    float eps, cap;
} p;

const uint OUTS = GATED != 0 ? ROWS / 2 : ROWS;
shared vec4 input_quads[SHARED_QUADS];
shared float parts[SPLIT > 1 ? TEAMS * ROWS * TOKENS : 1];

// Each invocation keeps its part of the input in registers, so that memory is asked once, for all at the same time.
const uint EACH = (SHARED_QUADS + gl_WorkGroupSize.x - 1) / gl_WorkGroupSize.x;

vec4 load_quad(uint64_t from, uint quad) {
    uint column = quad * 4;
    if (column + 4 <= p.width) return ReadVec4s(from).at[quad];
    vec4 v = vec4(0.0);
    for (uint i = 0; column + i < p.width; i++) v[i] = ReadFloats(from).at[column + i];
    return v;
}

void norm_input() {
    vec4 x[EACH], w[EACH];
    float square = 0.0;
    [[unroll]] for (uint i = 0; i < EACH; i++) {
        uint quad = gl_LocalInvocationIndex + i * gl_WorkGroupSize.x;
        x[i] = load_quad(p.x, quad);
        w[i] = load_quad(p.norm, quad);
    }
    [[unroll]] for (uint i = 0; i < EACH; i++) square += dot(x[i], x[i]);
    float scale = 1.0 / sqrt(group_sum(square) / float(p.width) + p.eps);
    [[unroll]] for (uint i = 0; i < EACH; i++) {
        uint quad = gl_LocalInvocationIndex + i * gl_WorkGroupSize.x;
        vec4 v = x[i] * scale * w[i];
        if (p.norm_bias != 0ul) v += load_quad(p.norm_bias, quad);
        if (quad < SHARED_QUADS) input_quads[quad] = v;
    }
    barrier();
}

float acc[ROWS * TOKENS];

void add_unit(Unit u, uint c, uint r, uint first_token) {
    [[unroll]] for (uint t = 0; t < TOKENS; t++) {
        vec2 sum = vec2(0.0); // of the unit's halves
        float plain = 0.0;
        [[unroll]] for (uint q = 0; q < QUARTERS; q++) {
            uint at = c * QUARTERS + q;
            vec4 x;
            if (PROLOGUE != NONE) {
                x = input_quads[at];
            } else {
                uint token = min(first_token + t, p.tokens - 1);
                x = ReadVec4s(floats_at(p.x, uint64_t(token) * p.x_stride)).at[at];
            }
            sum[q < (QUARTERS + 1) / 2 ? 0 : 1] += dot(quarter(u, q), x);
            if (HAS_OFFSET) plain += dot(x, vec4(1.0));
        }
        acc[r * TOKENS + t] += dot(sum, u.scale);
        if (HAS_OFFSET) acc[r * TOKENS + t] += u.offset * plain;
    }
}

Row w[ROWS];
Unit units[ROWS * UNROLL];

void load_units(uint c, uint step) {
    [[unroll]] for (uint u = 0; u < UNROLL; u++) [[unroll]] for (uint r = 0; r < ROWS; r++)
        units[u * ROWS + r] = load_unit(w[r], c + u * step);
}

void main() {
    uint first_token = gl_WorkGroupID.y * TOKENS;
    uint first = (gl_WorkGroupID.x * (TEAMS / SPLIT) + team() / SPLIT) * OUTS;
    uint row[ROWS];
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        row[r] = min(first + r % OUTS, p.rows - 1) + r / OUTS * p.rows;
        [[unroll]] for (uint t = 0; t < TOKENS; t++) acc[r * TOKENS + t] = 0.0;
    }
    [[unroll]] for (uint r = 0; r < ROWS; r++) w[r] = find_row(p.w, p.heads, row[r], p.quads, p.blocks);
    const uint STEP = LANES * SPLIT, COUNT = row_units(p.quads);
    uint c = lane() + LANES * (team() % SPLIT);
    // The first weights are on their way while the prologue waits for others.
    bool whole = c + STEP * (UNROLL - 1) < COUNT;
    if (whole) load_units(c, STEP);
    if (PROLOGUE == RMS_NORM) norm_input();
    while (whole) {
        [[unroll]] for (uint u = 0; u < UNROLL; u++) [[unroll]] for (uint r = 0; r < ROWS; r++)
            add_unit(units[u * ROWS + r], c + u * STEP, r, first_token);
        c += STEP * UNROLL;
        whole = c + STEP * (UNROLL - 1) < COUNT;
        if (whole) load_units(c, STEP);
    }
    for (; c < COUNT; c += STEP) [[unroll]] for (uint r = 0; r < ROWS; r++) add_unit(load_unit(w[r], c), c, r, first_token);

    [[unroll]] for (uint i = 0; i < ROWS * TOKENS; i++) acc[i] = team_sum(acc[i]);
    if (SPLIT > 1) {
        uint at = team() * ROWS * TOKENS;
        if (lane() == 0) [[unroll]] for (uint i = 0; i < ROWS * TOKENS; i++) parts[at + i] = acc[i];
        barrier();
        if (team() % SPLIT != 0) return;
        [[unroll]] for (uint i = 0; i < ROWS * TOKENS; i++)
            for (uint s = 1; s < SPLIT; s++) acc[i] += parts[at + s * ROWS * TOKENS + i];
    }
    if (lane() != 0) return;
    ReadFloats bias = ReadFloats(p.bias);
    [[unroll]] for (uint t = 0; t < TOKENS; t++) [[unroll]] for (uint r = 0; r < OUTS; r++) {
        uint token = first_token + t, at = first + r;
        if (at < p.rows && token < p.tokens) {
            Floats y = Floats(floats_at(p.y, uint64_t(token) * p.y_stride));
            float v = acc[r * TOKENS + t];
            if (p.bias != 0ul) v += bias.at[at];
            if (GATED != 0) {
                float up = acc[(OUTS + r) * TOKENS + t];
                if (p.bias != 0ul) up += bias.at[p.rows + at];
                v = v * sigmoid(v) * up;
            }
            v = soft_cap(v, p.cap);
            y.at[at] = p.add != 0 ? y.at[at] + v : v;
        }
    }
}

// y[t, r] (+)= epilogue(sum over k of w[r, k] x'[t, k]) for few tokens, in float32. x' is x, or for one token its norm, which
// every workgroup makes in shared memory.
#include "few.glsl"

shared vec4 input_quads[SHARED_QUADS];

void prepare(uint first_token) {
    if (PROLOGUE == NONE) return;
    vec4 v[EACH];
    if (PROLOGUE == RMS_NORM) norm_quads(v);
    else [[unroll]] for (uint i = 0; i < EACH; i++) v[i] = input_quad(gl_LocalInvocationIndex + i * gl_WorkGroupSize.x);
    [[unroll]] for (uint i = 0; i < EACH; i++) {
        uint quad = gl_LocalInvocationIndex + i * gl_WorkGroupSize.x;
        if (quad < SHARED_QUADS) input_quads[quad] = v[i];
    }
    barrier();
}

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

void keep_output(uint t, uint index, float v) {}
void round_output(uint first_token) {}

#include "few_main.glsl"

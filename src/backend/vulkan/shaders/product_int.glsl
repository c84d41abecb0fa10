// y[t, r] (+)= epilogue(sum over k of w[r, k] x'[t, k]) for few tokens and weights in blocks, by dot products of four bytes.
// x' is x in blocks of 32 columns that are rounded to 8-bit integers with a scale each: for one token every workgroup makes
// it in shared memory, of x or of its norm; for several it is there already (round.comp).
#include "few.glsl"
#include "round.glsl"

const float ZERO = FORMAT == Q4_0 ? 8.0 : FORMAT == Q6_K ? 32.0 : 0.0; // what a number of a format counts from

void prepare(uint first_token) {
    if (PROLOGUE == ROUNDED) return;
    if (PROLOGUE == COPIED) {
        for (uint i = gl_LocalInvocationIndex; i < PIECES; i += gl_WorkGroupSize.x)
            pieces[piece_at(i)] = FreshQuads(p.x).at[i];
        for (uint i = gl_LocalInvocationIndex; i < BLOCKS; i += gl_WorkGroupSize.x) {
            vec4 head = FreshVec4s(p.x).at[PIECES + i];
            scales[i] = head.x;
            if (HAS_SUMS) sums[i] = head.yz;
        }
        barrier();
        return;
    }
    vec4 v[EACH];
    if (PROLOGUE == RMS_NORM) norm_quads(v);
    else [[unroll]] for (uint i = 0; i < EACH; i++)
        v[i] = input_quad(gl_LocalInvocationIndex + i * gl_WorkGroupSize.x);
    round_quads(v);
}

// The bytes of a unit's first and second half; a unit of q8_0 is a half itself.
uvec4 half_bytes(Unit u, uint which) {
    if (FORMAT == Q8_0) return u.w;
    uvec4 word = which == 0 ? u.w & 0x0f0f0f0fu : u.w >> 4 & 0x0f0f0f0fu;
    if (FORMAT == Q6_K) word |= (u.high[which] >> u.shift & 0x03030303u) << 4;
    return word;
}

void add_unit(Unit u, uint c, uint r, uint first_token) {
    [[unroll]] for (uint t = 0; t < TOKENS; t++) {
        uint block = c * UNIT / 32, first = UNIT == 32 ? 2 * c : c;
        uvec4 x[2];
        vec4 head;
        if (PROLOGUE == ROUNDED) {
            uint64_t at = floats_at(p.x, uint64_t(min(first_token + t, p.tokens - 1)) * p.x_stride);
            [[unroll]] for (uint h = 0; h < UNIT / 16; h++) x[h] = ReadQuads(at).at[first + h];
            head = ReadVec4s(at).at[PIECES + block];
        } else {
            [[unroll]] for (uint h = 0; h < UNIT / 16; h++) x[h] = pieces[piece_at(first + h)];
            head = vec4(scales[block], HAS_SUMS ? sums[block] : vec2(0.0), 0.0);
        }
        vec2 sum = vec2(dot16(half_bytes(u, 0), x[0]), 0.0);
        if (UNIT == 32) sum.y = float(dot16(half_bytes(u, 1), x[1]));
        if (HAS_SUMS) sum -= ZERO * head.yz;
        float y = dot(sum, u.scale);
        if (HAS_OFFSET) y += u.offset * (head.y + head.z);
        acc[r * TOKENS + t] += y * head.x;
    }
}

// With ROUND_OUT a workgroup has whole blocks of 32 outputs.
const uint KEPT = ROUND_OUT != 0 ? GROUP_OUTS * TOKENS : 1;
shared float outputs[KEPT];
shared int rounded[KEPT];

void keep_output(uint t, uint index, float v) { outputs[t * GROUP_OUTS + index] = v; }

// Output i of the workgroup's, in all tokens; blocks do not cross from one token to the next.
void round_output(uint first_token) {
    barrier();
    uint out_pieces = (p.rows + 255) / 256 * 16, first = gl_WorkGroupID.x * GROUP_OUTS;
    for (uint i = gl_LocalInvocationIndex; i < KEPT; i += gl_WorkGroupSize.x) {
        uint bits = 0;
        [[unroll]] for (uint l = 0; l < 32; l++) bits = max(bits, floatBitsToUint(outputs[i / 32 * 32 + l]) & 0x7fffffffu);
        rounded[i] = int(round_by(vec4(outputs[i]), uintBitsToFloat(bits)).x);
        uint token = first_token + i / GROUP_OUTS, column = first + i % GROUP_OUTS;
        if (i % 32 == 0 && token < p.tokens && column < p.rows)
            Floats(floats_at(p.y, uint64_t(token) * p.y_stride + 4 * (out_pieces + column / 32))).at[0] =
                uintBitsToFloat(bits) / 127.0;
    }
    barrier();
    for (uint i = gl_LocalInvocationIndex; i < KEPT / 4; i += gl_WorkGroupSize.x) {
        uint token = first_token + i * 4 / GROUP_OUTS, column = first + i * 4 % GROUP_OUTS;
        if (token >= p.tokens || column >= p.rows) continue;
        uint64_t y = floats_at(p.y, uint64_t(token) * p.y_stride);
        Words(y).at[column / 4] = pack_bytes(ivec4(rounded[4 * i], rounded[4 * i + 1], rounded[4 * i + 2], rounded[4 * i + 3]));
        if (i % 4 != 0) continue;
        int sum = 0;
        [[unroll]] for (uint l = 0; l < 16; l++) sum += rounded[4 * i + l];
        Floats(floats_at(y, 4 * (out_pieces + column / 32) + 1 + column / 16 % 2)).at[0] = float(sum);
    }
}

#include "few_main.glsl"

// A row of SHARED_QUADS vec4 as 8-bit integers in shared memory: blocks of 32 columns with a scale each and the sums of both
// halves, which formats want whose numbers do not count from 0. For formats of units of 32 values the pieces of 16 bytes of
// all first halves come before those of all second halves, which keeps the lanes of a team apart.
#extension GL_EXT_spirv_intrinsics : require
#include "bytes.glsl"

// OpSDot (SPV_KHR_integer_dot_product) of two words of four signed bytes: the compilers of most systems have no name for it.
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6018, 6019], id = 4450)
int packed_dot(int a, int b, spirv_literal int packed_format);
int dot4(uint a, uint b) { return packed_dot(int(a), int(b), 0); }
int dot16(uvec4 a, uvec4 b) { return dot4(a.x, b.x) + dot4(a.y, b.y) + dot4(a.z, b.z) + dot4(a.w, b.w); }

const uint PIECES = SHARED_QUADS / 4, BLOCKS = SHARED_QUADS / 8; // 16 bytes; 32 columns
const bool IN_HALVES = UNIT == 32, HAS_SUMS = FORMAT > Q8_0;

shared uvec4 pieces[ROUNDS ? PIECES : 1];
shared float scales[ROUNDS ? BLOCKS : 1];
shared vec2 sums[ROUNDS && HAS_SUMS ? BLOCKS : 1]; // of the bytes
shared uint highest[ROUNDS ? SHARED_QUADS : 1];

uint piece_at(uint piece) { return IN_HALVES ? piece / 2 + piece % 2 * (PIECES / 2) : piece; }

// As integers, which order numbers that are not negative as they are, and put NaN above all.
uint largest_bits(vec4 v) {
    uvec4 bits = floatBitsToUint(v) & 0x7fffffffu;
    return max(max(bits.x, bits.y), max(bits.z, bits.w));
}

void round_quad(uint quad, vec4 v) {
    uint bits = 0;
    [[unroll]] for (uint i = 0; i < 8; i++) bits = max(bits, highest[quad / 8 * 8 + i]);
    float most = uintBitsToFloat(bits);
    pieces[piece_at(quad / 4)][quad % 4] = pack_bytes(round_by(v, most));
    if (quad % 8 == 0) scales[quad / 8] = most / 127.0;
}

// v[i] is quad number i * (invocations of the workgroup) + this one's index.
void round_quads(vec4 v[EACH]) {
    [[unroll]] for (uint i = 0; i < EACH; i++) {
        uint quad = gl_LocalInvocationIndex + i * gl_WorkGroupSize.x;
        if (quad < SHARED_QUADS) highest[quad] = largest_bits(v[i]);
    }
    barrier();
    [[unroll]] for (uint i = 0; i < EACH; i++) {
        uint quad = gl_LocalInvocationIndex + i * gl_WorkGroupSize.x;
        if (quad < SHARED_QUADS) round_quad(quad, v[i]);
    }
    barrier();
    if (!HAS_SUMS) return;
    const uvec4 ones = uvec4(0x01010101u);
    for (uint i = gl_LocalInvocationIndex; i < BLOCKS; i += gl_WorkGroupSize.x)
        sums[i] = vec2(dot16(pieces[piece_at(2 * i)], ones), dot16(pieces[piece_at(2 * i + 1)], ones));
    barrier();
}

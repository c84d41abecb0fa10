// How a weight lies in memory, by format (specialization constant FORMAT_ID, an xl_format_id). A row is read in units of 16
// bytes (and, for q6_k, 8 bytes of upper bits for each). A unit holds UNIT values, which come out four at a time. Formats
// of blocks hold a matrix in two parts of as many bytes as on the host: the values of all blocks, then the heads of all
// blocks, which hold the scales (see repack.comp). How a block is made is said in src/weights.
#ifndef FORMAT_ID
#define FORMAT_ID 2
#endif
layout(constant_id = FORMAT_ID) const uint FORMAT = 0;
const uint F32 = 0, BF16 = 1, F16 = 2, Q8_0 = 3, Q6_K = 4, Q4_K = 5, Q4_0 = 6;
const uint UNIT = FORMAT == F32 ? 4 : FORMAT == Q8_0 ? 16 : FORMAT > Q8_0 ? 32 : 8;
const uint QUARTERS = UNIT / 4; // vec4 in a unit
const uint HEAD = FORMAT == Q6_K ? 18 : FORMAT == Q4_K ? 16 : 2; // bytes of a block's head
const uint BLOCK = FORMAT == Q6_K || FORMAT == Q4_K ? 256 : 32;  // values of a block
const bool HAS_OFFSET = FORMAT == Q4_K;

struct Unit {
    uvec4 w;
    uvec4 high[2]; // q6_k: where the upper bits of the values are
    uint shift;    // and at which bit of a byte
    vec2 scale;    // of the first and the second half of the unit
    float offset;  // value = scale * number + offset
};

// The matrix of the push constants: address of the values, of the heads, 16-byte pieces of a row, blocks of a row.
struct Row {
    uint64_t values, heads;
};
Row find_row(uint64_t values, uint64_t heads, uint row, uint quads, uint blocks) {
    return Row(values + uint64_t(row) * quads * 16ul, heads + uint64_t(row) * blocks * HEAD);
}
uint row_units(uint quads) { return FORMAT == Q6_K ? quads / 3 * 2 : quads; }

uint half_at(uint64_t address) {
    uint word = ReadWords(address & ~3ul).at[0];
    return (address & 2ul) == 0 ? word & 0xffffu : word >> 16;
}

Unit load_unit(Row row, uint c) {
    Unit u;
    ReadQuads values = ReadQuads(row.values);
    u.scale = vec2(1.0);
    u.offset = 0.0;
    if (FORMAT == Q6_K) {
        uint block = c / 8, run = c % 8, at = block * 12 + 8 + run / 4 * 2;
        uint64_t head = row.heads + block * HEAD;
        u.w = values.at[block * 12 + run];
        u.high[0] = values.at[at];
        u.high[1] = values.at[at + 1];
        u.shift = run % 4 * 2;
        int scales = int(half_at(head + 2ul + run * 2));
        u.scale = unpackHalf2x16(half_at(head)).x / 128.0 *
                  vec2(bitfieldExtract(scales, 0, 8), bitfieldExtract(scales, 8, 8));
        return u;
    }
    u.w = values.at[c];
    if (FORMAT == Q8_0 || FORMAT == Q4_0)
        u.scale = vec2(unpackHalf2x16(half_at(row.heads + c * UNIT / BLOCK * HEAD)).x);
    if (FORMAT == Q4_K) {
        uint g = c % 8;
        uvec4 head = ReadQuads(row.heads).at[c / 8];
        vec2 units = unpackHalf2x16(head.x) / 64.0; // of scales, of offsets
        uint scale = bitfieldExtract(g < 4 ? head.y : head.z, int(g % 4 * 8), 8);
        uint low = bitfieldExtract(head.w, int(g % 4 * 8 + g / 4 * 4), 4);
        u.scale = vec2(units.x * float(scale & 63));
        u.offset = -units.y * float(low | scale >> 6 << 4);
    }
    return u;
}

// The four bytes of a word, less `zero`. A byte in the last bits of 2^23 needs no conversion, which is slow on some devices.
vec4 bytes_of(uint word, float zero) {
    uvec4 bytes = uvec4(word & 0xffu, word >> 8 & 0xffu, word >> 16 & 0xffu, word >> 24);
    precise vec4 v = uintBitsToFloat(bytes | 0x4b000000u) - (8388608.0 + zero);
    return v;
}

vec4 signed_bytes_of(uint word) {
#ifdef CONVERTS
    int bytes = int(word);
    return vec4(bitfieldExtract(bytes, 0, 8), bitfieldExtract(bytes, 8, 8), bitfieldExtract(bytes, 16, 8), bytes >> 24);
#else
    return bytes_of(word ^ 0x80808080u, 128.0);
#endif
}

// Numbers 4 q … 4 q + 3 of a unit; a value is scale times number plus offset.
vec4 quarter(Unit u, uint q) {
    if (FORMAT == F32) return uintBitsToFloat(u.w);
    if (FORMAT == Q8_0) return signed_bytes_of(u.w[q]);
    if (FORMAT > Q8_0) {
        uint word = q < 4 ? u.w[q] & 0x0f0f0f0fu : u.w[q - 4] >> 4 & 0x0f0f0f0fu;
        if (FORMAT == Q6_K) word |= (u.high[q / 4][q % 4] >> u.shift & 0x03030303u) << 4;
        return bytes_of(word, FORMAT == Q6_K ? 32.0 : FORMAT == Q4_0 ? 8.0 : 0.0);
    }
    uint a = q == 0 ? u.w.x : u.w.z, b = q == 0 ? u.w.y : u.w.w;
    if (FORMAT == BF16) return uintBitsToFloat(uvec4(a << 16, a & 0xffff0000u, b << 16, b & 0xffff0000u));
    return vec4(unpackHalf2x16(a), unpackHalf2x16(b));
}

// The same with scale and offset.
vec4 values_of(Unit u, uint q) {
    vec4 v = quarter(u, q);
    if (FORMAT > F16) v = v * (q < QUARTERS / 2 ? u.scale.x : u.scale.y);
    return HAS_OFFSET ? v + u.offset : v;
}

// Four columns of a head's C at a time; see cell.glsl. `at` counts them in fours. Needs math.glsl.
layout(buffer_reference, buffer_reference_align = 16) buffer StateFloats { vec4 at[]; };
layout(buffer_reference, buffer_reference_align = 8) buffer StatePairs { uvec2 at[]; };

float f16_value(uint bits) {
    uint size = bits & 0x7fffu;
    float v = size < 0x400u ? float(size) / 16777216.0 : uintBitsToFloat((size << 13) + (size < 0x7c00u ? 0x38000000u : 0x70000000u));
    return (bits & 0x8000u) != 0 ? -v : v;
}

// Rounded to the nearest even one, as the built-in form need not be; from 65520 on infinite.
uint f16_bits(float x) {
    uint bits = floatBitsToUint(x), size = bits & 0x7fffffffu, sign = bits >> 16 & 0x8000u;
    uint rounded = size < 0x38800000u ? uint(roundEven(abs(x) * 16777216.0)) : size - 0x38000000u + 0xfffu + (size >> 13 & 1u) >> 13;
    return sign | (is_nan(x) ? 0x7e00u : size >= 0x477ff000u ? 0x7c00u : rounded);
}

vec4 read_state(uint64_t c, uint at) {
    if (STATE == STATE_F32) return StateFloats(c).at[at];
    uvec2 v = StatePairs(c).at[at];
    if (STATE == STATE_F16)
        return vec4(f16_value(v.x & 0xffffu), f16_value(v.x >> 16), f16_value(v.y & 0xffffu), f16_value(v.y >> 16));
    return uintBitsToFloat(uvec4(v.x << 16, v.x & 0xffff0000u, v.y << 16, v.y & 0xffff0000u));
}

void write_state(uint64_t c, uint at, vec4 v) {
    if (STATE == STATE_F32) StateFloats(c).at[at] = v;
    else if (STATE == STATE_BF16) StatePairs(c).at[at] = uvec2(bf16_pair(v.x, v.y), bf16_pair(v.z, v.w));
    else StatePairs(c).at[at] = uvec2(f16_bits(v.x) | f16_bits(v.y) << 16, f16_bits(v.z) | f16_bits(v.w) << 16);
}

// Numbers of -127 to 127 from floats of which the largest has the size `most`.
ivec4 round_by(vec4 v, float most) { return ivec4(roundEven(v * (most > 1e-30 ? 127.0 / most : 0.0))); }
uint pack_bytes(ivec4 n) {
    uvec4 b = uvec4(n) & 0xffu;
    return b.x | b.y << 8 | b.z << 16 | b.w << 24;
}

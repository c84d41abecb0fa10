// A row of p.width floats, filled up with zeros to SHARED_QUADS vec4, in the registers of a workgroup: invocation n has quads
// n, n + (invocations), …, so that memory is asked once, for all at the same time.
const uint EACH = (SHARED_QUADS + gl_WorkGroupSize.x - 1) / gl_WorkGroupSize.x;

vec4 load_quad(uint64_t from, uint quad) {
    uint column = quad * 4;
    if (column + 4 <= p.width) return ReadVec4s(from).at[quad];
    vec4 v = vec4(0.0);
    for (uint i = 0; column + i < p.width; i++) v[i] = ReadFloats(from).at[column + i];
    return v;
}

// What the shaders of the mLSTM cell share: where a head's state and a segment's rows lie.

// What C is held in (xl_vk_state_kind): float32; or bfloat16 or float16, and dv is a multiple of four then. A shader that
// does not touch a state does not care.
#ifndef STATE
layout(constant_id = 2) const uint STATE = 0;
#endif
const uint STATE_F32 = 0, STATE_BF16 = 1, STATE_F16 = 2;

// The state of one block of a sequence, from the block's address: c [heads, dqk, dv] as STATE says, and in floats
// n [2, heads, dqk], m [2, heads]. n and m are there twice, since many workgroups read the old ones while one writes the new.
struct Shape {
    uint heads, dqk, dv, spare;
};
uint64_t state_c(uint64_t block, Shape s, uint head) {
    return block + uint64_t(head) * s.dqk * s.dv * (STATE == STATE_F32 ? 4ul : 2ul);
}
uint64_t state_n(uint64_t block, Shape s, uint phase, uint head) {
    return floats_at(state_c(block, s, s.heads), (uint64_t(phase) * s.heads + head) * s.dqk);
}
uint64_t state_m(uint64_t block, Shape s, uint phase, uint head) {
    return floats_at(state_n(block, s, 2, 0), phase * s.heads + head);
}

// What chunk_gates.comp says of a row and head.
struct Gates {
    vec2 a; // i_t - b_t, in two floats; b the running sum of log forget gates inside the chunk
    vec2 highest; // m_t - b_t, in two floats: the weight of token s in row t is exp(a_s - highest_t)
    float m;      // stabilizer
    float inter;  // exp(b_t + m_prev - m_t)
    float end;    // exp(b_L + a_t - m_L): weight of the token in the state at the chunk's end
    float spare;
};
layout(buffer_reference, buffer_reference_align = 16, std430) buffer GateRows { Gates at[]; };

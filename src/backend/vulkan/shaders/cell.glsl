// What the shaders of the mLSTM cell share: where a head's state and a segment's rows lie.

// The state of one block of a sequence, in floats from the block's address: c [heads, dqk, dv], n [2, heads, dqk],
// m [2, heads]. n and m are there twice, since many workgroups read the old ones while one writes the new.
struct Shape {
    uint heads, dqk, dv, spare;
};
uint64_t state_c(uint64_t block, Shape s, uint head) { return floats_at(block, uint64_t(head) * s.dqk * s.dv); }
uint64_t state_n(uint64_t block, Shape s, uint phase, uint head) {
    return floats_at(block, uint64_t(s.heads) * s.dqk * s.dv + (uint64_t(phase) * s.heads + head) * s.dqk);
}
uint64_t state_m(uint64_t block, Shape s, uint phase, uint head) {
    return floats_at(block, uint64_t(s.heads) * s.dqk * (s.dv + 2) + phase * s.heads + head);
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

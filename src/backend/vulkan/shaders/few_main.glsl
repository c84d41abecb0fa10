// The rest of a product of few tokens, for a shader that has few.glsl and these: prepare(first_token), which makes x' in
// shared memory; add_unit(u, c, r, first_token), which adds the product of unit c of the team's row r with x' to acc; and
// with ROUND_OUT keep_output(t, index, value) and round_output(first_token), which write the workgroup's outputs.

Row w[ROWS];
Unit units[ROWS * UNROLL];

void load_units(uint c, uint step) {
    [[unroll]] for (uint u = 0; u < UNROLL; u++) [[unroll]] for (uint r = 0; r < ROWS; r++)
        units[u * ROWS + r] = load_unit(w[r], c + u * step);
}

// Output `at`, number r of the team, of token t.
float epilogue(uint t, uint r, uint at) {
    ReadFloats bias = ReadFloats(p.bias);
    float v = acc[r * TOKENS + t];
    if (p.bias != 0ul) v += bias.at[at];
    if (GATED != 0) {
        float up = acc[(OUTS + r) * TOKENS + t];
        if (p.bias != 0ul) up += bias.at[p.rows + at];
        v = v * sigmoid(v) * up;
    }
    return soft_cap(v, p.cap);
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
#ifdef ORDERED
    wait_for_others(p.order, p.stage);
#endif
    prepare(first_token);
    while (whole) {
        [[unroll]] for (uint u = 0; u < UNROLL; u++) [[unroll]] for (uint r = 0; r < ROWS; r++)
            add_unit(units[u * ROWS + r], c + u * STEP, r, first_token);
        c += STEP * UNROLL;
        whole = c + STEP * (UNROLL - 1) < COUNT;
        if (whole) load_units(c, STEP);
    }
    for (; c < COUNT; c += STEP) [[unroll]] for (uint r = 0; r < ROWS; r++) add_unit(load_unit(w[r], c), c, r, first_token);

    [[unroll]] for (uint i = 0; i < ROWS * TOKENS; i++) acc[i] = team_sum(acc[i]);
    bool writes = lane() == 0;
    if (SPLIT > 1) {
        uint at = team() * ROWS * TOKENS;
        if (lane() == 0) [[unroll]] for (uint i = 0; i < ROWS * TOKENS; i++) parts[at + i] = acc[i];
        barrier();
        writes = writes && team() % SPLIT == 0;
        if (writes) [[unroll]] for (uint i = 0; i < ROWS * TOKENS; i++)
            for (uint s = 1; s < SPLIT; s++) acc[i] += parts[at + s * ROWS * TOKENS + i];
    }
    if (writes) [[unroll]] for (uint t = 0; t < TOKENS; t++) [[unroll]] for (uint r = 0; r < OUTS; r++) {
        uint token = first_token + t, at = first + r;
        if (at >= p.rows || token >= p.tokens) continue;
        float v = epilogue(t, r, at);
        if (ROUND_OUT != 0) {
            keep_output(t, at - gl_WorkGroupID.x * GROUP_OUTS, v);
            continue;
        }
        FreshFloats y = FreshFloats(floats_at(p.y, uint64_t(token) * p.y_stride));
        y.at[at] = p.add != 0 ? y.at[at] + v : v;
    }
    if (ROUND_OUT != 0) round_output(first_token);
#ifdef ORDERED
    arrive(p.order, p.stage, p.total);
#endif
}

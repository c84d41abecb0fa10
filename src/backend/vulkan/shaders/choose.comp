#version 460
// Greedy decoding: chooses the token with the largest logit of a sequence, of equal ones the one with the lowest id, and
// makes the next step's description of it: its id, and which copy of the state it finds. NaN counts as -infinity. The host
// reads the token, or 0xffffffff where no logit is finite, or 0xfffffffe where dispatches did not keep their order, from a ring. A workgroup for each sequence.
#include "common.glsl"

layout(push_constant) uniform Push {
    uint64_t logits, ids, slices;
    uint64_t turns, ring; // steps so far, [sequences]; the tokens chosen, [slots, sequences]
    uint64_t order; // see order.glsl
    uint vocab, slots;
} p;

const uint FLIGHT = 16; // logits of an invocation on their way at once
const uint SLICE = 8, PHASE = 6; // words of a slice, and which of them it is: see common.glsl
const uint LOWEST = 0x007fffffu, HIGHEST = 0xff800000u; // keys of -infinity and infinity

shared uint keys[gl_WorkGroupSize.x], tokens[gl_WorkGroupSize.x];
shared uint has_finite;

// Ordered as the numbers are; both zeros have the same key.
uint key_of(uint bits) {
    uint size = bits & 0x7fffffffu;
    if (size > 0x7f800000u) return LOWEST;
    return size == 0u ? 0x80000000u : bits == size ? bits | 0x80000000u : ~bits;
}

void main() {
    uint row = gl_WorkGroupID.x, tid = gl_LocalInvocationIndex, size = gl_WorkGroupSize.x;
    ReadWords logits = ReadWords(floats_at(p.logits, uint64_t(row) * p.vocab));
    uint best = LOWEST, token = 0;
    bool any = false;
    if (tid == 0) has_finite = 0;
    for (uint first = tid; first < p.vocab; first += FLIGHT * size) {
        uint bits[FLIGHT];
        [[unroll]] for (uint i = 0; i < FLIGHT; i++) bits[i] = logits.at[min(first + i * size, p.vocab - 1)];
        [[unroll]] for (uint i = 0; i < FLIGHT; i++) {
            uint key = key_of(bits[i]);
            any = any || (key > LOWEST && key < HIGHEST);
            if (key > best) {
                best = key;
                token = min(first + i * size, p.vocab - 1);
            }
        }
    }
    keys[tid] = best;
    tokens[tid] = token;
    barrier();
    if (any) has_finite = 1;
    for (uint span = size / 2; span > 0; span /= 2) {
        if (tid < span) {
            uint key = keys[tid + span], other = tokens[tid + span];
            if (key > keys[tid] || (key == keys[tid] && key > LOWEST && other < tokens[tid])) {
                keys[tid] = key;
                tokens[tid] = other;
            }
        }
        barrier();
    }
    if (tid != 0) return;
    token = keys[0] > LOWEST ? tokens[0] : 0;
    Words turn = Words(floats_at(p.turns, row)), phase = Words(floats_at(p.slices, uint64_t(row) * SLICE + PHASE));
    uint slot = turn.at[0] % p.slots;
    uint report = has_finite != 0 ? token : 0xffffffffu;
    if (Words(p.order).at[1] != 0) report = 0xfffffffeu;
    Words(floats_at(p.ring, slot * gl_NumWorkGroups.x + row)).at[0] = report;
    Words(floats_at(p.ids, row)).at[0] = token;
    turn.at[0] += 1;
    phase.at[0] ^= 1;
}

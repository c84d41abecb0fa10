#version 460
// One token of the mLSTM cell (the recurrent form) for COLUMNS columns of one head of one sequence.
#include "common.glsl"
#include "math.glsl"
#include "reduce.glsl"
#include "cell.glsl"

layout(constant_id = 2) const uint COLUMNS = 32;
layout(constant_id = 3) const uint DQK = 64;

layout(push_constant) uniform Push {
    uint64_t slices, q, k, v, i, f, h;
    uint64_t block; // bytes from the beginning of the state
    Shape shape;
    uint stride, gate_stride, h_stride; // of q, k and v; of i and f; of h
    uint token;                         // of each slice
    float eps, scale;
} p;

const uint PARTS = gl_WorkGroupSize.x / COLUMNS, FLIGHT = 8;
shared float ik[DQK], sq[DQK], sums[gl_WorkGroupSize.x];

void main() {
    Slice s = Slices(p.slices).at[gl_WorkGroupID.z];
    if (p.token >= s.count) return;
    uint head = gl_WorkGroupID.y, dv = p.shape.dv, tid = gl_LocalInvocationIndex;
    uint64_t row = s.row + p.token, block = s.state + p.block;
    uint phase = (s.phase + p.token) & 1;
    bool writes = gl_WorkGroupID.x == 0;

    float m_old = ReadFloats(state_m(block, p.shape, phase, head)).at[0];
    float igate = input_gate(ReadFloats(floats_at(p.i, row * p.gate_stride)).at[head]);
    Pair kept = add_pairs(log_sigmoid(ReadFloats(floats_at(p.f, row * p.gate_stride)).at[head]), Pair(m_old, 0.0));
    float m = is_less(kept, Pair(igate, 0.0)) ? igate : kept.hi;
    float forget = exp_exact(less(kept, Pair(m, 0.0)).hi), take = exp_exact(igate - m);

    ReadFloats q = ReadFloats(floats_at(p.q, row * p.stride + head * DQK));
    ReadFloats k = ReadFloats(floats_at(p.k, row * p.stride + head * DQK));
    ReadFloats n_old = ReadFloats(state_n(block, p.shape, phase, head));
    Floats n_new = Floats(state_n(block, p.shape, phase ^ 1, head));
    float product = 0.0;
    for (uint j = tid; j < DQK; j += gl_WorkGroupSize.x) {
        ik[j] = take * k.at[j];
        sq[j] = q.at[j];
        float n = forget * n_old.at[j] + ik[j];
        product += n * sq[j];
        if (writes) n_new.at[j] = n;
    }
    if (writes && tid == 0) Floats(state_m(block, p.shape, phase ^ 1, head)).at[0] = m;
    product = abs(group_sum(product) * p.scale);
    float low = exp_exact(-m), denominator = (product > low ? product : low) + p.eps;

    uint column = gl_WorkGroupID.x * COLUMNS + tid % COLUMNS, part = tid / COLUMNS;
    float sum = 0.0;
    if (column < dv) {
        float v = ReadFloats(floats_at(p.v, row * p.stride + head * dv)).at[column];
        Floats c = Floats(state_c(block, p.shape, head));
        uint j = part;
        for (; j + PARTS * (FLIGHT - 1) < DQK; j += PARTS * FLIGHT) {
            float old[FLIGHT];
            [[unroll]] for (uint l = 0; l < FLIGHT; l++) old[l] = c.at[(j + l * PARTS) * dv + column];
            [[unroll]] for (uint l = 0; l < FLIGHT; l++) {
                float next = forget * old[l] + ik[j + l * PARTS] * v;
                c.at[(j + l * PARTS) * dv + column] = next;
                sum += sq[j + l * PARTS] * next;
            }
        }
        for (; j < DQK; j += PARTS) {
            float next = forget * c.at[j * dv + column] + ik[j] * v;
            c.at[j * dv + column] = next;
            sum += sq[j] * next;
        }
    }
    sums[tid] = sum;
    barrier();
    if (part != 0 || column >= dv) return;
    for (uint l = 1; l < PARTS; l++) sum += sums[l * COLUMNS + tid];
    Floats(floats_at(p.h, row * p.h_stride + head * dv)).at[column] = sum * p.scale / denominator;
}

// One token of the mLSTM cell (the recurrent form) for COLUMNS columns of one head of one sequence. With NORMS the workgroup
// that is the last of its head then norms the head's output: H = sigmoid(O) * (h less its mean over sqrt(variance + eps) * w
// + b), in place; or into y as bfloat16 (dv is even then), or as round.comp makes it (dv is a multiple of 32). Strides are in
// floats.
#include "common.glsl"
#include "math.glsl"
#include "reduce.glsl"
#include "cell.glsl"
#include "bytes.glsl"

layout(constant_id = 3) const uint COLUMNS = 32;
layout(constant_id = 4) const uint DQK = 64;
layout(constant_id = 5) const uint DV = 64;
layout(constant_id = 6) const uint OUTPUT = 0;
const uint IN_PLACE = 0, HALVES = 1, ROUNDED = 2; // the last two into y

layout(push_constant) uniform Push {
    uint64_t slices;
    uint64_t qkvo, gates; // q, k, v and o of all heads follow one another in a row; so do the input and forget gates
    uint64_t h, y;
    uint64_t norm, norm_bias; // norm_bias 0: none
    uint64_t counters;        // of workgroups that are done, for each sequence and head: 0 before and after
    uint64_t block;           // bytes from the beginning of the state
    Shape shape;
    uint stride, gate_stride, h_stride, y_stride;
    uint token; // of each slice
    float eps, scale, norm_eps;
} p;

#ifdef ORDERED
#include "order.glsl"
const uint ORDER_WORDS = 512; // the counters lie behind the order
#else
#define FreshFloats ReadFloats
#endif

// With WIDE an invocation has four columns at a time; dv is a multiple of four then. Without it C is in float32.
#ifdef WIDE
#define Columns vec4
const uint WIDTH = 4;
#include "state.glsl"
#else
#define Columns float
const uint WIDTH = 1;
float read_state(uint64_t c, uint at) { return Floats(c).at[at]; }
void write_state(uint64_t c, uint at, float v) { Floats(c).at[at] = v; }
#endif
const uint PIECES = COLUMNS / WIDTH, PARTS = gl_WorkGroupSize.x / PIECES, EACH = (DQK + PARTS - 1) / PARTS, FLIGHT = EACH < 16 ? EACH : 16;
const uint KEYS = (DQK + gl_WorkGroupSize.x - 1) / gl_WorkGroupSize.x;
shared float ik[DQK], sq[DQK];
shared Columns sums[gl_WorkGroupSize.x];

#ifdef NORMS
// What other workgroups have written is read past the caches that are not shared.
layout(buffer_reference, buffer_reference_align = 4, std430) coherent buffer SharedFloats { float at[]; };
layout(buffer_reference, buffer_reference_align = 4, std430) coherent buffer SharedWords { uint at[]; };

const uint NORMED = (DV + gl_WorkGroupSize.x - 1) / gl_WorkGroupSize.x;
shared bool is_last;
shared float normed[OUTPUT != IN_PLACE ? DV : 1];
shared int rounded[OUTPUT == ROUNDED ? DV : 1];

// Four outputs of every invocation, as blocks of 32 columns like those of round.comp.
void write_rounded(uint64_t y, uint first) {
    uint pieces = (p.shape.heads * DV + 255) / 256 * 16;
    for (uint i = gl_LocalInvocationIndex; i < DV; i += gl_WorkGroupSize.x) {
        uint bits = 0;
        [[unroll]] for (uint l = 0; l < 32; l++) bits = max(bits, floatBitsToUint(normed[i / 32 * 32 + l]) & 0x7fffffffu);
        rounded[i] = round_by(vec4(normed[i]), uintBitsToFloat(bits)).x;
        if (i % 32 == 0) Floats(floats_at(y, 4 * (pieces + (first + i) / 32))).at[0] = uintBitsToFloat(bits) / 127.0;
    }
    barrier();
    for (uint i = gl_LocalInvocationIndex; i < DV / 4; i += gl_WorkGroupSize.x) {
        Words(y).at[first / 4 + i] =
            pack_bytes(ivec4(rounded[4 * i], rounded[4 * i + 1], rounded[4 * i + 2], rounded[4 * i + 3]));
        if (i % 4 != 0) continue;
        int sum = 0;
        [[unroll]] for (uint l = 0; l < 16; l++) sum += rounded[4 * i + l];
        uint column = first + 4 * i;
        Floats(floats_at(y, 4 * (pieces + column / 32) + 1 + column / 16 % 2)).at[0] = float(sum);
    }
}

// first: column of the head in a row of all heads
void norm_head(SharedFloats h, uint64_t gates, uint64_t y, uint first) {
    FreshFloats gate = FreshFloats(gates);
    ReadFloats w = ReadFloats(floats_at(p.norm, first)), b = ReadFloats(floats_at(p.norm_bias, first));
    float v[NORMED], g[NORMED], scales[NORMED], sum = 0.0, square = 0.0;
    [[unroll]] for (uint l = 0; l < NORMED; l++) {
        uint i = min(gl_LocalInvocationIndex + l * gl_WorkGroupSize.x, DV - 1);
        v[l] = h.at[i];
        g[l] = gate.at[i];
        scales[l] = w.at[i];
    }
    [[unroll]] for (uint l = 0; l < NORMED; l++)
        if (gl_LocalInvocationIndex + l * gl_WorkGroupSize.x < DV) sum += v[l];
    float mean = group_sum(sum) / float(DV);
    [[unroll]] for (uint l = 0; l < NORMED; l++) {
        v[l] -= mean;
        if (gl_LocalInvocationIndex + l * gl_WorkGroupSize.x < DV) square += v[l] * v[l];
    }
    float scale = 1.0 / sqrt(group_sum(square) / float(DV) + p.norm_eps);
    [[unroll]] for (uint l = 0; l < NORMED; l++) {
        uint i = gl_LocalInvocationIndex + l * gl_WorkGroupSize.x;
        if (i >= DV) continue;
        float u = v[l] * scale * scales[l];
        if (p.norm_bias != 0ul) u += b.at[i];
        u *= sigmoid(g[l]);
        if (OUTPUT == IN_PLACE) h.at[i] = u;
        else normed[i] = u;
    }
    if (OUTPUT == IN_PLACE) return;
    barrier();
    if (OUTPUT == ROUNDED) write_rounded(y, first);
    else for (uint i = gl_LocalInvocationIndex; i < DV / 2; i += gl_WorkGroupSize.x)
        Words(y).at[first / 2 + i] = bf16_pair(normed[2 * i], normed[2 * i + 1]);
}

bool is_last_of_head() {
    memoryBarrierBuffer();
    barrier();
    if (gl_LocalInvocationIndex == 0) {
#ifdef ORDERED
        uint64_t counters = floats_at(p.counters, ORDER_WORDS);
#else
        uint64_t counters = p.counters;
#endif
        SharedWords done = SharedWords(floats_at(counters, gl_WorkGroupID.z * p.shape.heads + gl_WorkGroupID.y));
        is_last = atomicAdd(done.at[0], 1u) + 1u == gl_NumWorkGroups.x;
        if (is_last) done.at[0] = 0u;
    }
    memoryBarrierBuffer();
    barrier();
    return is_last;
}
#else
#define SharedFloats Floats
#endif

void main() {
    Slice s = Slices(p.slices).at[gl_WorkGroupID.z];
    if (p.token >= s.count) return;
    uint head = gl_WorkGroupID.y, heads = p.shape.heads, tid = gl_LocalInvocationIndex;
    uint64_t row = s.row + p.token, block = s.state + p.block;
    uint phase = (s.phase + p.token) & 1;
    bool writes = gl_WorkGroupID.x == 0;
    uint64_t q_at = floats_at(p.qkvo, row * p.stride + head * DQK), k_at = floats_at(q_at, heads * DQK);
    uint64_t v_at = floats_at(p.qkvo, row * p.stride + 2 * heads * DQK + head * DV);

    // Everything that is read is on its way before the first of it is used.
    uint column = gl_WorkGroupID.x * COLUMNS + tid % PIECES * WIDTH, part = tid / PIECES, inside = min(column, DV - WIDTH);
    FreshFloats gates = FreshFloats(floats_at(p.gates, row * p.gate_stride)), q = FreshFloats(q_at), k = FreshFloats(k_at);
    ReadFloats n_old = ReadFloats(state_n(block, p.shape, phase, head));
    Floats n_new = Floats(state_n(block, p.shape, phase ^ 1, head));
    uint64_t c = state_c(block, p.shape, head);
    float m_old = ReadFloats(state_m(block, p.shape, phase, head)).at[0];
    float q_in[KEYS], k_in[KEYS], n_in[KEYS];
    Columns old[FLIGHT];
    [[unroll]] for (uint l = 0; l < KEYS; l++) n_in[l] = n_old.at[min(tid + l * gl_WorkGroupSize.x, DQK - 1)];
    [[unroll]] for (uint l = 0; l < FLIGHT; l++) old[l] = read_state(c, (min(part + l * PARTS, DQK - 1) * DV + inside) / WIDTH);
#ifdef ORDERED
    wait_for_others(p.counters, p.shape.spare);
#endif
    float f_in = gates.at[heads + head], i_in = gates.at[head];
    [[unroll]] for (uint l = 0; l < KEYS; l++) {
        uint j = min(tid + l * gl_WorkGroupSize.x, DQK - 1);
        q_in[l] = q.at[j];
        k_in[l] = k.at[j];
    }
#ifdef WIDE
    FreshFloats vs = FreshFloats(v_at);
    vec4 v = vec4(vs.at[inside], vs.at[inside + 1], vs.at[inside + 2], vs.at[inside + 3]);
#else
    float v = FreshFloats(v_at).at[inside];
#endif

    float igate = input_gate(i_in);
    Pair kept = add_pairs(log_sigmoid(f_in), Pair(m_old, 0.0));
    float m = is_less(kept, Pair(igate, 0.0)) ? igate : kept.hi;
    float forget = exp_exact(less(kept, Pair(m, 0.0)).hi), take = exp_exact(igate - m);
    float product = 0.0;
    [[unroll]] for (uint l = 0; l < KEYS; l++) {
        uint j = tid + l * gl_WorkGroupSize.x;
        if (j >= DQK) continue;
        ik[j] = take * k_in[l];
        sq[j] = q_in[l];
        float n = forget * n_in[l] + ik[j];
        product += n * q_in[l];
        if (writes) n_new.at[j] = n;
    }
    if (writes && tid == 0) Floats(state_m(block, p.shape, phase ^ 1, head)).at[0] = m;
    product = abs(group_sum(product) * p.scale);
    float low = exp_exact(-m), denominator = (product > low ? product : low) + p.eps;

    Columns sum = Columns(0.0);
    if (column < DV) {
        [[unroll]] for (uint l = 0; l < FLIGHT; l++) {
            uint j = part + l * PARTS;
            if (j >= DQK) continue;
            Columns next = forget * old[l] + ik[j] * v;
            write_state(c, (j * DV + column) / WIDTH, next);
            sum += sq[j] * next;
        }
        for (uint j = part + FLIGHT * PARTS; j < DQK; j += PARTS) {
            Columns next = forget * read_state(c, (j * DV + column) / WIDTH) + ik[j] * v;
            write_state(c, (j * DV + column) / WIDTH, next);
            sum += sq[j] * next;
        }
    }
    sums[tid] = sum;
    barrier();
    SharedFloats h = SharedFloats(floats_at(p.h, row * p.h_stride + head * DV));
    if (part == 0 && column < DV) {
        for (uint l = 1; l < PARTS; l++) sum += sums[l * PIECES + tid];
        sum = sum * p.scale / denominator;
#ifdef WIDE
        [[unroll]] for (uint l = 0; l < WIDTH; l++) h.at[column + l] = sum[l];
#else
        h.at[column] = sum;
#endif
    }
#ifdef NORMS
    if (is_last_of_head()) norm_head(h, floats_at(v_at, heads * DV), floats_at(p.y, row * p.y_stride), head * DV);
#endif
#ifdef ORDERED
    arrive(p.counters, p.shape.spare, gl_NumWorkGroups.x * gl_NumWorkGroups.y * gl_NumWorkGroups.z);
#endif
}

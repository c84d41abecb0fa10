#version 460
// The gates of all chunks of one head of one slice: running sums and stabilizers. Sums are taken in two floats.
#include "common.glsl"
#include "math.glsl"
#include "cell.glsl"

layout(push_constant) uniform Push {
    uint64_t slices, chunks, i, f, gates, decay; // decay [chunks, heads]: exp(b_L + m_prev - m_L)
    uint64_t block;
    Shape shape;
    uint gate_stride;
} p;

const uint GROUP = gl_WorkGroupSize.x, LONGEST = 1024; // tokens of a chunk
shared vec2 sums[LONGEST], scan[GROUP];

Pair pair(vec2 v) { return Pair(v.x, v.y); }
vec2 both(Pair v) { return vec2(v.hi, v.lo); }

// Exclusive scan of one pair for each invocation, adding or taking the largest, from `none` on.
Pair scan_before(Pair own, bool adds, Pair none) {
    uint tid = gl_LocalInvocationIndex;
    barrier();
    scan[tid] = both(own);
    barrier();
    for (uint step = 1; step < GROUP; step *= 2) {
        Pair v = pair(scan[tid]);
        if (tid >= step) {
            Pair other = pair(scan[tid - step]);
            v = adds ? add_pairs(v, other) : largest(v, other);
        }
        barrier();
        scan[tid] = both(v);
        barrier();
    }
    return tid == 0 ? none : pair(scan[tid - 1]);
}

void main() {
    Slice s = Slices(p.slices).at[gl_WorkGroupID.y];
    uint head = gl_WorkGroupID.x, tid = gl_LocalInvocationIndex, heads = p.shape.heads;
    uint64_t block = s.state + p.block;
    float m_prev = ReadFloats(state_m(block, p.shape, s.phase, head)).at[0];
    for (uint c = s.chunk; c < s.chunk + s.chunks; c++) {
        Chunk chunk = Chunks(p.chunks).at[c];
        uint each = (chunk.count + GROUP - 1) / GROUP, first = tid * each, end = min(first + each, chunk.count);
        Pair sum = Pair(0.0, 0.0);
        for (uint t = first; t < end; t++) {
            uint64_t row = chunk.row + t;
            sum = add_pairs(sum, log_sigmoid(ReadFloats(floats_at(p.f, row * p.gate_stride)).at[head]));
            sums[t] = both(sum);
        }
        Pair before = scan_before(sum, true, Pair(0.0, 0.0));
        const Pair LOWEST = Pair(-3e38, 0.0);
        Pair most = LOWEST;
        for (uint t = first; t < end; t++) {
            uint64_t row = chunk.row + t;
            Pair b = add_pairs(before, pair(sums[t]));
            float i = input_gate(ReadFloats(floats_at(p.i, row * p.gate_stride)).at[head]);
            Pair a = less(Pair(i, 0.0), b);
            GateRows(p.gates).at[uint(row) * heads + head].a = both(a);
            sums[t] = both(b);
            most = largest(most, a);
        }
        Pair highest = largest(scan_before(most, false, LOWEST), Pair(m_prev, 0.0));
        for (uint t = first; t < end; t++) {
            uint at = (chunk.row + t) * heads + head;
            Pair b = pair(sums[t]);
            highest = largest(highest, pair(GateRows(p.gates).at[at].a));
            float m = add_pairs(b, highest).hi;
            // What belongs to the stabilizer as it is rounded.
            Pair from = less(Pair(m, 0.0), b);
            GateRows(p.gates).at[at].highest = both(from);
            GateRows(p.gates).at[at].m = m;
            GateRows(p.gates).at[at].inter = exp_exact(less(Pair(m_prev, 0.0), from).hi);
        }
        // The last row's stabilizer is the chunk's.
        barrier();
        if (tid < GROUP && end == chunk.count && first < end) scan[0] = GateRows(p.gates).at[(chunk.row + end - 1) * heads + head].highest;
        barrier();
        Pair last = pair(scan[0]);
        float m_end = add_pairs(pair(sums[chunk.count - 1]), last).hi;
        for (uint t = first; t < end; t++) {
            uint at = (chunk.row + t) * heads + head;
            GateRows(p.gates).at[at].end = exp_exact(less(pair(GateRows(p.gates).at[at].a), last).hi);
        }
        if (tid == 0) Floats(p.decay).at[c * heads + head] = exp_exact(less(Pair(m_prev, 0.0), last).hi);
        m_prev = m_end;
        barrier();
    }
    if (tid == 0) Floats(state_m(block, p.shape, s.phase ^ 1, head)).at[0] = m_prev;
}

#version 460
// The gates of all chunks of one head of one slice: running sums and stabilizers, in two floats. TEAM invocations take a
// chunk, and as many chunks are done at a time as there are such teams; the stabilizer is carried from chunk to chunk
// between two passes over the tokens.
#include "common.glsl"
#include "math.glsl"
#include "cell.glsl"

layout(push_constant) uniform Push {
    uint64_t slices, chunks, i, f, gates, decay; // decay [chunks, heads]: exp(b_L + m_prev - m_L)
    uint64_t block;
    Shape shape;
    uint gate_stride;
} p;

const uint GROUP = gl_WorkGroupSize.x, TEAM = 64, TEAMS = GROUP / TEAM;
shared vec2 scan[GROUP];
shared vec2 last_b[TEAMS], last_a[TEAMS]; // b_L, and the largest a, of a chunk
shared float m_before[TEAMS], m_carried;

Pair pair(vec2 v) { return Pair(v.x, v.y); }
vec2 both(Pair v) { return vec2(v.hi, v.lo); }
const Pair LOWEST = Pair(-3e38, 0.0), ZERO = Pair(0.0, 0.0);

// Exclusive scan over a team of one pair for each invocation, adding or taking the largest. *all becomes the whole.
Pair scan_before(Pair own, bool adds, out Pair all) {
    uint tid = gl_LocalInvocationIndex, lane = tid % TEAM;
    barrier();
    scan[tid] = both(own);
    barrier();
    for (uint step = 1; step < TEAM; step *= 2) {
        Pair v = pair(scan[tid]);
        if (lane >= step) {
            Pair other = pair(scan[tid - step]);
            v = adds ? add_pairs(v, other) : largest(v, other);
        }
        barrier();
        scan[tid] = both(v);
        barrier();
    }
    all = pair(scan[tid - lane + TEAM - 1]);
    return lane == 0 ? (adds ? ZERO : LOWEST) : pair(scan[tid - 1]);
}

void main() {
    Slice s = Slices(p.slices).at[gl_WorkGroupID.y];
    uint head = gl_WorkGroupID.x, tid = gl_LocalInvocationIndex, heads = p.shape.heads;
    uint lane = tid % TEAM, team = tid / TEAM;
    uint64_t block = s.state + p.block;
    if (tid == 0) m_carried = ReadFloats(state_m(block, p.shape, s.phase, head)).at[0];
    for (uint c0 = s.chunk; c0 < s.chunk + s.chunks; c0 += TEAMS) {
        uint c = c0 + team;
        bool mine = c < s.chunk + s.chunks;
        Chunk chunk = Chunks(p.chunks).at[mine ? c : c0];
        uint count = mine ? chunk.count : 0, each = (count + TEAM - 1) / TEAM;
        uint first = lane * each, end = min(first + each, count);
        // b and a of each token, the token's b and the running maximum of a first counted from this invocation's part.
        Pair sum = ZERO, all;
        for (uint t = first; t < end; t++)
            sum = add_pairs(sum, log_sigmoid(ReadFloats(floats_at(p.f, uint64_t(chunk.row + t) * p.gate_stride)).at[head]));
        Pair b = scan_before(sum, true, all);
        if (lane == 0) last_b[team] = both(all);
        Pair most = LOWEST;
        for (uint t = first; t < end; t++) {
            uint64_t row = chunk.row + t;
            uint at = uint(row) * heads + head;
            b = add_pairs(b, log_sigmoid(ReadFloats(floats_at(p.f, row * p.gate_stride)).at[head]));
            Pair a = less(Pair(input_gate(ReadFloats(floats_at(p.i, row * p.gate_stride)).at[head]), 0.0), b);
            most = largest(most, a);
            GateRows(p.gates).at[at].a = both(a);
            GateRows(p.gates).at[at].highest = both(most);
            GateRows(p.gates).at[at].m = b.hi;
            GateRows(p.gates).at[at].inter = b.lo;
        }
        Pair before = scan_before(most, false, all);
        if (lane == 0) last_a[team] = both(all);
        barrier();
        if (tid == 0) {
            float m = m_carried;
            for (uint i = 0; i < TEAMS && c0 + i < s.chunk + s.chunks; i++) {
                m_before[i] = m;
                m = add_pairs(pair(last_b[i]), largest(pair(last_a[i]), Pair(m, 0.0))).hi;
            }
            m_carried = m;
        }
        barrier();
        float m_prev = m_before[team];
        Pair from_start = largest(before, Pair(m_prev, 0.0));
        Pair b_end = pair(last_b[team]);
        float m_end = add_pairs(b_end, largest(pair(last_a[team]), Pair(m_prev, 0.0))).hi;
        Pair from_end = less(Pair(m_end, 0.0), b_end);
        for (uint t = first; t < end; t++) {
            uint at = (chunk.row + t) * heads + head;
            Gates g = GateRows(p.gates).at[at];
            Pair b_t = Pair(g.m, g.inter);
            g.m = add_pairs(b_t, largest(from_start, pair(g.highest))).hi;
            // What belongs to the stabilizer as it is rounded.
            Pair from = less(Pair(g.m, 0.0), b_t);
            g.highest = both(from);
            g.inter = exp_exact(less(Pair(m_prev, 0.0), from).hi);
            g.end = exp_exact(less(pair(g.a), from_end).hi);
            GateRows(p.gates).at[at] = g;
        }
        if (mine && lane == 0)
            Floats(p.decay).at[c * heads + head] = exp_exact(less(Pair(m_prev, 0.0), from_end).hi);
    }
    barrier();
    if (tid == 0) Floats(state_m(block, p.shape, s.phase ^ 1, head)).at[0] = m_carried;
}

// Sums over a team (LANES invocations: a subgroup, whose size is specialization constant 1) and over the workgroup.
// Without SUBGROUPS the same goes through shared memory, for devices whose subgroups cannot add or differ in size.
// All invocations of the workgroup must come here together.
layout(constant_id = 1) const uint LANES = 32;
const uint TEAMS = gl_WorkGroupSize.x / LANES;

shared float team_sums[TEAMS];

#ifdef SUBGROUPS
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
uint lane() { return gl_SubgroupInvocationID; }
uint team() { return gl_SubgroupID; }
float team_sum(float x) { return subgroupAdd(x); }
#else
shared float lane_values[gl_WorkGroupSize.x];
uint lane() { return gl_LocalInvocationIndex % LANES; }
uint team() { return gl_LocalInvocationIndex / LANES; }
float team_sum(float x) {
    uint i = gl_LocalInvocationIndex, l = lane();
    barrier();
    lane_values[i] = x;
    barrier();
    for (uint step = LANES / 2; step > 0; step /= 2) {
        if (l < step) lane_values[i] += lane_values[i + step];
        barrier();
    }
    return lane_values[i - l];
}
#endif

float group_sum(float x) {
    x = team_sum(x);
    barrier();
    if (lane() == 0) team_sums[team()] = x;
    barrier();
    float sum = 0.0;
    for (uint i = 0; i < TEAMS; i++) sum += team_sums[i];
    return sum;
}

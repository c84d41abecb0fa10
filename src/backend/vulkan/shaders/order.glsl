// Order between dispatches that have no barrier between them: a workgroup brings its weights first, and then waits until all
// workgroups of the dispatches before have arrived. What others have written since the last barrier is read past the caches
// that are not shared. The order lies in lines of 128 bytes: the first counts arrivals; each other one holds how many stages
// are over, so that those who wait do not all ask for the same line. The waiting ends where dispatches begin in their order, or after a while, and then the results are lost.
const uint ORDER_LINE = 32, ORDER_COPIES = 15; // words; lines
const uint ORDER_SPINS = 1u << 18, ORDER_LOOK = 1u << 12;
layout(buffer_reference, buffer_reference_align = 4, std430) coherent volatile buffer OrderWords { uint at[]; };
layout(buffer_reference, buffer_reference_align = 4, std430) coherent buffer FreshFloats { float at[]; };
layout(buffer_reference, buffer_reference_align = 16, std430) coherent readonly buffer FreshVec4s { vec4 at[]; };
layout(buffer_reference, buffer_reference_align = 16, std430) coherent readonly buffer FreshQuads { uvec4 at[]; };

// Stage 0 comes behind a barrier.
void wait_for_others(uint64_t order, uint stage) {
    if (stage == 0) return;
    if (gl_LocalInvocationIndex == 0) {
        OrderWords shared_words = OrderWords(order);
        OrderWords over = OrderWords(floats_at(order, ORDER_LINE * (1 + gl_WorkGroupID.x % ORDER_COPIES)));
        uint spins = 0;
        while (over.at[0] < stage) {
            spins++;
            // Once one has waited in vain the results are lost, and nobody waits for long.
            if (spins % ORDER_LOOK == 0 && (spins >= ORDER_SPINS || shared_words.at[1] != 0)) {
                shared_words.at[1] = 1;
                break;
            }
        }
    }
    memoryBarrierBuffer();
    barrier();
}

// total: workgroups of the stage
void arrive(uint64_t order, uint stage, uint total) {
    memoryBarrierBuffer();
    barrier();
    if (gl_LocalInvocationIndex != 0) return;
    OrderWords words = OrderWords(order);
    if (atomicAdd(words.at[0], 1u) + 1u != total) return;
    words.at[0] = 0;
    memoryBarrierBuffer();
    for (uint i = 1; i <= ORDER_COPIES; i++) words.at[i * ORDER_LINE] = stage + 1;
}

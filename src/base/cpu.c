#include "base/cpu.h"

#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

unsigned xl_cpu_flags(void) {
    unsigned flags = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) flags |= XL_CPU_AVX2;
    if (flags && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        flags |= XL_CPU_AVX512;
#elif defined(__aarch64__)
    flags |= XL_CPU_NEON;
#endif
    return flags;
}

int xl_cpu_flags_masked(const char *mask) {
    unsigned flags = xl_cpu_flags();
    if (!mask) return (int)flags;
    if (!strcmp(mask, "c")) return 0;
    if (!strcmp(mask, "avx2")) return (int)(flags & XL_CPU_AVX2);
    if (!strcmp(mask, "avx512")) return (int)(flags & (XL_CPU_AVX2 | XL_CPU_AVX512));
    if (!strcmp(mask, "neon")) return (int)(flags & XL_CPU_NEON);
    return -1;
}

int xl_cpu_count(void) {
#ifdef __linux__
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof set, &set)) return CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

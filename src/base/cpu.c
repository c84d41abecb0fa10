#include "base/cpu.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cgroup.h"
#ifdef __linux__
#include <sched.h>
#include <sys/syscall.h>
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

#if defined(__x86_64__)
/* Bits of CPUID leaf 7; compilers of this time do not know all of their names. */
enum {
    EBX_AVX512 = 1 << 16 | 1 << 17 | 1 << 30, /* F, DQ, BW */
    ECX_VNNI = 1 << 11,
    EDX_AMX = 1 << 22 | 1 << 24 | 1 << 25, /* BF16, TILE, INT8 */
    EAX1_AVX_VNNI = 1 << 4,
    EAX1_AVX512_BF16 = 1 << 5
};

/* Linux gives a process the memory for tiles only when it asks for it. */
static bool allow_tiles(void) {
#if defined(__linux__) && defined(SYS_arch_prctl)
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
    return false;
#endif
}

static bool has(unsigned bits, unsigned wanted) {
    return (bits & wanted) == wanted;
}

static unsigned x86_flags(void) {
    unsigned flags = 0, eax, ebx, ecx, edx, eax1 = 0, unused;
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 0;
    flags |= XL_CPU_AVX2;
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return flags;
    if (eax >= 1) __get_cpuid_count(7, 1, &eax1, &unused, &unused, &unused);
    if (has(eax1, EAX1_AVX_VNNI)) flags |= XL_CPU_AVX_VNNI;
    /* The compiler's function also asks whether the system saves the registers. */
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512vl") || !has(ebx, EBX_AVX512))
        return flags;
    flags |= XL_CPU_AVX512;
    if (!has(ecx, ECX_VNNI)) return flags;
    flags |= XL_CPU_AVX512_VNNI;
    if (!has(eax1, EAX1_AVX512_BF16)) return flags;
    /* Intel's take four cycles an instruction (Sapphire Rapids), and multiply slower so than in float32. */
    if (!__builtin_cpu_is("intel")) flags |= XL_CPU_AVX512_BF16;
    if (has(edx, EDX_AMX) && allow_tiles()) flags |= XL_CPU_AMX;
    return flags;
}
#elif defined(__aarch64__)
static unsigned arm_flags(void) {
    unsigned flags = XL_CPU_NEON;
#if defined(__linux__)
    const unsigned long dot = 1ul << 20, i8mm = 1ul << 13, bf16 = 1ul << 14; /* HWCAP, HWCAP2 */
    if (!(getauxval(AT_HWCAP) & dot)) return flags;
    flags |= XL_CPU_NEON_DOT;
    if ((getauxval(AT_HWCAP2) & (i8mm | bf16)) == (i8mm | bf16)) flags |= XL_CPU_NEON_MATRIX;
#elif defined(__APPLE__)
    static const char *const names[] = {"hw.optional.arm.FEAT_DotProd", "hw.optional.arm.FEAT_I8MM",
                                        "hw.optional.arm.FEAT_BF16"};
    int there[3] = {0};
    for (int i = 0; i < 3; i++) {
        size_t size = sizeof there[i];
        if (sysctlbyname(names[i], &there[i], &size, NULL, 0)) there[i] = 0;
    }
    if (there[0]) flags |= XL_CPU_NEON_DOT;
    if (there[0] && there[1] && there[2]) flags |= XL_CPU_NEON_MATRIX;
#endif
    return flags;
}
#endif

unsigned xl_cpu_flags(void) {
#if defined(__x86_64__)
    return x86_flags();
#elif defined(__aarch64__)
    return arm_flags();
#else
    return 0;
#endif
}

int xl_cpu_flags_masked(const char *mask) {
    enum {
        AVX512 = XL_CPU_AVX2 | XL_CPU_AVX512,
        AVX512_VNNI = AVX512 | XL_CPU_AVX_VNNI | XL_CPU_AVX512_VNNI,
        AVX512_BF16 = AVX512_VNNI | XL_CPU_AVX512_BF16,
        NEON_DOT = XL_CPU_NEON | XL_CPU_NEON_DOT
    };
    static const struct {
        const char *name;
        unsigned flags;
    } masks[] = {{"c", 0},
                 {"avx2", XL_CPU_AVX2},
                 {"avx2_vnni", XL_CPU_AVX2 | XL_CPU_AVX_VNNI},
                 {"avx512", AVX512},
                 {"avx512_vnni", AVX512_VNNI},
                 {"avx512_bf16", AVX512_BF16},
                 {"amx", AVX512_BF16 | XL_CPU_AMX},
                 {"neon", XL_CPU_NEON},
                 {"neon_dot", NEON_DOT},
                 {"neon_matrix", NEON_DOT | XL_CPU_NEON_MATRIX}};
    unsigned flags = xl_cpu_flags();
    if (!mask) return (int)flags;
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++)
        if (!strcmp(mask, masks[i].name)) return (int)(flags & masks[i].flags);
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

/* Whether a CPU before `cpu` that is allowed shares its core. The list is as in "0,64" or "0-1". */
static bool has_earlier(const char *list, bool (*allowed)(const void *ctx, int cpu), const void *ctx, int cpu) {
    int first, last, used;
    for (; sscanf(list, "%d%n", &first, &used) == 1; list += *list == ',') {
        list += used;
        last = first;
        if (sscanf(list, "-%d%n", &last, &used) == 1) list += used;
        for (int c = first < 0 ? 0 : first; c <= last && c < cpu; c++)
            if (allowed(ctx, c)) return true;
    }
    return false;
}

int xl_cpu_cores(const char *root, bool (*allowed)(const void *ctx, int cpu), const void *ctx, int count) {
    int cores = 0;
    for (int cpu = 0; cpu < count; cpu++) {
        char path[512], list[256] = "";
        if (!allowed(ctx, cpu)) continue;
        snprintf(path, sizeof path, "%s/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", root, cpu);
        FILE *file = fopen(path, "r");
        if (file) {
            if (!fgets(list, sizeof list, file)) list[0] = 0;
            fclose(file);
        }
        cores += !has_earlier(list, allowed, ctx, cpu);
    }
    return cores;
}

#ifdef __linux__
static bool is_set(const void *ctx, int cpu) {
    return CPU_ISSET((size_t)cpu, (const cpu_set_t *)ctx);
}
#endif

int xl_cpu_useful(void) {
    const int count = xl_cpu_count();
    int useful = count;
#ifdef __linux__
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof set, &set)) useful = xl_cpu_cores("", is_set, &set, CPU_SETSIZE);
    xl_group_limits limits;
    xl_group_limits_read("", &limits);
    if (ceil(limits.cpus) < useful) useful = (int)ceil(limits.cpus);
#elif defined(__APPLE__) && defined(__aarch64__)
    int fast = 0;
    size_t size = sizeof fast;
    if (!sysctlbyname("hw.perflevel0.physicalcpu", &fast, &size, NULL, 0)) useful = fast;
#endif
    return useful < 1 ? 1 : useful < count ? useful : count;
}

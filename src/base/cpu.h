/* The instruction sets of this processor, and a mask that forbids some of them. */
#ifndef XL_BASE_CPU_H
#define XL_BASE_CPU_H

#include <stdbool.h>

/* Instruction sets, one bit each. */
enum {
    XL_CPU_AVX2 = 1,         /* AVX2, FMA and F16C */
    XL_CPU_AVX_VNNI = 2,     /* AVX-VNNI: products of bytes in vectors of 256 bits; with AVX2 */
    XL_CPU_AVX512 = 4,       /* AVX-512 F, BW, VL, DQ; with AVX2 */
    XL_CPU_AVX512_VNNI = 8,  /* products of bytes; with AVX512 */
    XL_CPU_AVX512_BF16 = 16, /* products of bfloat16, faster than float32's; with AVX512_VNNI */
    XL_CPU_AMX = 32,         /* AMX tiles of bfloat16, and AVX-512 BF16 to convert; with AVX512_VNNI */
    XL_CPU_NEON = 64,
    XL_CPU_NEON_DOT = 128,   /* dotprod: products of bytes; with NEON */
    XL_CPU_NEON_MATRIX = 256 /* i8mm and bf16: small matrix products; with NEON_DOT */
};

/* Names of masks, from the least to the most of each family, "c" first. A processor of a level has all levels
 * before it in its family, but for avx2_vnni, which processors with AVX-512 may lack, and avx512_bf16, which counts
 * only where it is fast. */
#define XL_CPU_MASKS "c|avx2|avx2_vnni|avx512|avx512_vnni|avx512_bf16|amx|neon|neon_dot|neon_matrix"

/* Bits of what the processor and the operating system support. The first call asks the system for the use of AMX
 * tiles. */
unsigned xl_cpu_flags(void);
/* The flags left under a mask by name (NULL: all); -1 for an unknown name. */
int xl_cpu_flags_masked(const char *mask);
/* Logical CPUs this process may run on; at least 1. */
int xl_cpu_count(void);
/* How many threads of heavy work this process can use well: the cores that it may run on (a core's hardware threads
 * share its units; on a Mac, the fast cores), or its control groups' share of processor time, rounded up, where
 * that is less; 1 … xl_cpu_count(). */
int xl_cpu_useful(void);

/* Cores among the CPUs c with allowed(ctx, c), c < count; a CPU of which nothing is known is a core of its own.
 * `root` stands before /sys: "" for the system's own. */
int xl_cpu_cores(const char *root, bool (*allowed)(const void *ctx, int cpu), const void *ctx, int count);

#endif

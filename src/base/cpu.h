/* The instruction sets of this processor, and a mask that forbids some of them. */
#ifndef XL_BASE_CPU_H
#define XL_BASE_CPU_H

/* Instruction sets, each implying those of the same family before it. */
enum {
    XL_CPU_AVX2 = 1,   /* AVX2, FMA and F16C */
    XL_CPU_AVX512 = 2, /* AVX-512 F, BW, VL, DQ */
    XL_CPU_NEON = 4
};

/* Bits of what the processor and the operating system support. */
unsigned xl_cpu_flags(void);
/* The flags left under a mask by name: NULL (all), "c" (none), "avx2", "avx512", "neon"; -1 for an unknown name. */
int xl_cpu_flags_masked(const char *mask);
/* Logical CPUs this process may run on; at least 1. */
int xl_cpu_count(void);

#endif

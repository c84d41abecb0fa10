/* The table of kernels for a machine: plain C first, overwritten upward by what each instruction set does better.
 */
#include "base/cpu.h"
#include "kernels/kernels.h"

void xl_kernels_init(xl_kernels *table, unsigned cpu_flags) {
    xl_kernels_init_ref(table);
#if defined(__x86_64__)
    if (cpu_flags & XL_CPU_AVX2) xl_kernels_init_avx2(table);
    if (cpu_flags & XL_CPU_AVX_VNNI) xl_kernels_init_avx2_vnni(table);
    if (cpu_flags & XL_CPU_AVX512) xl_kernels_init_avx512(table);
    if (cpu_flags & XL_CPU_AVX512_VNNI) xl_kernels_init_avx512_vnni(table);
    if (cpu_flags & XL_CPU_AVX512_BF16) xl_kernels_init_avx512_bf16(table);
    if (cpu_flags & XL_CPU_AMX) xl_kernels_init_amx(table);
#elif defined(__aarch64__)
    if (cpu_flags & XL_CPU_NEON) xl_kernels_init_neon(table);
    if (cpu_flags & XL_CPU_NEON_DOT) xl_kernels_init_neon_dot(table);
    if (cpu_flags & XL_CPU_NEON_MATRIX) xl_kernels_init_neon_matrix(table);
#endif
#ifdef XL_HAVE_BLAS
    if (cpu_flags) xl_kernels_init_blas(table);
#endif
}

#include <string.h>

#include "base/memory.h"
#include "kernels/kernels.h"

#ifdef XL_HAVE_ACCELERATE
#include <Accelerate/Accelerate.h>
#else
#include <cblas.h>
#endif

/* A panel of converted weights stays in the second-level cache (256 KiB) while BLAS packs it, and is deep enough
 * that packing x again for each panel costs little. */
enum { PANEL_ROWS = 256, PANEL_COLS = 256 };

static int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static void product(const float *w, int64_t ldw, int64_t rows, int64_t cols, const float *x, int64_t ldx, int64_t n,
                    float *y, int64_t ldy, int accumulate) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)rows, (int)cols, 1, x, (int)ldx, w, (int)ldw,
                accumulate ? 1 : 0, y, (int)ldy);
}

size_t xl_gemm_scratch(int64_t cols) {
    return (size_t)PANEL_ROWS * (size_t)min64(cols, PANEL_COLS);
}

void xl_gemm(const xl_kernels *table, xlstm_dtype dtype, const void *w, int64_t ldw, int64_t rows, int64_t cols,
             const float *x, int64_t ldx, int64_t n, float *y, int64_t ldy, int accumulate, float *scratch) {
    if (dtype == XLSTM_F32 && (uintptr_t)w % sizeof(float) == 0) {
        product(w, ldw, rows, cols, x, ldx, n, y, ldy, accumulate);
        return;
    }
    size_t size = dtype == XLSTM_F32 ? 4 : 2;
    for (int64_t r = 0; r < rows; r += PANEL_ROWS) {
        int64_t height = min64(rows - r, PANEL_ROWS);
        for (int64_t j = 0; j < cols; j += PANEL_COLS) {
            int64_t width = min64(cols - j, PANEL_COLS);
            for (int64_t i = 0; i < height; i++)
                table->to_f32[dtype]((const char *)w + (size_t)((r + i) * ldw + j) * size, scratch + i * width,
                                     (size_t)width);
            product(scratch, width, height, width, x + j, ldx, n, y + r, ldy, accumulate || j > 0);
        }
    }
}

#ifndef XL_HAVE_ACCELERATE
/* Exported by OpenBLAS built on pthreads, absent elsewhere: ends the threads that its constructor started. */
__attribute__((weak)) int blas_thread_shutdown_(void);
#endif

void xl_blas_single_thread(void) {
#ifdef XL_HAVE_ACCELERATE
    if (__builtin_available(macOS 15.0, *)) BLASSetThreading(BLAS_THREADING_SINGLE_THREADED);
#elif defined(OPENBLAS_VERSION) || defined(OPENBLAS_OPENMP) || defined(OPENBLAS_THREAD)
    openblas_set_num_threads(1);
    if (blas_thread_shutdown_) blas_thread_shutdown_();
#endif
}

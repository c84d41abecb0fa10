#include <string.h>

#include "base/memory.h"
#include "kernels/kernels.h"

#ifdef XL_HAVE_ACCELERATE
#include <Accelerate/Accelerate.h>
#else
#include <cblas.h>
#endif

/* A panel of converted weights stays in the second-level cache (256 KiB) while BLAS packs it, and is deep enough
 * that packing x again for each panel costs little. Its columns are whole blocks of every format. */
enum { PANEL_ROWS = 256, PANEL_COLS = 256 };

static int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* y (rows of p->y from `row` on) = or += x (columns from `col` on) times the transpose of w [rows, cols]. */
static void multiply(const xl_product *p, const float *w, int64_t ldw, int64_t row, int64_t rows, int64_t col,
                     int64_t cols, bool accumulate) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)p->n, (int)rows, (int)cols, 1, p->x + col,
                (int)p->ldx, w, (int)ldw, accumulate ? 1 : 0, p->y + row, (int)p->ldy);
}

size_t xl_gemm_scratch(int64_t cols) {
    return (size_t)PANEL_ROWS * (size_t)min64(cols, PANEL_COLS);
}

void xl_gemm(const xl_kernels *table, const xl_product *p) {
    const xl_matrix *w = &p->w;
    if (w->format == XL_FORMAT_F32 && (uintptr_t)w->data % sizeof(float) == 0 && w->stride % sizeof(float) == 0) {
        multiply(p, w->data, (int64_t)(w->stride / sizeof(float)), 0, w->rows, 0, w->cols, p->accumulate);
        return;
    }
    for (int64_t r = 0; r < w->rows; r += PANEL_ROWS) {
        int64_t height = min64(w->rows - r, PANEL_ROWS);
        for (int64_t j = 0; j < w->cols; j += PANEL_COLS) {
            int64_t width = min64(w->cols - j, PANEL_COLS);
            const char *at = (const char *)w->data + (size_t)r * w->stride + xl_format_offset(w->format, j);
            for (int64_t i = 0; i < height; i++)
                table->to_f32[w->format](at + (size_t)i * w->stride, p->scratch + i * width, (size_t)width);
            multiply(p, p->scratch, width, r, height, j, width, p->accumulate || j > 0);
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

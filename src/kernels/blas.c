/* Dense products through CBLAS, for machines whose library uses hardware that our instructions cannot reach:
 * Apple's Accelerate. Built with -Dblas=enabled (the default on macOS only). */
#include <string.h>

#include "kernels/kernels.h"

#ifdef XL_HAVE_ACCELERATE
#include <Accelerate/Accelerate.h>
#else
#include <cblas.h>
#endif

enum {
    DEPTH = 256,
    PANEL_ROWS = XL_GEMM_SCRATCH / (DEPTH * sizeof(float)) /* of converted weights that the scratch holds */
};

static int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static size_t packed_bytes(int64_t cols) {
    enum { UNIT = 16 };
    return (size_t)(cols + UNIT - 1) / UNIT * UNIT * sizeof(float);
}

static void gemm_pack(const float *x, int64_t ldx, int64_t n, int64_t cols, void *packed) {
    if (n) memcpy(packed, x, (size_t)cols * sizeof *x);
}

/* y (rows of w from `row` on) = or += x (columns from `col` on) times the transpose of w [rows, cols]. */
static void multiply(const xl_product *p, const float *w, int64_t ldw, int64_t row, int64_t rows, int64_t col,
                     int64_t cols, bool accumulate) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)p->n, (int)rows, (int)cols, 1,
                (const float *)p->packed + col, (int)(packed_bytes(p->w.cols) / sizeof(float)), w, (int)ldw,
                accumulate ? 1 : 0, p->y + row, (int)p->ldy);
}

static void gemm(const xl_kernels *table, const xl_product *p) {
    const xl_matrix *w = &p->w;
    if (w->format == XL_FORMAT_F32 && (uintptr_t)w->data % sizeof(float) == 0 && w->stride % sizeof(float) == 0) {
        multiply(p, w->data, (int64_t)(w->stride / sizeof(float)), 0, w->rows, 0, w->cols, p->accumulate);
        return;
    }
    float *panel = p->scratch;
    for (int64_t r = 0; r < w->rows; r += PANEL_ROWS) {
        int64_t height = min64(w->rows - r, PANEL_ROWS);
        for (int64_t j = 0; j < w->cols; j += DEPTH) {
            int64_t width = min64(w->cols - j, DEPTH);
            const char *at = (const char *)w->data + (size_t)r * w->stride + xl_format_offset(w->format, j);
            for (int64_t i = 0; i < height; i++)
                table->to_f32[w->format](at + (size_t)i * w->stride, panel + i * width, (size_t)width);
            multiply(p, panel, width, r, height, j, width, p->accumulate || j > 0);
        }
    }
}

void xl_kernels_init_blas(xl_kernels *table) {
#ifdef XL_HAVE_ACCELERATE
    if (__builtin_available(macOS 15.0, *)) BLASSetThreading(BLAS_THREADING_SINGLE_THREADED);
#elif defined(OPENBLAS_VERSION)
    openblas_set_num_threads(1); /* our own threads call it side by side */
#endif
    table->gemm[XL_COMPUTE_F32] =
        (xl_gemm){.tokens = 1, .packed_bytes = packed_bytes, .pack = gemm_pack, .multiply = gemm};
}

/* What this machine can do at most, measured with the library's own threads: the yardstick for prefill and decode
 * (Williams, Waterman, Patterson, "Roofline", 2009). */
#ifndef XLSTM_ROOFLINE_H
#define XLSTM_ROOFLINE_H

#include <stdint.h>

#include <xlstm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct xlstm_roofline {
    int threads;          /* that took part */
    uint64_t cache_bytes; /* last-level cache as the system reports it; 0: unknown */
    /* Reading a buffer of stream_bytes, larger than the cache: what weights that do not fit can be read at. */
    uint64_t stream_bytes;
    double stream_gb_s; /* 1e9 bytes a second, all threads together */
    /* The same of a buffer of cached_bytes, that all threads' parts together fit into half of the cache. */
    uint64_t cached_bytes;
    double cached_gb_s;
    /* Dense float32 products by the kernels that prefill uses, one a thread side by side, sized as there (512
     * tokens). */
    double sgemm_gflop_s; /* 1e9 multiplications and additions a second, all threads together */
} xlstm_roofline;

/* Measures for about `seconds` (0.1 … 60; a third each) with `threads` threads (0: one a CPU) and fills *out with
 * the best round of each: a bound, not an average. ENOMEM where the buffers (at most a quarter of the memory that
 * is available) cannot be had; EARG for arguments out of range. */
XLSTM_API int xlstm_roofline_measure(xlstm_roofline *out, int threads, double seconds, xlstm_error *err);

#ifdef __cplusplus
}
#endif
#endif

/* The limits of this machine, measured with the library's own threads; prefill and decode are compared with them
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
    /* Reading a buffer of stream_bytes that is larger than the cache: the rate for weights that do not fit into it.
     */
    uint64_t stream_bytes;
    double stream_gb_s; /* 1e9 bytes a second, all threads together */
    /* The same for a buffer of cached_bytes, so small that the parts of all threads fit into half of the cache. */
    uint64_t cached_bytes;
    double cached_gb_s;
    /* Dense float32 products by the kernels that prefill uses, one on each thread at the same time, with the sizes
     * of prefill (512 tokens). */
    double sgemm_gflop_s; /* 1e9 multiplications and additions a second, all threads together */
    /* The same in the other arithmetics of the tunable `compute`: bfloat16 with weights in bf16, and 8-bit integers
     * with weights in q8_0; 0 where the device has no faster products for them. */
    double bf16_gflop_s, int8_gflop_s;
} xlstm_roofline;

/* The limits one by one, as bits of a set. */
enum {
    XLSTM_LIMIT_STREAM = 1, /* stream_gb_s */
    XLSTM_LIMIT_CACHED = 2,
    XLSTM_LIMIT_SGEMM = 4,
    XLSTM_LIMIT_BF16 = 8,
    XLSTM_LIMIT_INT8 = 16,
    XLSTM_LIMIT_COUNT = 5,
    XLSTM_LIMIT_ALL = 31
};

/* Measures limits between other work, so that what the work reached can be compared with what the machine gave
 * right before and after it: a machine's speed may change within seconds. Holds a device, and no buffers between
 * calls. */
typedef struct xlstm_probe xlstm_probe;

/* On a device (NULL: the first) with `threads` threads (0: one for each CPU; without meaning on a GPU). EARG for a
 * number of threads out of range; EUNSUPPORTED for a device of no known kind. */
XLSTM_API int xlstm_probe_open(xlstm_probe **out, const char *device, int threads, xlstm_error *err);

/* Measures each of the limits in the set (0 … XLSTM_LIMIT_ALL) for about `seconds` (0.001 … 60), at least one round
 * of it, and fills *out with the best round of each: a bound, not an average. The rates of the others become 0.
 * ENOMEM where the buffers (at most a quarter of the available memory) cannot be allocated; EARG for arguments out
 * of range. Calls from several threads at once need a probe each. */
XLSTM_API int xlstm_probe_measure(xlstm_probe *probe, unsigned limits, double seconds, xlstm_roofline *out,
                                  xlstm_error *err);

/* The rate of one limit, in 1e9 bytes or operations a second; 0 where the roofline has none. */
XLSTM_API double xlstm_roofline_rate(const xlstm_roofline *roofline, unsigned limit);

XLSTM_API void xlstm_probe_close(xlstm_probe *probe); /* NULL is allowed */

/* All of them at once, in about `seconds` (0.1 … 60), a fifth for each; else as a probe. */
XLSTM_API int xlstm_roofline_measure(xlstm_roofline *out, const char *device, int threads, double seconds,
                                     xlstm_error *err);

#ifdef __cplusplus
}
#endif
#endif

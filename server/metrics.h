/* What the server counts, for /metrics. */
#ifndef SERVE_METRICS_H
#define SERVE_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum { SERVE_BUCKETS = 14 };

typedef struct serve_histogram {
    _Atomic uint64_t count[SERVE_BUCKETS + 1]; /* the last: above all bounds */
    _Atomic uint64_t sum_ns;
} serve_histogram;

/* Counters only grow; gauges are what is now. Written by any thread. */
#define SERVE_METRICS(COUNTER, GAUGE, HISTOGRAM)                                                                   \
    COUNTER(prompt_tokens, "tokens of prompts, cached ones included")                                              \
    COUNTER(cached_tokens, "tokens of prompts whose state was in the cache")                                       \
    COUNTER(generated_tokens, "tokens that were generated")                                                        \
    COUNTER(steps, "steps of the engine")                                                                          \
    COUNTER(step_tokens, "tokens in the steps of the engine")                                                      \
    COUNTER(jobs_finished, "prompts that were answered")                                                           \
    COUNTER(jobs_cancelled, "prompts that were cancelled, by clients that went away or by time limits")            \
    COUNTER(jobs_failed, "prompts that failed otherwise")                                                          \
    COUNTER(refused, "requests that were refused because the queue was full")                                      \
    COUNTER(slow_readers, "clients that were dropped because they did not read")                                   \
    COUNTER(requests, "requests of HTTP")                                                                          \
    COUNTER(request_errors, "requests of HTTP that were answered with an error")                                   \
    GAUGE(sequences, "sequences in memory")                                                                        \
    GAUGE(queued, "prompts that wait")                                                                             \
    GAUGE(connections, "open connections")                                                                         \
    GAUGE(cache_states, "states in the cache's memory")                                                            \
    GAUGE(cache_bytes, "bytes of the cache's memory")                                                              \
    GAUGE(cache_disk_states, "states in the cache's folder")                                                       \
    GAUGE(huge_page_bytes, "bytes of weights in memory that asked for huge pages; 0: there are none")              \
    HISTOGRAM(first_token_seconds, "seconds from the request to its first token")                                  \
    HISTOGRAM(inter_token_seconds, "seconds between the tokens of a stream")                                       \
    HISTOGRAM(step_seconds, "seconds of a step")

typedef struct serve_metrics {
#define SERVE_NUMBER(name, text) _Atomic uint64_t name;
#define SERVE_TIMES(name, text) serve_histogram name;
    SERVE_METRICS(SERVE_NUMBER, SERVE_NUMBER, SERVE_TIMES)
#undef SERVE_NUMBER
#undef SERVE_TIMES
} serve_metrics;

static inline void serve_count(_Atomic uint64_t *counter, uint64_t more) {
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}
static inline void serve_gauge(_Atomic uint64_t *gauge, uint64_t now) {
    atomic_store_explicit(gauge, now, memory_order_relaxed);
}
static inline uint64_t serve_read(const _Atomic uint64_t *value) {
    return atomic_load_explicit(value, memory_order_relaxed);
}

void serve_observe(serve_histogram *h, double seconds);

/* In the text form of Prometheus, all names with the prefix xltune_. False when out of memory. */
bool serve_metrics_text(const serve_metrics *m, xl_bytes *out);

#endif

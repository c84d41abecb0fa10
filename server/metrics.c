#include "server/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const double bounds[SERVE_BUCKETS] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                             0.25,  0.5,    1,     2.5,  5,     10,   60};

void serve_observe(serve_histogram *h, double seconds) {
    int at = 0;
    while (at < SERVE_BUCKETS && seconds > bounds[at]) at++;
    serve_count(&h->count[at], 1);
    serve_count(&h->sum_ns, seconds > 0 ? (uint64_t)(seconds * 1e9) : 0);
}

__attribute__((format(printf, 2, 3))) static bool put(xl_bytes *out, const char *format, ...) {
    char line[256];
    va_list args;
    va_start(args, format);
    const int bytes = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return bytes >= 0 && (size_t)bytes < sizeof line && xl_bytes_append(out, line, (size_t)bytes);
}

static bool head(xl_bytes *out, const char *name, const char *suffix, const char *text, const char *type) {
    return put(out, "# HELP xltune_%s%s %s\n# TYPE xltune_%s%s %s\n", name, suffix, text, name, suffix, type);
}

static bool put_histogram(xl_bytes *out, const char *name, const char *text, const serve_histogram *h) {
    bool ok = head(out, name, "", text, "histogram");
    uint64_t sum = 0;
    for (int i = 0; i < SERVE_BUCKETS; i++) {
        sum += serve_read(&h->count[i]);
        ok = ok && put(out, "xltune_%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, bounds[i], sum);
    }
    sum += serve_read(&h->count[SERVE_BUCKETS]);
    ok = ok && put(out, "xltune_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, sum);
    ok = ok && put(out, "xltune_%s_sum %.9g\n", name, (double)serve_read(&h->sum_ns) * 1e-9);
    return ok && put(out, "xltune_%s_count %" PRIu64 "\n", name, sum);
}

bool serve_metrics_text(const serve_metrics *m, xl_bytes *out) {
    bool ok = true;
#define COUNTER(name, text)                                                                                        \
    ok = ok && head(out, #name, "_total", text, "counter");                                                        \
    ok = ok && put(out, "xltune_%s_total %" PRIu64 "\n", #name, serve_read(&m->name));
#define GAUGE(name, text)                                                                                          \
    ok = ok && head(out, #name, "", text, "gauge");                                                                \
    ok = ok && put(out, "xltune_%s %" PRIu64 "\n", #name, serve_read(&m->name));
#define HISTOGRAM(name, text) ok = ok && put_histogram(out, #name, text, &m->name);
    SERVE_METRICS(COUNTER, GAUGE, HISTOGRAM)
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
    return ok;
}

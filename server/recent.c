/* The second time a beginning is seen, the state behind it is kept. */
#include "server/recent.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static size_t alike(const int32_t *a, const int32_t *b, size_t count) {
    size_t n = 0;
    while (n < count && a[n] == b[n]) n++;
    return n;
}

size_t serve_common(serve_scheduler *s, const int32_t *ids, size_t count) {
    size_t most = 0;
    bool known = false;
    for (int i = 0; i < SERVE_RECENT; i++) {
        const serve_recent *r = &s->recent[i];
        const size_t n = r->ids ? alike(r->ids, ids, r->count < count ? r->count : count) : 0;
        if (n > most) most = n;
        known |= n == count && r->count == count;
    }
    const size_t kept = count < SERVE_RECENT_TOKENS ? count : SERVE_RECENT_TOKENS;
    int32_t *copy = known ? NULL : xl_array(kept, sizeof *copy);
    if (!copy) return most;
    memcpy(copy, ids, kept * sizeof *copy);
    serve_recent *oldest = &s->recent[s->recent_at++ % SERVE_RECENT];
    free(oldest->ids);
    *oldest = (serve_recent){copy, kept};
    return most;
}

void serve_recent_clear(serve_scheduler *s) {
    for (int i = 0; i < SERVE_RECENT; i++) free(s->recent[i].ids);
}

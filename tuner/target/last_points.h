/* Places for what a target remembers of the points that it measured last, and of the baseline. What is asked of a
 * point (tune_target.outcome) is asked right after its measurement, so that few are enough however long a search
 * is. */
#ifndef TUNE_TARGET_LAST_POINTS_H
#define TUNE_TARGET_LAST_POINTS_H

#include <stdint.h>

#include "tuner/target/target.h"

enum { TUNE_RECENT = 64 }; /* places; that of the baseline is 0 */

/* {0} has no points. */
typedef struct tune_recent {
    int64_t candidate[TUNE_RECENT];
    int count; /* places in use behind 0 */
    int next;  /* the one that is given away next where all are in use, less 1 */
    bool baseline;
} tune_recent;

/* Returns the place of a point; -1: it has none. */
static inline int tune_recent_find(const tune_recent *r, int64_t candidate) {
    if (candidate == TUNE_BASELINE) return r->baseline ? 0 : -1;
    for (int i = 1; i <= r->count; i++) {
        if (r->candidate[i] == candidate) return i;
    }
    return -1;
}

/* Returns the place of a point, and where it has none gives it one: that of the point which has had its own for the
 * longest time, once all are in use. */
static inline int tune_recent_put(tune_recent *r, int64_t candidate) {
    int at = tune_recent_find(r, candidate);
    if (at >= 0) return at;
    if (candidate == TUNE_BASELINE) {
        r->baseline = true;
        return 0;
    }
    if (r->count < TUNE_RECENT - 1) at = ++r->count;
    else at = 1 + r->next++ % (TUNE_RECENT - 1);
    r->next %= TUNE_RECENT - 1;
    r->candidate[at] = candidate;
    return at;
}

#endif

/* What a worker says of itself, read and checked (docs/worker-protocol.md). */
#ifndef TUNE_WORKER_DESCRIPTION_H
#define TUNE_WORKER_DESCRIPTION_H

#include <jansson.h>

#include "tuner/metric/metric.h"
#include "tuner/space/named.h"

typedef struct tune_worker_description {
    json_t *answer; /* owned; the names below point into it */
    size_t count;
    tune_known known[TUNE_SPACE_PARAMS];
    const char **choices[TUNE_SPACE_PARAMS]; /* owned; NULL for numbers */
    json_t *space; /* owned: what is searched where nothing is said, in the form of the configuration's */
    tune_metrics metrics;
    bool can_continue, can_score;              /* texts */
    tune_named_list identity, workload, build; /* owned */
} tune_worker_description;

/* Takes over `answer`, also on failure. XLSTM_EFORMAT: names the key, what was found and what was wanted. *out is
 * to be cleared in any case. */
int tune_worker_description_read(tune_worker_description *out, json_t *answer, xlstm_error *err);
void tune_worker_description_clear(tune_worker_description *d);

/* Names of --tune, where each that stands alone is given the values that the worker declares for it; a new
 * reference, NULL when out of memory. */
json_t *tune_worker_description_tune(const tune_worker_description *d, const json_t *names);

#endif

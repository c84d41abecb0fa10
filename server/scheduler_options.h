/* What a scheduler is made of. */
#ifndef SERVE_SCHEDULER_OPTIONS_H
#define SERVE_SCHEDULER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <xlstm/xlstm.h>

#include "server/metrics.h"

typedef struct serve_scheduler serve_scheduler;

typedef struct serve_scheduler_options {
    xlstm_model *model;
    const xlstm_tokenizer *tokenizer;
    xlstm_settings settings;
    int64_t batch_size; /* sequences that a step decodes at most; >= 1 */
    int64_t slice;      /* tokens of prompts in a step at most; >= 1 */
    double max_itl_s; /* bound of a step in which streams run and prompts are read; 0: twice one without prompts */
    int64_t max_sequences;    /* that are in memory at once, each choice of a job one; >= 1 */
    int64_t max_queue;        /* that wait for a place in it at most */
    uint64_t cache_bytes;     /* of prefixes in memory; 0: none are kept */
    const char *cache_folder; /* NULL: none */
    uint64_t cache_folder_bytes;
    serve_metrics *metrics;
    void (*note)(const char *text); /* for the user, one line, from any thread; may be NULL */
    bool warm_up; /* run prompts of all sizes first: a GPU's kernels are compiled, and its times known, by then */
    xlstm_cancel_fn cancel; /* polled meanwhile; may be NULL */
} serve_scheduler_options;

#endif

/* The cache of prefixes: beginnings of texts, each with the state behind it, which has one size whatever its
 * length. The states that were used last are in memory; others go to a folder, if there is one. Used by one thread.
 */
#ifndef SERVE_PREFIXES_H
#define SERVE_PREFIXES_H

#include <stdbool.h>
#include <stdint.h>

#include <xlstm/xlstm.h>

#include "server/disk.h"
#include "server/metrics.h"

typedef struct serve_prefixes serve_prefixes;

typedef struct serve_prefixes_options {
    xlstm_model *model;
    uint64_t memory_bytes; /* 0: nothing is cached */
    const char *folder;    /* NULL: none */
    uint64_t folder_bytes;
    serve_disk *disk;
    serve_metrics *metrics;
    /* Is told once, in the thread that settles the disk, if nothing can be written into the folder; may be NULL. */
    void (*note)(const char *text);
} serve_prefixes_options;

/* Lists the states in the folder (made where it is missing) that belong to this checkpoint. */
int serve_prefixes_create(serve_prefixes **out, const serve_prefixes_options *options, xlstm_error *err);
/* The disk is to be destroyed before, which settles what is on its way. NULL is accepted. */
void serve_prefixes_destroy(serve_prefixes *p);
/* Sends what is in memory to the folder, as far as it may grow. */
void serve_prefixes_flush(serve_prefixes *p);

typedef enum serve_found {
    SERVE_FOUND_NOTHING,
    SERVE_FOUND_STATE,
    SERVE_FOUND_ON_DISK /* it is being read: ask again when the disk has settled */
} serve_found;

/* Looks for the longest known beginning of ids [count] and makes `session` stand behind it; *length tokens. Where
 * that is all of ids, *logits is a malloc'd copy of the logits behind them. Nothing found: the session is as it
 * was. */
serve_found serve_prefixes_find(serve_prefixes *p, const int32_t *ids, size_t count, xlstm_session *session,
                                size_t *length, float **logits);
/* Whether a state behind exactly these ids is known. */
bool serve_prefixes_has(const serve_prefixes *p, const int32_t *ids, size_t count);
/* Keeps a session that stands behind ids, and a copy of the logits there (NULL: none). It takes over the session.
 */
void serve_prefixes_put(serve_prefixes *p, const int32_t *ids, size_t count, xlstm_session *session,
                        const float *logits);

#endif

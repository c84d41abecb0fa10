/* run_meta.json: what a run was begun with; and finding runs that were interrupted. */
#ifndef TUNE_RUN_META_H
#define TUNE_RUN_META_H

#include <jansson.h>

#include "tuner/study/study.h"

/* Reads the meta of a run that can be resumed. ENOTFOUND: no such folder, or none of a run; EFORMAT: no JSON, or a
 * run of another program. */
int tune_run_meta_read(const char *folder, json_t **meta, xlstm_error *err);

/* Finds the newest run in a folder of runs that has this configuration ("effective_args" of its meta), was not
 * finished, and on which no process works. *folder is malloc'd; NULL: there is none. */
void tune_run_find_interrupted(const char *log_dir, const json_t *effective, char **folder, int64_t *trials);

/* What the facts of a run are now, for continuing it. */
typedef struct tune_run_now {
    const char *name; /* what messages call the run */
    const char *machine, *target, *version;
    const tune_named_list *identity, *workload, *build;
    const json_t *space;
} tune_run_now;
/* Whether a run can go on: EMISMATCH names what is another machine, identity, workload or space. *note: a sentence
 * where it goes on by another version or build, malloc'd; NULL otherwise. */
int tune_run_same(const tune_run_row *run, const tune_run_now *now, char **note, xlstm_error *err);

#endif

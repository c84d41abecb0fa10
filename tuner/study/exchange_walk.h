/* Walks through the text of an exported run, so that its long lists are never in memory as a whole. Private to
 * tuner/study. */
#ifndef TUNE_STUDY_EXCHANGE_WALK_H
#define TUNE_STUDY_EXCHANGE_WALK_H

#include <jansson.h>

#include "tuner/study/study.h"

typedef enum tune_run_list { TUNE_LIST_TRIALS, TUNE_LIST_SAMPLES, TUNE_LIST_EVENTS, TUNE_LISTS } tune_run_list;
extern const char *const tune_run_list_names[TUNE_LISTS]; /* "trials", … */

/* Where in the text the parts of a run are. */
typedef struct tune_run_file {
    const tune_import *file;
    json_t *root;           /* an object of the members "format", "version" and "run", as far as they are there */
    size_t run_at;          /* the byte where that of "run" begins */
    bool found[TUNE_LISTS]; /* whether there is such an array, */
    size_t from[TUNE_LISTS], to[TUNE_LISTS]; /* the byte of its bracket, and the one behind it */
} tune_run_file;

/* Finds the parts. What is in the lists is not looked at yet. The file must outlive *out, which
 * tune_run_file_clear clears, also after a failure. XLSTM_EFORMAT names the line where the text is no JSON. */
int tune_run_file_find(tune_run_file *out, const tune_import *file, xlstm_error *err);
void tune_run_file_clear(tune_run_file *f);

/* Parses the elements of a list one after the other and calls `visit` with each, its index and the byte where it
 * begins. Ends at the first one for which that fails. */
typedef int (*tune_run_visit)(void *ctx, size_t index, const json_t *element, size_t at, xlstm_error *err);
int tune_run_file_walk(const tune_run_file *f, tune_run_list list, tune_run_visit visit, void *ctx,
                       xlstm_error *err);

/* The line of a byte, counted from 1. */
size_t tune_run_file_line(const tune_import *file, size_t at);

#endif

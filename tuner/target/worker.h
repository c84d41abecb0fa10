/* A worker: a program that stays, is asked in lines of JSON on its standard input, and answers each with one line
 * on its standard output (docs/worker-protocol.md). Whatever it does, a request ends, and nothing of it stays. */
#ifndef TUNE_WORKER_H
#define TUNE_WORKER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <xlstm/status.h>

enum { TUNE_WORKER_PROTOCOL = 1 };

typedef struct tune_worker tune_worker;

/* Starts nothing yet. `argv` ends with NULL and is copied; `memory` is as in tune_child_options. NULL when out of
 * memory. */
tune_worker *tune_worker_create(char *const *argv, uint64_t memory, int (*cancel)(void *), void *user);
/* Sends a request, after starting the program where it does not run, and waits at most `seconds` for the answer, an
 * object that the caller owns. It gives the request an "id", which the answer has to repeat. XLSTM_EIO: it could
 * not be started, ended, was too slow, or answered what is no JSON object, and then it was ended, so that the next
 * request starts it anew; the text says what happened, with the last line on its standard error. XLSTM_ECANCELLED;
 * XLSTM_ENOMEM. */
int tune_worker_ask(tune_worker *w, json_t *request, double seconds, json_t **answer, xlstm_error *err);
/* Whether the last tune_worker_ask failed because what was printed was no answer to that request: no JSON object,
 * more than one line, or another id. In a process that was asked before, it may belong to an earlier request. */
bool tune_worker_misspoke(const tune_worker *w);
/* Looks whether it runs, while it is not asked anything. One that has printed something is ended. XLSTM_ENOMEM. */
int tune_worker_look(tune_worker *w, bool *running, xlstm_error *err);
/* Ends the program, and whatever it started. It is started again when it is asked something. */
void tune_worker_stop(tune_worker *w);
void tune_worker_destroy(tune_worker *w);

#endif

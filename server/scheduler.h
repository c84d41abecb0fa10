/* The engine of the server: one thread that runs all jobs together. In each step the running choices get a token
 * each, and prompts are read in slices beside them. */
#ifndef SERVE_SCHEDULER_H
#define SERVE_SCHEDULER_H

#include "server/job.h"
#include "server/scheduler_options.h"

/* Model, tokenizer and metrics must outlive the scheduler. ENOMEM, also where the device has no room for the steps
 * of warm_up; ECANCELLED. */
int serve_scheduler_create(serve_scheduler **out, const serve_scheduler_options *options, xlstm_error *err);
/* Ends all jobs with ECANCELLED. NULL is accepted. */
void serve_scheduler_destroy(serve_scheduler *s);

/* Why a job was not taken, besides the errors of the library. */
enum { SERVE_FULL = 1, SERVE_IN_USE, SERVE_CLOSING };

/* Puts a job into the queue; on success the scheduler has a reference of its own until the job's last piece was
 * delivered. SERVE_FULL: the queue is; SERVE_IN_USE: another job has the conversation; SERVE_CLOSING; EARG where it
 * could never run (more choices than sequences, no tokens, ids that the model does not have). From any thread. */
int serve_scheduler_submit(serve_scheduler *s, serve_job *job, xlstm_error *err);
/* Seconds after which a place in the queue can be hoped for; 1 … 60. */
int serve_scheduler_retry_after(serve_scheduler *s);
/* From now on no job is taken. */
void serve_scheduler_close(serve_scheduler *s);
/* Whether any job waits or runs. */
bool serve_scheduler_busy(serve_scheduler *s);

#endif

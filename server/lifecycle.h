/* A job from the queue to its end; by the engine's thread. */
#ifndef SERVE_LIFECYCLE_H
#define SERVE_LIFECYCLE_H

#include "server/core.h"

/* Begins a job that was taken from the queue. */
void serve_begin(serve_scheduler *s, serve_job *job);
/* Goes on with a job whose prefix was read from the disk. */
void serve_fetch(serve_scheduler *s, serve_job *job);
/* Ends a job with an error. */
void serve_fail(serve_scheduler *s, serve_job *job, const xlstm_error *err);
/* Makes choices of a job whose prompt was read, and puts them on the list of draws. */
void serve_fork(serve_scheduler *s, serve_job *job, const float *logits);
/* The engine fed what the job was to read in a step. */
void serve_have_read(serve_scheduler *s, serve_job *job, const float *logits);
/* Delivers what was drawn for a choice, and ends what ends by it. */
void serve_have_drawn(serve_scheduler *s, serve_choice *choice, double now);
/* Tokens that the job may be fed until something is to be kept. */
size_t serve_readable(const serve_job *job);

/* Puts a choice on the list of those for which a token is to be drawn; false when out of memory. */
bool serve_add_draw(serve_scheduler *s, serve_choice *choice, const float *logits);

/* A session in its initial state; NULL, with err filled, when out of memory. */
xlstm_session *serve_take_session(serve_scheduler *s, xlstm_error *err);
void serve_give_session(serve_scheduler *s, xlstm_session *session);

#endif

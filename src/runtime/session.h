/* A session's inside, shared by the files of src/runtime. */
#ifndef XL_RUNTIME_SESSION_H
#define XL_RUNTIME_SESSION_H

#include <stdbool.h>

#include <xlstm/session.h>

#include "backend/backend.h"

struct xlstm_session {
    const xlstm_model *model;
    xl_state *state;
    xl_executor *executor; /* of prefill and decode; a batch brings its own */
    xlstm_settings settings;
    uint64_t position;
    int32_t pending; /* -1: none */
    bool undefined;  /* a call ended half-way: the state belongs to no position */
    bool in_batch;   /* taken by the batch that is being checked */
    xlstm_cancel_fn cancel;
    void *user;
};

/* Checks settings (NULL: the defaults for the model) and clips them to what the model has. */
int xl_session_settings(xlstm_settings *out, const xlstm_model *model, const xlstm_settings *settings,
                        xlstm_error *err);

/* EARG where the state belongs to no position. */
int xl_session_check(const xlstm_session *session, xlstm_error *err);

/* Checks what is to be fed to a session and which logits of it are wanted, and fills *feed; n > 0. */
int xl_session_feed(xl_feed *feed, const xlstm_session *session, const int32_t *ids, size_t n, xlstm_logits which,
                    xlstm_error *err);

/* Runs a batch of feeds; feeds[i] is of sessions[i], whose positions move on. */
int xl_session_run(xlstm_session *const *sessions, xl_executor *executor, const xl_batch *batch, xlstm_error *err);

/* The error of logits after the token at this position, none of which is finite. */
int xl_session_not_finite(uint64_t position, xlstm_error *err);

/* Greedy decoding of n tokens of each sequence. feeds[i] is of sessions[i] and has one token, which is fed first.
 * out: [n, count]. n and count are > 0. */
int xl_session_greedy(xlstm_session *const *sessions, xl_executor *executor, const xl_feed *feeds, size_t count,
                      int32_t *out, size_t n, xlstm_cancel_fn cancel, void *user, xlstm_error *err);

#endif

/* A session's inside, shared by the files of src/runtime. */
#ifndef XL_RUNTIME_SESSION_H
#define XL_RUNTIME_SESSION_H

#include <stdbool.h>

#include <xlstm/session.h>

#include "backend/backend.h"

struct xlstm_session {
    const xlstm_model *model;
    const xl_backend *backend;
    xl_device *device;
    xl_plan *plan;
    xl_context *context;
    xlstm_settings settings;
    uint64_t position;
    int32_t pending; /* -1: none */
    bool undefined;  /* a call ended half-way: the state belongs to no position */
    xlstm_cancel_fn cancel;
    void *user;
};

/* EARG where the state belongs to no position. */
int xl_session_check(const xlstm_session *session, xlstm_error *err);

#endif

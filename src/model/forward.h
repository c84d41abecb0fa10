/* The order of operations of one forward pass (numerics.md, "Block"), as a program for any backend. */
#ifndef XL_FORWARD_H
#define XL_FORWARD_H

#include "backend/backend.h"
#include "model/model.h"

/* Fills *program for `model`; program->ops is malloc'd, the caller's to free once a plan is made. Weights are
 * views of the model's. */
int xl_forward_build(xl_program *program, const xlstm_model *model, xlstm_error *err);

#endif

/* The memory behind a bound model: mapped files, the device's buffers of copied and converted matrices, the float32
 * vectors. */
#ifndef XL_MODEL_STORE_H
#define XL_MODEL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/checkpoint.h"
#include "model/model.h"

typedef struct xl_store {
    xl_checkpoint checkpoint; /* its files stay open while a weight is used in place */
    xl_buffer **buffers;      /* [buffer_count] copied and converted matrices */
    size_t buffer_count;
    float *vectors; /* [vector_count] norms, biases */
    size_t vector_count;
} xl_store;

/* Rows of a stored matrix that become one weight, and how they become it. */
typedef struct xl_part {
    xl_weight *weight; /* all is set but where it lies: xl_plan_memory sets that */
    const xl_stored *stored;
    xl_format_id from; /* the stored tensor's format */
    size_t first;      /* byte of the stored tensor where the rows begin */
    bool can_stay;     /* could be used where it is mapped */
    bool in_place;     /* is used there: xl_plan_memory decides */
    bool follows;      /* lies directly behind the part before it, when both are copied */
    size_t buffer;     /* the one it lies in, unless in place */
} xl_part;

/* The parts of a model in the order in which they are bound. */
typedef struct xl_parts {
    xl_part *list;
    size_t count, capacity;
} xl_parts;

/* Sets every vector of the model and every weight's shape and format as the request asks for, and lists the parts.
 * A matrix can stay where it is mapped if its stored format is that one, its address is a multiple of the element's
 * size, and the device uses the host's memory. model->blocks is allocated here. */
int xl_bind(struct xlstm_model *model, const xl_model_request *request, xl_parts *parts, xlstm_error *err);

/* What a choice of the tunable huge_pages comes to where huge pages cost `copied` bytes of weights that could stay
 * in mapped files, and `available` bytes of memory are left (0: unknown). `offered`: the system has huge pages. */
bool xl_decide_huge_pages(int64_t choice, bool offered, uint64_t copied, uint64_t available);

/* Checks the parts against `available` bytes of the device's memory (0: unknown), decides about huge pages
 * (XLSTM_HUGE_PAGES_*: with `auto` there are none where memory for them is refused), makes the buffers for those
 * that are not in place, and says of every weight where it lies. Sets model->info.huge_page_bytes. The error names
 * the formats that would fit. */
int xl_plan_memory(struct xlstm_model *model, xl_parts *parts, int64_t huge_pages, uint64_t available,
                   xlstm_error *err);

/* Fills the buffers and makes mapped pages resident with `threads` threads. `cancel` is polled from the calling
 * thread: at the beginning, before each of its own tasks, and once more when everything is loaded. */
int xl_load_parts(struct xlstm_model *model, const xl_parts *parts, int threads, xlstm_cancel_fn cancel, void *user,
                  xlstm_error *err);

#endif

/* What runs a model: a backend opens a device, binds a program (the list of operations of the forward pass with
 * its weights) to a plan in that device's memory, and runs segments of tokens through contexts, one a sequence.
 *
 * A program names activations by slot, never by address: where they lie, how operations are fused, split over
 * threads or recorded into command buffers is the backend's own. Weights are named by their host memory; a backend
 * with memory of its own copies them when the plan is made. */
#ifndef XL_BACKEND_H
#define XL_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/session.h>
#include <xlstm/tensor_file.h>
#include <xlstm/tunable.h>

/* Activations of a segment, [tokens, width] float32. */
typedef enum xl_slot {
    XL_SLOT_X, /* residual stream, D */
    XL_SLOT_Q, /* qk_dim */
    XL_SLOT_K, /* qk_dim */
    XL_SLOT_V, /* v_dim */
    XL_SLOT_O, /* v_dim: output gate before its sigmoid */
    XL_SLOT_I, /* NH: input gate, capped */
    XL_SLOT_F, /* NH: forget gate, capped */
    XL_SLOT_H, /* v_dim: cell output, normed and gated */
    XL_SLOT_U, /* F: the feed-forward layer's inner value */
    XL_SLOT_COUNT
} xl_slot;

/* Host view of a weight matrix: element (r, c) at data + (r * ld + c) * size; F32, F16 or BF16. */
typedef struct xl_matrix {
    const void *data;
    xlstm_dtype dtype;
    int64_t rows, cols, ld;
} xl_matrix;

/* y = epilogue(x wᵀ + bias). */
typedef struct xl_projection {
    xl_matrix w;
    const float *bias; /* [rows] or NULL */
    xl_slot to;
    bool add;   /* y is added to what the slot holds */
    double cap; /* > 0: y = cap tanh(y / cap) */
} xl_projection;

typedef enum xl_op_kind {
    XL_OP_EMBED,   /* X = rows of out[0].w picked by the token ids */
    XL_OP_PROJECT, /* each out[j].to = out[j] of the (normed) slot `from` */
    XL_OP_GATED,   /* out[0].to = silu(out[0]) * out[1] of the (normed) slot `from` */
    XL_OP_CELL,    /* H = sigmoid(O) * head_norm(mLSTM(Q, K, V, I, F)); state `block` moves on */
    XL_OP_LOGITS   /* the caller's logits = out[0] of the (normed) slot `from`, for the rows asked for */
} xl_op_kind;

#define XL_OP_OUTS 6

typedef struct xl_op {
    xl_op_kind kind;
    xl_slot from;
    /* RMSNorm of the input (PROJECT, GATED, LOGITS), norm over each head's output (CELL); weight NULL: none. */
    const float *norm, *norm_bias;
    double norm_eps;
    int outs;
    xl_projection out[XL_OP_OUTS];
    int64_t block; /* CELL */
} xl_op;

typedef struct xl_program {
    const xl_op *ops;
    size_t count;
    int64_t width[XL_SLOT_COUNT]; /* floats a token */
    int64_t blocks, heads, qk_head, v_head, vocab;
    double eps; /* the cell's */
} xl_program;

/* What one call feeds. Batches of sequences would be an array of these. */
typedef struct xl_feed {
    const int32_t *ids;     /* [count], each in 0 … vocab - 1 */
    size_t count;           /* > 0 */
    size_t logit_rows;      /* logits of the last so many tokens, 0 … count */
    float *logits;          /* [logit_rows, vocab], host */
    bool decode;            /* one token of a continuation: the schedule of decode, not of prefill */
    xlstm_cancel_fn cancel; /* NULL or polled on the calling thread: before every operation of every
                               segment, whoever does the work, and at every chunk and tile that it does itself */
    void *user;
} xl_feed;

typedef struct xl_device_options {
    unsigned cpu_flags; /* XL_CPU_* that kernels may use */
} xl_device_options;

typedef struct xl_device xl_device;
typedef struct xl_plan xl_plan;
typedef struct xl_context xl_context;

/* Functions return a status and fill err as the public API does; destroy functions accept NULL. A device outlives
 * its plans, a plan its contexts; plans are immutable and shareable, a context is used by one thread at a time. */
typedef struct xl_backend {
    const char *name;
    int (*device_open)(xl_device **out, const xl_device_options *options, xlstm_error *err);
    void (*device_close)(xl_device *device);
    /* Whether `op` can run on this device; a program runs on one device as a whole. */
    bool (*supports_op)(const xl_device *device, const xl_op *op);
    /* Keeps a copy of the list of operations; weights must stay valid. EUNSUPPORTED names the first operation that
     * the device does not run. */
    int (*plan_create)(xl_plan **out, xl_device *device, const xl_program *program, xlstm_error *err);
    void (*plan_destroy)(xl_plan *plan);
    /* A sequence in its initial state. settings: checked and clipped. */
    int (*context_create)(xl_context **out, const xl_plan *plan, const xlstm_settings *settings, xlstm_error *err);
    void (*context_destroy)(xl_context *context);
    /* Changes the schedule of coming calls; the state stays. */
    void (*configure)(xl_context *context, const xlstm_settings *settings);
    /* Runs `feed->count` tokens in segments. ECANCELLED and ENOMEM leave the state at an unspecified position,
     * except ENOMEM before the first segment. */
    int (*feed)(xl_context *context, const xl_feed *feed, xlstm_error *err);
    void (*schedule)(const xl_context *context, xlstm_schedule *schedule);
    void (*trim)(xl_context *context);
    /* One block's state from or to the host: c [NH, dqk, dv], n [NH, dqk], m [NH]; NULL pointers are left out. */
    void (*state_reset)(xl_context *context);
    int (*state_get)(const xl_context *context, int64_t block, float *c, float *n, float *m, xlstm_error *err);
    int (*state_set)(xl_context *context, int64_t block, const float *c, const float *n, const float *m,
                     xlstm_error *err);
} xl_backend;

/* The backend of a device's name ("cpu"; NULL: the default); NULL where there is none. */
const xl_backend *xl_backend_find(const char *name);
/* Its index-th name, for errors and help; NULL past the end. */
const char *xl_backend_name(int index);

#endif

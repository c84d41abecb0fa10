/* What runs a model. A backend opens a device, gives it memory for weights, binds a program (the list of operations
 * of the forward pass with its weights) to a plan, and runs batches of tokens.
 *
 * Who owns what: a model owns one device, its weights in that device's memory and one plan. A state belongs to a
 * sequence and holds nothing else. An executor owns the workspace of one call at a time, of whatever sequences.
 *
 * A program names activations by slot, never by address: where they lie, how operations are fused, split over
 * threads or recorded into command buffers is the backend's own. */
#ifndef XL_BACKEND_H
#define XL_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/model.h>
#include <xlstm/roofline.h>
#include <xlstm/session.h>
#include <xlstm/tunable.h>

#include "weights/formats.h"

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

typedef struct xl_device xl_device;
typedef struct xl_buffer xl_buffer;
typedef struct xl_plan xl_plan;
typedef struct xl_state xl_state;
typedef struct xl_executor xl_executor;

/* A weight matrix on its device: in a buffer, or in a file that is mapped into the host's memory. */
typedef struct xl_weight {
    xl_matrix m;       /* data: the host's address; NULL where the host cannot reach the buffer */
    xl_buffer *buffer; /* NULL: in a mapped file */
    size_t offset;     /* of the buffer, in bytes */
} xl_weight;

/* y = epilogue(x wᵀ + bias). Vectors are float32 in the host's memory; a device of its own copies them. */
typedef struct xl_projection {
    const xl_weight *w;
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

/* So many tokens or fewer are multiplied one by one, if the device says nothing else: in 8-bit integers where the
 * tunable `compute` says so and the weights are integers, and in float32 else. */
#define XL_FEW_TOKENS 8

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
    double eps;                /* the cell's */
    xl_format_id state_format; /* of C in a state: f32, bf16 or f16 */
} xl_program;

/* What a call feeds to one sequence. */
typedef struct xl_feed {
    xl_state *state;    /* moves on by `count` tokens; in one feed of a batch only */
    const int32_t *ids; /* [count], each in 0 … vocab - 1 */
    size_t count;       /* > 0 */
    size_t logit_rows;  /* logits of the last so many tokens, 0 … count */
    bool decode;        /* one token of a continuation: the schedule of decode, not of prefill */
} xl_feed;

/* One call of `run`: a single sequence, a decode of many, or slices of prefill beside decodes. */
typedef struct xl_batch {
    const xl_feed *feeds;
    size_t count;           /* > 0 */
    float *logits;          /* [sum of logit_rows, vocab] in the order of the feeds, host */
    xlstm_cancel_fn cancel; /* may be NULL; polled on the calling thread before every operation of every segment
                               and at every chunk and tile that this thread computes itself */
    void *user;
} xl_batch;

/* Steps of decode in which the device chooses the tokens: the first step feeds `ids`, each later one what the step
 * before has chosen. A token is chosen by the largest logit, of equal ones the one with the lowest id. */
typedef struct xl_greedy {
    xl_state *const *states; /* [count], of different sequences; each moves on by `steps` tokens */
    const int32_t *ids;      /* [count], each in 0 … vocab - 1 */
    size_t count, steps;     /* both > 0 */
    int32_t *out;            /* [steps, count]: what was chosen; -1 where no logit was finite, and then what follows
                                for this sequence has no meaning */
    xlstm_cancel_fn cancel;  /* may be NULL; polled on the calling thread now and then */
    void *user;
} xl_greedy;

typedef struct xl_device_options {
    const char *name;     /* of the device, as `describe` gives it; NULL: the backend's first */
    const char *cpu_mask; /* NULL: the best; a name of base/cpu.h: no more than that */
    bool profile;         /* executors add up the device's time in their schedule, where the device can */
} xl_device_options;

/* Sees what an operation multiplies: `rows` rows of `cols` float32 values, normed where the operation has a norm.
 * Called once for each product of each segment, from one of the threads that run it. */
typedef void (*xl_observe_fn)(void *user, const xl_op *op, const float *x, int64_t rows, int64_t cols);

/* Functions return a status and fill err as the public API does; destroy functions accept NULL. A device must
 * outlive its buffers and plans, and a plan its states and executors. Devices, buffers and plans do not change once
 * they are made and may be shared between threads; a state and an executor are used by one thread at a time. */
typedef struct xl_backend {
    const char *name; /* also the beginning of its devices' names: "cpu", "vulkan" for "vulkan:1" */

    /* Describes the index-th device; false past the last. Holds nothing open afterwards. */
    bool (*describe)(int index, xlstm_device_info *out);
    int (*device_open)(xl_device **out, const xl_device_options *options, xlstm_error *err);
    void (*device_close)(xl_device *device);
    /* As `describe` gives it. Static storage. */
    const char *(*device_name)(const xl_device *device);
    /* The kernels in force, for reports: "avx2". Static storage. */
    const char *(*device_kernels)(const xl_device *device);
    /* Bytes that weights may take now; 0: unknown. */
    uint64_t (*memory_available)(const xl_device *device);
    /* Lowers most[id], the highest value of each tunable, to what the device of this name can do. NULL: it does
     * whatever the table allows. */
    void (*limit_tunables)(const char *device, int64_t most[XLSTM_TUNABLE_COUNT]);
    /* As xlstm_probe_measure (xlstm/roofline.h), arguments checked. */
    int (*roofline)(xlstm_roofline *out, xl_device *device, int threads, unsigned limits, double seconds,
                    xlstm_error *err);
    /* True where weights may be used in mapped files as they are. */
    bool uses_host_memory;
    /* Rows of weights are filled up to a multiple of so many columns, with bytes of zero; 0: not at all. */
    int64_t row_columns;

    /* Conversion of weights on their way to a device, as in weights/formats.h; from any thread. NULL: the first
     * backend's are used. */
    void (*to_f32)(const xl_device *device, xl_format_id from, const void *src, float *dst, size_t n);
    void (*from_f32)(const xl_device *device, xl_format_id to, const float *src, void *dst, size_t n);
    /* `importance` may be NULL, and is ignored by formats that round each value by itself. */
    void (*from_f32_weighted)(const xl_device *device, xl_format_id to, const float *src, const float *importance,
                              void *dst, size_t n);

    /* Bytes of a buffer at most. NULL: any number. */
    size_t (*buffer_max)(const xl_device *device);
    /* Memory for weights, at a 64-byte boundary at least; a device of its own fills it with zeros. */
    int (*buffer_create)(xl_buffer **out, xl_device *device, size_t bytes, bool huge_pages, xlstm_error *err);
    void (*buffer_destroy)(xl_buffer *buffer);
    /* The address at which the host can write into the buffer; NULL where it must use buffer_write. */
    void *(*buffer_host)(xl_buffer *buffer);
    /* May be called from several threads at the same time with ranges that do not overlap. */
    int (*buffer_write)(xl_buffer *buffer, size_t offset, const void *data, size_t bytes, xlstm_error *err);

    /* Whether `op` can run on this device; a program runs on one device as a whole. */
    bool (*supports_op)(const xl_device *device, const xl_op *op);
    /* Keeps a copy of the list of operations; weights and vectors must stay valid. EUNSUPPORTED, with the first
     * operation that the device cannot run. A device may put the bytes of a weight into an order of its own; a
     * model makes one plan. */
    int (*plan_create)(xl_plan **out, xl_device *device, const xl_program *program, xlstm_error *err);
    void (*plan_destroy)(xl_plan *plan);
    /* XLSTM_COMPUTE_*: what the tunable `compute` stands for where it is `auto`. NULL: it has no effect here, and
     * products are made in float32. */
    int64_t (*auto_compute)(const xl_plan *plan);
    /* So many tokens or fewer at once are not computed in bf16. NULL: XL_FEW_TOKENS. */
    int64_t (*few_tokens)(const xl_plan *plan);
    /* Whether they are all the same where the tunable `compute` is bf16 itself and not `auto`. NULL: they are not.
     */
    bool (*few_in_bf16)(const xl_plan *plan);

    /* A sequence in its initial state: C = 0, n = 0, m = 0 in every block. */
    int (*state_create)(xl_state **out, const xl_plan *plan, xlstm_error *err);
    void (*state_destroy)(xl_state *state);
    void (*state_reset)(xl_state *state);
    /* Both of one plan; on the device. */
    int (*state_copy)(xl_state *dst, const xl_state *src, xlstm_error *err);
    /* One block's state from or to the host: c [NH, dqk, dv], n [NH, dqk], m [NH]; NULL pointers are left out. */
    int (*state_get)(const xl_state *state, int64_t block, float *c, float *n, float *m, xlstm_error *err);
    int (*state_set)(xl_state *state, int64_t block, const float *c, const float *n, const float *m,
                     xlstm_error *err);

    /* The settings have been checked and clipped. Workspace is allocated at the first run and kept until trim. */
    int (*executor_create)(xl_executor **out, const xl_plan *plan, const xlstm_settings *settings,
                           xlstm_error *err);
    void (*executor_destroy)(xl_executor *executor);
    /* Changes the schedule of later calls. */
    void (*configure)(xl_executor *executor, const xlstm_settings *settings);
    void (*trim)(xl_executor *executor);
    /* Has fn see every product of later runs (NULL: no more). NULL where the device cannot. */
    void (*observe)(xl_executor *executor, xl_observe_fn fn, void *user);
    /* Runs the batch in segments of tokens. ECANCELLED and ENOMEM leave the states at unspecified positions, except
     * ENOMEM before the first segment. */
    int (*run)(xl_executor *executor, const xl_batch *batch, xlstm_error *err);
    /* NULL: the host must choose. EUNSUPPORTED, and nothing is changed, where the device cannot take so many
     * sequences; else errors as of `run`. */
    int (*greedy)(xl_executor *executor, const xl_greedy *greedy, xlstm_error *err);
    /* Steps that `greedy` keeps under way at once with the settings in force. NULL where there is none. */
    size_t (*greedy_ahead)(const xl_executor *executor);
    /* The index-th entry of the schedule that the last runs really used; false past the last. */
    bool (*schedule)(const xl_executor *executor, int index, xlstm_schedule_entry *out);
} xl_backend;

/* The backend of a device's name ("cpu", "vulkan:1"; NULL: the default); NULL where there is none. */
const xl_backend *xl_backend_find(const char *device);
/* The index-th backend; NULL past the end. */
const xl_backend *xl_backend_at(int index);

#endif

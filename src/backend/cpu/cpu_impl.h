/* Shared between the files of the CPU backend. */
#ifndef XL_CPU_IMPL_H
#define XL_CPU_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "backend/backend.h"
#include "base/memory.h"
#include "base/pool.h"
#include "kernels/kernels.h"

struct xl_device {
    xl_kernels kernels;
    bool profiled;
};

struct xl_plan {
    xl_device *device;
    xl_program program; /* ops are the plan's own copy */
    size_t last_cell;   /* operations behind it are needed only for the tokens whose logits are wanted */
    size_t widest_input;
    bool coarse;        /* every matrix that tiles multiply is held no finer than bfloat16 */
    bool integers;      /* of few tokens some products can be made in 8-bit integers */
    bool bf16;          /* and some in bfloat16 */
    size_t c_bytes;     /* c [NH, dqk, dv] of a block in a state, whole cache lines */
    size_t block_bytes; /* that, n [NH, dqk] and m [NH] */
};

struct xl_state {
    const xl_plan *plan;
    char *data; /* [blocks][block_bytes] */
};

/* One block's state, by address; c in the plan's program.state_format. */
typedef struct xl_cpu_block {
    char *c;
    float *n, *m;
} xl_cpu_block;

static inline xl_cpu_block xl_cpu_block_of(const xl_state *state, int64_t block) {
    const xl_program *p = &state->plan->program;
    char *c = state->data + (size_t)block * state->plan->block_bytes;
    float *n = (float *)(void *)(c + state->plan->c_bytes);
    return (xl_cpu_block){.c = c, .n = n, .m = n + p->heads * p->qk_head};
}

/* Tokens of one feed that are in a segment. */
typedef struct slice {
    const xl_feed *feed;
    int64_t token; /* the first, of the feed */
    int64_t row;   /* where it lies in the segment */
    int64_t count;
} slice;

/* A piece of the cell's work: heads [first, end) of a slice, and of each of them the columns [column, column +
 * columns) of C, v and h. */
typedef struct cell_task {
    const slice *slice;
    int64_t first, end, column, columns;
    float *own; /* n [dqk] and m of each head, where others work on other columns; NULL: those of the state */
    int64_t at; /* `ray`: the next token of the slice; the task's holder's alone while a chunk is in flight */
} cell_task;

/* The driver of `ray`: tasks that have no chunk in flight, first come first served. */
typedef struct driver {
    pthread_mutex_t lock;
    int64_t tasks;
    uint64_t take, put; /* of the ring ready[tasks] */
    int64_t *ready;
} driver;

/* What an executor reports of its last runs. */
typedef struct done {
    xlstm_settings settings; /* in force in the last prefill */
    int64_t bands, threads, decode_threads, chunks, max_in_flight;
} done;

typedef struct xl_cpu_profile xl_cpu_profile;

struct xl_executor {
    const xl_plan *plan;
    xl_cpu_profile *profile; /* NULL: of a device that is not profiled */
    xlstm_settings settings;
    xl_observe_fn observe; /* NULL: nobody */
    void *observe_user;
    xl_compute compute; /* of the run at hand */
    bool few_in_bf16;   /* bfloat16 was asked for by name, so few tokens are computed in it too */
    done done;
    size_t tokens; /* that there is room for in what follows */
    float *slots;  /* one allocation behind slot[] and normed */
    float *slot[XL_SLOT_COUNT];
    float *normed;    /* [tokens, widest_input] */
    void *packed;     /* tokens of an operation's input, packed for tiles */
    int32_t *ids;     /* [tokens] of the segment */
    slice *slices;    /* [tokens] */
    int64_t *kept;    /* [tokens] rows whose logits are wanted */
    cell_task *tasks; /* [task_room] */
    size_t task_room;
    /* For heads that several tasks share: [tokens, heads] how many of them have computed the chunk that begins with
     * that token, and room for cell_task.own. */
    atomic_int *arrived;
    float *own;
    size_t own_room; /* floats */
    float *scratch;
    size_t scratch_floats; /* of one thread, whole cache lines */
    int scratch_threads;
    driver driver; /* ready: [task_room] */
};

/* One segment on its way through the program. */
typedef struct segment {
    xl_executor *executor;
    const xl_batch *batch;
    const xl_region *region;
    int64_t slices, rows;
    int64_t kept;           /* rows that go on behind the last cell */
    bool scattered;         /* they are not the first rows already */
    float *logits;          /* [kept, vocab] */
    int64_t tasks;          /* of the cell */
    int64_t parts, columns; /* tasks that share a head, and each one's columns of it */
    int64_t decode_band;    /* heads of a decoded token that are in a task */
    int64_t chunk_size;
    int scheduler;    /* of slices that are no decode */
    atomic_bool stop; /* cancelled: what is left is passed over */
    _Atomic int64_t chunks;
    atomic_int in_flight, most_in_flight;
} segment;

/* True where work should not begin any more; polls the caller's cancel function on its own thread (0). */
static inline bool xl_cpu_stopped(segment *s, int thread) {
    if (atomic_load_explicit(&s->stop, memory_order_relaxed)) return true;
    if (thread || !s->batch->cancel || !s->batch->cancel(s->batch->user)) return false;
    atomic_store_explicit(&s->stop, true, memory_order_relaxed);
    return true;
}

static inline float *xl_cpu_scratch(const xl_executor *executor, int thread) {
    return executor->scratch + (size_t)thread * executor->scratch_floats;
}

/* sequence.c's part of the vtable. */
int xl_cpu_state_create(xl_state **out, const xl_plan *plan, xlstm_error *err);
void xl_cpu_state_destroy(xl_state *state);
void xl_cpu_state_reset(xl_state *state);
int xl_cpu_state_copy(xl_state *dst, const xl_state *src, xlstm_error *err);
int xl_cpu_state_get(const xl_state *state, int64_t block, float *c, float *n, float *m, xlstm_error *err);
int xl_cpu_state_set(xl_state *state, int64_t block, const float *c, const float *n, const float *m,
                     xlstm_error *err);

/* executor.c's. */
int xl_cpu_executor_create(xl_executor **out, const xl_plan *plan, const xlstm_settings *settings,
                           xlstm_error *err);
void xl_cpu_executor_destroy(xl_executor *executor);
void xl_cpu_configure(xl_executor *executor, const xlstm_settings *settings);
void xl_cpu_trim(xl_executor *executor);
void xl_cpu_observe(xl_executor *executor, xl_observe_fn fn, void *user);
int xl_cpu_run(xl_executor *executor, const xl_batch *batch, xlstm_error *err);
bool xl_cpu_schedule(const xl_executor *executor, int index, xlstm_schedule_entry *out);

/* cpu_profile.c's: the times of an executor of a device that is profiled, added up from its creation on. NULL when
 * out of memory. An operation is between begin and end, its phases are run by `phase` as by xl_region_run. */
xl_cpu_profile *xl_cpu_profile_create(void);
void xl_cpu_profile_destroy(xl_cpu_profile *profile);
void xl_cpu_profile_begin(xl_cpu_profile *profile, const xl_op *op);
void xl_cpu_profile_end(xl_cpu_profile *profile);
void xl_cpu_profile_phase(xl_cpu_profile *profile, const xl_region *region, int64_t tasks, xl_task_fn fn,
                          void *ctx);
/* The index-th entry for the schedule; false past the last. */
bool xl_cpu_profile_entry(const xl_cpu_profile *profile, int index, xlstm_schedule_entry *out);

/* Runs fn for every task in 0 … tasks - 1 by the threads of the segment's region. */
static inline void xl_cpu_phase(const segment *s, int64_t tasks, xl_task_fn fn, void *ctx) {
    xl_cpu_profile *profile = s->executor->profile;
    if (profile) xl_cpu_profile_phase(profile, s->region, tasks, fn, ctx);
    else xl_region_run(s->region, tasks, fn, ctx);
}

/* roofline.c's. */
int xl_cpu_roofline(xlstm_roofline *out, xl_device *device, int threads, unsigned limits, double seconds,
                    xlstm_error *err);

/* An operation, by the threads of the segment's region; the caller's thread calls it. */
void xl_cpu_cell(segment *s, const xl_op *op);
/* On the first `rows` rows of its input. */
void xl_cpu_product(segment *s, const xl_op *op, int64_t rows);

/* Decides how the cell's work of a segment, s->slices known, is cut for so many threads: s->tasks and s->parts. */
void xl_cpu_plan_cell(segment *s, int64_t heads_per_band, int threads);
/* Cuts it so into executor->tasks [s->tasks]. */
void xl_cpu_cut_cell(const segment *s, int64_t heads_per_band);
/* Floats of executor->own for that, s->parts known. */
size_t xl_cpu_own_floats(const segment *s);

/* Floats of scratch, whole cache lines, in which a head's C is computed where states hold it rounded. */
static inline size_t xl_cpu_c_floats(const xl_plan *plan) {
    enum { LINE = XL_CACHE_LINE / sizeof(float) };
    const xl_program *p = &plan->program;
    return ((size_t)(p->qk_head * p->v_head) + LINE - 1) / LINE * LINE;
}

/* True where every matrix that tiles multiply is held no finer than bfloat16. */
bool xl_cpu_is_coarse(const xl_program *program);

/* True where some products of few tokens can be made in 8-bit integers. */
bool xl_cpu_has_integers(const xl_kernels *kernels, const xl_program *program);

/* True where some products of few tokens are as fast in bfloat16 as in float32. */
bool xl_cpu_has_fast_bf16(const xl_kernels *kernels, const xl_program *program);

/* XLSTM_COMPUTE_*: what the tunable `compute` stands for where it is `auto`. */
int64_t xl_cpu_auto_compute(const xl_plan *plan);

/* Floats of executor->packed for segments of n tokens. */
size_t xl_cpu_packed_floats(const xl_plan *plan, int64_t tokens);

/* Floats of one thread's scratch for products of segments of n tokens. */
size_t xl_cpu_product_scratch(const xl_plan *plan, int64_t tokens);

#endif

/* Shared between the files of the Vulkan backend. */
#ifndef XL_VULKAN_IMPL_H
#define XL_VULKAN_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include <vulkan/vulkan.h>

#include "backend/backend.h"
#include "backend/vulkan/spirv.h"
#include "backend/vulkan/vk_newer.h"

/* ---- device ---- */

/* Memory on the device, or on the host where the device reaches it: one buffer over one dedicated allocation of at
 * most device->block_max bytes. */
typedef struct xl_vk_block {
    struct xl_device *device;
    VkDeviceMemory memory;
    VkBuffer buffer;
    VkDeviceAddress address; /* of its first byte; 0: none */
    VkDeviceSize bytes;
    void *host; /* where the host reaches it, else NULL */
} xl_vk_block;

/* What its buffer is for. */
#define XL_VK_BLOCK_USAGE                                                                                          \
    (VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT |    \
     VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT)

typedef enum xl_vk_place {
    XL_VK_DEVICE,   /* the device's own memory */
    XL_VK_UPLOAD,   /* the host's, written by it and read by the device */
    XL_VK_CONTROL,  /* the same in the device's own memory, where the host reaches it: read often, never by the host
                     */
    XL_VK_DOWNLOAD, /* the host's, cached, written by the device */
    XL_VK_PLACE_COUNT
} xl_vk_place;

/* Bytes of a block from an offset on: where a tensor lies. Addresses are computed where a dispatch is recorded. */
typedef struct xl_vk_span {
    const xl_vk_block *block; /* NULL: there is none */
    uint64_t offset;
} xl_vk_span;

static inline uint64_t xl_vk_address(xl_vk_span span) {
    return span.block ? span.block->address + span.offset : 0;
}

enum {
    XL_VK_SPECS_MAX = 12, /* specialization constants of a pipeline */
    XL_VK_PUSH_MAX = 128, /* bytes of push constants that every device has */
    XL_VK_STAGES = 3,     /* staging blocks in turn */
    XL_VK_SPARES = 32     /* blocks that are kept for the next state, at most */
};

/* A timeline for each direction between this backend and another interface that works on the same memory (CUDA). */
typedef enum xl_vk_crossing { XL_VK_TO_OTHER, XL_VK_FROM_OTHER, XL_VK_CROSSINGS } xl_vk_crossing;

typedef struct xl_vk_pipeline {
    xl_vk_shader shader;
    bool subgroups; /* the variant whose sums go through subgroups */
    uint32_t specs[XL_VK_SPECS_MAX], spec_count;
    VkPipeline handle;
} xl_vk_pipeline;

/* Regions that wait in a staging block to be copied to the device. */
typedef struct xl_vk_stage {
    xl_vk_block block;
    VkCommandBuffer commands;
    uint64_t used;
    uint64_t done; /* timeline value at which the device has read it */
    bool open;     /* commands are being recorded */
} xl_vk_stage;

struct xl_device {
    VkInstance instance;
    VkPhysicalDevice physical;
    VkDevice handle;
    VkQueue queue;
    uint32_t family;
    VkPhysicalDeviceProperties properties;
    const char *name;   /* as xl_vk_describe gives it; static storage */
    uint64_t block_max; /* bytes */
    uint32_t memory_type[XL_VK_PLACE_COUNT];
    uint32_t heap; /* of the device's own memory */
    bool has_budget, profiled;
    bool exportable;       /* blocks in its own memory can be shared with another interface */
    bool signals;          /* the timelines of `crossings` can be */
    bool portable;         /* Vulkan on top of something else: shaders that are NATIVE do not run */
    bool matrix;           /* it has matrix units: see vk_matrix.c */
    bool matrix_f16;       /* and they hold sums in float16 too */
    bool integers;         /* it has dot products of four bytes */
    bool subgroups;        /* the subgroup variant of the shaders runs */
    uint32_t lanes;        /* of a team: the subgroup's size */
    uint32_t shared_bytes; /* of a workgroup */
    uint32_t group_max;    /* invocations of one, at most 1024 */
    VkPipelineLayout layout;
    VkPipelineCache cache;
    char *cache_path; /* NULL: it is not kept */
    size_t cache_bytes;

    pthread_mutex_t lock; /* for all below, and the queue */
    VkSemaphore timeline;
    VkSemaphore crossings[XL_VK_CROSSINGS]; /* VK_NULL_HANDLE where they could not be shared */
    uint64_t submitted;                     /* the timeline's last value that was asked for */
    VkCommandPool pool;                     /* of the stages and of copies */
    VkCommandBuffer once;
    xl_vk_stage stages[XL_VK_STAGES];
    int stage;
    xl_vk_block spares[XL_VK_SPARES]; /* of sequences that have ended: to ask the driver for memory takes long */
    int spare_count;
    xl_vk_pipeline *pipelines;
    size_t pipeline_count, pipeline_room;
    atomic_bool lost;
    atomic_bool unordered; /* dispatches were seen not to begin in their order */
};

/* vk_error.c: makes an error of a failed Vulkan call; `what` says what was tried ("submitting work"). */
int xl_vk_fail(xl_device *device, VkResult result, const char *what, xlstm_error *err);

/* vk_matrix.c: whether the device has the matrix units, and what must be enabled for them. */
typedef struct xl_vk_matrix_features {
    VkPhysicalDeviceShaderBfloat16FeaturesKHR halves;
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix;
    VkPhysicalDeviceVulkan11Features f11;
} xl_vk_matrix_features;
bool xl_vk_matrix_find(xl_device *device);
/* Puts `out`, which must live as long as `features` is used, into the chain that f12 is in. */
void xl_vk_matrix_enable(xl_vk_matrix_features *out, VkPhysicalDeviceVulkan12Features *f12,
                         VkPhysicalDeviceFeatures2 *features);

/* vk_instance.c: the instance of this process, which nobody destroys; with an error VK_NULL_HANDLE. Thread-safe. */
VkResult xl_vk_instance(VkInstance *out);
/* Whether a list has an extension of that name. */
bool xl_vk_has_name(const VkExtensionProperties *list, uint32_t count, const char *name);

/* vk_device.c */
bool xl_vk_describe(int index, xlstm_device_info *out);
void xl_vk_limit_tunables(const char *name, int64_t most[XLSTM_TUNABLE_COUNT]);
int xl_vk_device_open(xl_device **out, const xl_device_options *options, xlstm_error *err);
void xl_vk_device_close(xl_device *device);

/* vk_memory.c: blocks; xl_vk_block_free accepts a zeroed one. Where the device's own memory does not suffice,
 * blocks that are kept for reuse are given back first. */
int xl_vk_block_alloc(xl_vk_block *out, xl_device *device, xl_vk_place place, uint64_t bytes, const char *what,
                      xlstm_error *err);
void xl_vk_block_free(xl_vk_block *block);
/* Blocks of the device's own memory that come and go: one of that size that was given back, whose content is
 * anything, or a new one; and back again, where some are kept, up to a sixteenth of the device's memory.
 * Thread-safe. */
int xl_vk_block_reuse(xl_vk_block *out, xl_device *device, uint64_t bytes, const char *what, xlstm_error *err);
void xl_vk_block_give_back(xl_vk_block *block);
/* Frees those that are kept; returns whether there were any. */
bool xl_vk_spares_free(xl_device *device);
uint64_t xl_vk_memory_available(const xl_device *device);
/* Copies to the device through the staging blocks. It is done for every submission that follows, or after
 * xl_vk_upload_end, which sends off what waits. */
int xl_vk_upload(xl_vk_span to, const void *data, uint64_t bytes, xlstm_error *err);
int xl_vk_upload_end(xl_device *device, xlstm_error *err);
/* Copies from the device; waits for all that was submitted before. */
int xl_vk_download(xl_vk_span from, void *data, uint64_t bytes, xlstm_error *err);
int xl_vk_copy(xl_vk_span to, xl_vk_span from, uint64_t bytes, xlstm_error *err);
int xl_vk_clear(xl_vk_span to, uint64_t bytes, xlstm_error *err);

/* vk_export.c: what may be shared, for whoever imports it on the device of the same UUID. A descriptor is the
 * caller's, who closes it or hands it to an import, which takes it. XLSTM_EUNSUPPORTED where the device cannot. */
bool xl_vk_exports_blocks(VkPhysicalDevice physical);
bool xl_vk_exports_timelines(VkPhysicalDevice physical);
/* Makes device->crossings, where they can be shared. */
VkResult xl_vk_crossings_make(xl_device *device);
/* Of a block in XL_VK_DEVICE; its whole allocation, which is dedicated to the one buffer over it. The import ends
 * before the block is freed. */
int xl_vk_block_export(const xl_vk_block *block, int *fd, xlstm_error *err);
/* Its values only rise; xl_vk_submit waits for them and raises them. The host does not wait for one that the other
 * interface raises: it asks for the counter, or waits for its own timeline behind it. */
int xl_vk_crossing_export(xl_device *device, xl_vk_crossing which, int *fd, xlstm_error *err);

/* vk_queue.c */
typedef struct xl_vk_point {
    VkSemaphore timeline;
    uint64_t value;
} xl_vk_point;
/* Submits command buffers, one after another (one may come several times where it was begun so); *value is what the
 * device's timeline reaches when they are done. `wait` (may be NULL) is waited for first, `signal` (may be NULL) is
 * raised afterwards too. */
int xl_vk_submit(xl_device *device, const VkCommandBuffer *commands, uint32_t count, const xl_vk_point *wait,
                 const xl_vk_point *signal, uint64_t *value, xlstm_error *err);
/* The same with device->lock held. */
int xl_vk_submit_locked(xl_device *device, const VkCommandBuffer *commands, uint32_t count, const xl_vk_point *wait,
                        const xl_vk_point *signal, uint64_t *value, xlstm_error *err);
/* Waits until the timeline reaches the value. poll (may be NULL) is called now and then meanwhile. */
int xl_vk_wait(xl_device *device, uint64_t value, void (*poll)(void *ctx), void *ctx, xlstm_error *err);
/* The same by asking all the time. */
int xl_vk_spin(xl_device *device, uint64_t value, void (*poll)(void *ctx), void *ctx, xlstm_error *err);
/* Waits for all that was submitted; where that fails, the device is gone. */
void xl_vk_settle(xl_device *device);
/* usage: flags of VkCommandBufferBeginInfo */
int xl_vk_begin(xl_device *device, VkCommandBuffer commands, VkCommandBufferUsageFlags usage, xlstm_error *err);
/* A barrier over all memory between everything before and after, transfers included. */
void xl_vk_full_barrier(VkCommandBuffer commands);

/* vk_pipeline.c: made at the first call. specs[i] is specialization constant i + 2; 0 and 1 are `group`
 * (invocations of a workgroup) and the lanes of a team. `subgroups`: sums go through them, if the device can. */
int xl_vk_pipeline_get(VkPipeline *out, xl_device *device, xl_vk_shader shader, bool subgroups, uint32_t group,
                       const uint32_t *specs, uint32_t count, xlstm_error *err);
/* Invocations of a team. */
uint32_t xl_vk_lanes(const xl_device *device, bool subgroups);
void xl_vk_cache_load(xl_device *device);
void xl_vk_cache_save(xl_device *device);
void xl_vk_pipelines_free(xl_device *device);

/* ---- plan ---- */

/* One dense product: matrices of one format whose rows follow one another, for the same input. */
typedef struct xl_vk_product {
    xl_format_id format;
    xl_vk_span values, heads; /* see shaders/weights.glsl */
    uint32_t rows, cols;
    uint32_t quads, blocks; /* 16-byte pieces of values, and blocks, of a row; blocks 0: none */
    xl_vk_span bias;        /* [rows] float32 */
    xl_slot to;             /* of the first row; the slots of the others follow it */
    bool add;
    float cap;
} xl_vk_product;

typedef struct xl_vk_op {
    xl_op_kind kind;
    xl_slot from;
    xl_vk_span norm, norm_bias;
    float norm_eps;
    int64_t block;
    uint32_t count;
    xl_vk_product products[XL_OP_OUTS]; /* GATED: one of both matrices, or two */
} xl_vk_op;

struct xl_plan {
    xl_device *device;
    xl_program program; /* sizes; its ops are not kept */
    xl_vk_op *ops;
    size_t count, last_cell;
    bool matrix;             /* every wide product has the sizes that matrix units want */
    bool coarse;             /* and no weight of one is held finer than bfloat16 */
    uint64_t expanded_bytes; /* of the largest matrix as bfloat16 */
    bool expands_few;        /* whether even few tokens would want a matrix expanded: one in float32 */
    xl_vk_block vectors;     /* norms and biases */
    uint64_t block_bytes;    /* state of one block, see shaders/cell.glsl */
};

/* Bytes of a block that are no values; 0 where there are no blocks. */
uint32_t xl_vk_head_bytes(xl_format_id format);
int xl_vk_plan_create(xl_plan **out, xl_device *device, const xl_program *program, xlstm_error *err);
void xl_vk_plan_destroy(xl_plan *plan);
int64_t xl_vk_auto_compute(const xl_plan *plan);
int64_t xl_vk_few_tokens(const xl_plan *plan);
/* What C is held in on the device: STATE of shaders/cell.glsl. */
typedef enum xl_vk_state_format { XL_VK_STATE_F32, XL_VK_STATE_BF16, XL_VK_STATE_F16 } xl_vk_state_format;
xl_vk_state_format xl_vk_state_kind(const xl_plan *plan);
/* Bytes of C in one block of a state. */
uint64_t xl_vk_c_bytes(const xl_plan *plan);
/* Whether the cell's step takes four columns at a time and norms its heads itself. */
bool xl_vk_steps_wide(const xl_plan *plan);
/* Whether a product is made in float32 also where the others of its operation go to the matrix units: the gates.
 * The norm leaves float32 for it beside bfloat16. */
bool xl_vk_is_exact(const xl_vk_op *op, const xl_vk_product *product);
/* Whether products of few tokens can be made by integers: the device has dot products, and weights are in blocks.
 */
bool xl_vk_has_integers(const xl_plan *plan);
bool xl_vk_supports_op(const xl_device *device, const xl_op *op);

/* ---- state: vk_state.c ---- */

struct xl_state {
    const xl_plan *plan;
    xl_vk_block block;
    uint32_t phase; /* which copy of n and m holds the state */
};

int xl_vk_state_create(xl_state **out, const xl_plan *plan, xlstm_error *err);
void xl_vk_state_destroy(xl_state *state);
void xl_vk_state_reset(xl_state *state);
int xl_vk_state_copy(xl_state *dst, const xl_state *src, xlstm_error *err);
int xl_vk_state_get(const xl_state *state, int64_t block, float *c, float *n, float *m, xlstm_error *err);
int xl_vk_state_set(xl_state *state, int64_t block, const float *c, const float *n, const float *m,
                    xlstm_error *err);

/* ---- running: vk_run.c cuts batches into segments, vk_record.c records a segment ---- */

/* As in shaders/common.glsl. */
typedef struct xl_vk_slice {
    uint64_t state;
    uint32_t row, count, chunk, chunks, phase, spare;
} xl_vk_slice;
typedef struct xl_vk_chunk {
    uint32_t row, count, slice, spare;
} xl_vk_chunk;

/* The backend's own tunables, as numbers: 0 stands for auto, and for all blocks. */
typedef struct xl_vk_knobs {
    uint32_t rows, unroll, group, split;
    uint32_t tile;      /* XLSTM_TILE_* */
    uint32_t subgroups; /* sums go through subgroups */
    uint32_t blocks;    /* of the model in a submission */
    uint32_t overlap;   /* dispatches wait for one another themselves */
} xl_vk_knobs;

/* What of a segment decides its commands. */
typedef struct xl_vk_shape {
    xl_vk_knobs knobs;
    uint32_t rows, slices, chunks;
    uint32_t
        stepped; /* so many of the slices, from the first on, the cell takes token by token, the others in chunks */
    uint32_t steps;      /* the longest of these; 0: none */
    uint32_t longest;    /* chunk of the others; 0: none */
    uint32_t kept;       /* rows that go on behind the last cell */
    uint32_t kept_first; /* the first of them, where they are in a row */
    uint32_t scattered;  /* they are not */
    uint32_t band;       /* heads of a dispatch of the cell */
    uint32_t matrix;     /* products are made by the matrix units */
    uint32_t integers;   /* those of few tokens by integer dot products */
    uint32_t cell_rows;  /* rows of XL_VK_WORK_CELL; 0: the cell is computed in float32 */
    uint32_t greedy;     /* sequences whose next tokens the device chooses; 0: logits go to the host */
} xl_vk_shape;

/* Tensors of the workspace: rows of `stride` floats. */
typedef struct xl_vk_rows {
    xl_vk_span span;
    uint32_t stride;
} xl_vk_rows;

typedef enum xl_vk_work {
    XL_VK_WORK_X,
    XL_VK_WORK_QKVO,
    XL_VK_WORK_IF,
    XL_VK_WORK_H,
    XL_VK_WORK_U,
    XL_VK_WORK_UP,
    XL_VK_WORK_NORMED,
    XL_VK_WORK_ROUNDED,   /* what shaders/round.comp makes of a row: the input of products, */
    XL_VK_WORK_ROUNDED_U, /* and what a gated product leaves */
    XL_VK_WORK_HALVES,    /* what products by the matrix units read, as bfloat16 */
    XL_VK_WORK_PARTS,     /* sums over parts of the columns */
    XL_VK_WORK_EXPANDED,  /* a matrix as bfloat16: one row */
    XL_VK_WORK_GATES,     /* [rows, heads] of struct Gates */
    XL_VK_WORK_WEIGHTS,   /* [rows, heads, longest] */
    XL_VK_WORK_DECAY,     /* [chunks, heads] */
    XL_VK_WORK_C_BEFORE,  /* [chunks, heads, dqk, dv] */
    XL_VK_WORK_N_BEFORE,  /* [chunks, heads, dqk] */
    XL_VK_WORK_COUNTERS,  /* the order of dispatches (shaders/order.glsl), then [slices, heads] of words, zero
                             between  dispatches: see shaders/step.glsl */
    XL_VK_WORK_CELL,      /* what the cell by matrix units reads, as bfloat16 */
    XL_VK_WORK_KEPT_X,
    XL_VK_WORK_KEPT_H,
    XL_VK_WORK_LOGITS,
    XL_VK_WORK_COUNT
} xl_vk_work;

/* Profiles: times by timestamps, of each kind of dispatch. */
enum { XL_VK_STAMPS_MAX = 4096, XL_VK_TIMES_MAX = 64 };
typedef struct xl_vk_stamp {
    xl_vk_shader shader;
    int op;
} xl_vk_stamp;
typedef struct xl_vk_time {
    char name[48];
    uint64_t count, ns;
} xl_vk_time;

/* The commands of a segment. Batches whose prompts come and go need few shapes again and again. */
enum { XL_VK_RECORDINGS = 15 };
typedef struct xl_vk_recording {
    VkCommandBuffer *commands; /* [room], of which `count` are used, one for each submission */
    uint32_t room, count;
    bool ordered;      /* dispatches wait for one another themselves */
    xl_vk_shape shape; /* rows 0: nothing is recorded */
    uint64_t used;     /* the turn in which it was put away */
} xl_vk_recording;

struct xl_executor {
    const xl_plan *plan;
    xlstm_settings settings;
    VkCommandPool pool;
    xl_vk_recording now; /* of the segment that was recorded or found last */
    xl_vk_recording earlier[XL_VK_RECORDINGS];
    uint64_t turn; /* counts recordings that were put away */

    xl_vk_shape room; /* that the workspace is large enough for */
    xl_vk_block blocks[XL_VK_WORK_COUNT];
    size_t block_count;
    xl_vk_rows work[XL_VK_WORK_COUNT];
    xl_vk_block control; /* ids, kept rows, steps, slices, chunks, written by the host */
    uint32_t *ids, *kept;
    uint32_t *turns; /* steps that the device has chosen a token in, for each sequence */
    xl_vk_slice *slices;
    xl_vk_chunk *chunks;
    xl_vk_block logits;  /* for the host */
    xl_vk_block chosen;  /* the tokens that the device chose: [XL_VK_RING, sequences] */
    VkQueryPool queries; /* of a device that is profiled */
    uint32_t stamps;
    xl_vk_stamp *stamped; /* [XL_VK_STAMPS_MAX] */
    xl_vk_time times[XL_VK_TIMES_MAX];
    int time_count;
    struct {
        xlstm_settings settings;
        int64_t bands, chunks, submissions;
        int64_t decode_compute; /* XLSTM_COMPUTE_* */
        int64_t ahead;          /* steps of decode that were under way at once, */
        int64_t overlap;        /* and whether its dispatches waited for one another themselves */
    } done;
};

int xl_vk_executor_create(xl_executor **out, const xl_plan *plan, const xlstm_settings *settings, xlstm_error *err);
void xl_vk_executor_destroy(xl_executor *executor);
void xl_vk_configure(xl_executor *executor, const xlstm_settings *settings);
void xl_vk_trim(xl_executor *executor);
int xl_vk_run(xl_executor *executor, const xl_batch *batch, xlstm_error *err);
bool xl_vk_schedule(const xl_executor *executor, int index, xlstm_schedule_entry *out);

enum {
    XL_VK_NARROW_ROWS = 64,   /* products of so few rows, as the gates are, keep few workgroups busy */
    XL_VK_TILE_TOKENS = 128,  /* of a tile of the matrix units: tensors have whole tiles of rows behind any row */
    XL_VK_MEDIUM_TOKENS = 64, /* of smaller ones for fewer tokens */
    XL_VK_SMALL_TOKENS = 32,
    XL_VK_SPLIT = 4, /* parts at most that the columns are summed in, where there are few rows, */
    XL_VK_PARTS_ROWS = XL_VK_SPLIT * XL_VK_TILE_TOKENS, /* and the rows of XL_VK_WORK_PARTS */
    XL_VK_TINY_TOKENS = 16,
    XL_VK_CELL_SIDE = 64,     /* of a tile of the cell by matrix units */
    XL_VK_CELL_COLUMNS = 256, /* of v in a tile of its output, */
    XL_VK_CELL_DQK_MAX = 256  /* where there is room for so many of q */
};

/* vk_greedy.c */
enum {
    XL_VK_UNORDERED = -2,    /* chosen where dispatches did not keep their order */
    XL_VK_RING = 128,        /* steps under way at most: the largest gpu_chain times the largest gpu_streams */
    XL_VK_GREEDY_MAX = 65535 /* sequences */
};
int xl_vk_greedy(xl_executor *executor, const xl_greedy *greedy, xlstm_error *err);
size_t xl_vk_greedy_ahead(const xl_executor *executor);

/* vk_workspace.c: room for segments of these sizes; each may grow. */
int xl_vk_reserve(xl_executor *executor, const xl_vk_shape *room, xlstm_error *err);
/* Where a slot lies in the workspace, from its first column on. */
xl_vk_rows xl_vk_slot_rows(const xl_executor *executor, xl_slot slot);

/* Records the segment's commands into executor->commands unless they are there. */
int xl_vk_record(xl_executor *executor, const xl_vk_shape *shape, xlstm_error *err);

/* vk_profile.c: timestamps of an executor of a device that is profiled; adding up those of a segment that is done.
 */
int xl_vk_profile_begin(xl_executor *executor, xlstm_error *err);
void xl_vk_profile_end(xl_executor *executor);
void xl_vk_profile_add(xl_executor *executor);

/* vk_roofline.c */
int xl_vk_roofline(xlstm_roofline *out, xl_device *device, int threads, unsigned limits, double seconds,
                   xlstm_error *err);

#endif

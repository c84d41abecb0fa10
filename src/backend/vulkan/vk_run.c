/* Executors: batches of tokens in segments, each one submission. */
#include <stdlib.h>
#include <string.h>

#include "backend/vulkan/vulkan_impl.h"
#include "base/error.h"

enum {
    CHUNK_MAX = 1024,         /* so many tokens of a chunk are enough for any device */
    CELL_BYTES = 1 << 30,     /* of states between chunks */
    LOGITS_BYTES = 512 << 20, /* of a segment */
    DISPATCH_MAX = 65535
};

void xl_vk_configure(xl_executor *e, const xlstm_settings *settings) {
    e->settings = *settings;
}

int xl_vk_executor_create(xl_executor **out, const xl_plan *plan, const xlstm_settings *settings,
                          xlstm_error *err) {
    xl_executor *e = calloc(1, sizeof *e);
    if (!e) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    e->plan = plan;
    xl_vk_configure(e, settings);
    const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                          .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                          .queueFamilyIndex = plan->device->family};
    VkResult result = vkCreateCommandPool(plan->device->handle, &pool, NULL, &e->pool);
    const VkCommandBufferAllocateInfo buffers = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                                 .commandPool = e->pool,
                                                 .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                                 .commandBufferCount = 1};
    if (!result) result = vkAllocateCommandBuffers(plan->device->handle, &buffers, &e->commands);
    if (result) {
        xl_vk_executor_destroy(e);
        return xl_vk_fail(plan->device, result, "preparing to run", err);
    }
    int status = plan->device->profiled ? xl_vk_profile_begin(e, err) : XLSTM_OK;
    if (status) {
        xl_vk_executor_destroy(e);
        return status;
    }
    *out = e;
    return XLSTM_OK;
}

void xl_vk_executor_destroy(xl_executor *e) {
    if (!e) return;
    xl_vk_trim(e);
    xl_vk_profile_end(e);
    vkDestroyCommandPool(e->plan->device->handle, e->pool, NULL);
    free(e);
}

static int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Where a batch stands between segments. */
typedef struct cursor {
    size_t feed;
    int64_t token;
    float *logits;
} cursor;

/* How much a segment may hold. */
typedef struct limits {
    int64_t rows, chunk, chunks, kept, band;
    bool steps, matrix;
} limits;

/* One segment, and the states that it moves on. Without an executor it is only measured. */
typedef struct segment {
    xl_vk_shape shape;
    bool all_single;
} segment;

static void add_slice(segment *s, xl_executor *e, const xl_feed *feed, int64_t token, int64_t count,
                      const limits *limit) {
    xl_vk_shape *shape = &s->shape;
    uint32_t chunks = (uint32_t)((count + limit->chunk - 1) / limit->chunk);
    if (e) {
        e->slices[shape->slices] = (xl_vk_slice){.state = feed->state->block.address,
                                                 .row = shape->rows,
                                                 .count = (uint32_t)count,
                                                 .chunk = shape->chunks,
                                                 .chunks = chunks,
                                                 .phase = feed->state->phase};
        memcpy(e->ids + shape->rows, feed->ids + token, (size_t)count * sizeof *feed->ids);
        for (uint32_t c = 0; c < chunks; c++) {
            int64_t first = c * limit->chunk;
            e->chunks[shape->chunks + c] = (xl_vk_chunk){.row = shape->rows + (uint32_t)first,
                                                         .count = (uint32_t)min64(limit->chunk, count - first),
                                                         .slice = shape->slices};
        }
    }
    int64_t unwanted = (int64_t)(feed->count - feed->logit_rows), first = token > unwanted ? token : unwanted;
    for (int64_t t = first; t < token + count; t++) {
        uint32_t row = shape->rows + (uint32_t)(t - token);
        if (!shape->kept) shape->kept_first = row;
        if (row != shape->kept_first + shape->kept) shape->scattered = 1;
        if (e) e->kept[shape->kept] = row;
        shape->kept++;
    }
    if (count > 1) s->all_single = false;
    shape->steps = shape->steps > count ? shape->steps : (uint32_t)count;
    shape->longest =
        shape->longest > min64(count, limit->chunk) ? shape->longest : (uint32_t)min64(count, limit->chunk);
    shape->slices++;
    shape->rows += (uint32_t)count;
    shape->chunks += chunks;
}

/* Tokens of a feed from `token` on whose logits fit into what is left of the segment. */
static int64_t fitting(const segment *s, const xl_feed *feed, int64_t token, const limits *limit) {
    int64_t left = (int64_t)feed->count - token, count = min64(left, limit->rows - s->shape.rows);
    count = min64(count, (limit->chunks - s->shape.chunks) * limit->chunk);
    int64_t unwanted = (int64_t)(feed->count - feed->logit_rows),
            free_rows = unwanted > token ? unwanted - token : 0;
    return min64(count, free_rows + limit->kept - s->shape.kept);
}

/* The matrix units take whole tiles for each chunk, which is worth while where chunks fill them. */
static uint32_t cell_rows(const xl_vk_shape *shape, const xl_program *p) {
    enum { SHORTEST = 16, WASTE = 2 };
    if (!shape->matrix || shape->longest < SHORTEST || p->qk_head % XL_VK_CELL_SIDE ||
        p->qk_head > XL_VK_CELL_DQK_MAX || p->v_head % XL_VK_CELL_COLUMNS)
        return 0;
    uint32_t tiles = (shape->longest + XL_VK_CELL_SIDE - 1) / XL_VK_CELL_SIDE;
    uint64_t rows = (uint64_t)shape->chunks * tiles * XL_VK_CELL_SIDE;
    return rows <= WASTE * (uint64_t)shape->rows + XL_VK_CELL_SIDE ? (uint32_t)rows : 0;
}

static segment next_segment(xl_executor *e, const xl_batch *batch, cursor *at, const limits *limit,
                            const xl_program *p) {
    segment s = {.all_single = true};
    s.shape.band = (uint32_t)limit->band;
    s.shape.matrix = limit->matrix;
    while (at->feed < batch->count) {
        const xl_feed *feed = &batch->feeds[at->feed];
        int64_t count = fitting(&s, feed, at->token, limit);
        if (count < 1) break;
        add_slice(&s, e, feed, at->token, count, limit);
        at->token += count;
        if (at->token < (int64_t)feed->count) break;
        at->feed++;
        at->token = 0;
    }
    if (limit->steps || s.all_single) s.shape.longest = s.shape.chunks = 0;
    else s.shape.steps = 0;
    s.shape.cell_rows = cell_rows(&s.shape, p);
    return s;
}

static uint32_t most(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

/* Room for the largest of the batch's segments. */
static int reserve(xl_executor *e, const xl_batch *batch, const limits *limit, xlstm_error *err) {
    cursor at = {0};
    xl_vk_shape room = {0};
    while (at.feed < batch->count) {
        const segment s = next_segment(NULL, batch, &at, limit, &e->plan->program);
        room.rows = most(room.rows, s.shape.rows);
        room.slices = most(room.slices, s.shape.slices);
        /* The list of chunks is written for steps too. */
        room.chunks = most(room.chunks, s.shape.chunks ? s.shape.chunks : s.shape.rows);
        room.longest = most(room.longest, s.shape.longest);
        room.kept = most(room.kept, s.shape.kept);
        room.scattered = most(room.scattered, s.shape.scattered);
        room.cell_rows = most(room.cell_rows, s.shape.cell_rows);
        room.matrix = most(room.matrix, s.shape.matrix && s.shape.rows > XL_FEW_TOKENS);
    }
    return xl_vk_reserve(e, &room, err);
}

typedef struct watch {
    const xl_batch *batch;
    bool stop;
} watch;

static void poll_cancel(void *ctx) {
    watch *w = ctx;
    if (!w->stop && w->batch->cancel) w->stop = w->batch->cancel(w->batch->user) != 0;
}

static int run_segment(xl_executor *e, const segment *s, watch *w, float *logits, xlstm_error *err) {
    uint64_t value = 0;
    xl_device *device = e->plan->device;
    int status = xl_vk_record(e, &s->shape, err);
    if (!status) status = xl_vk_upload_end(device, err);
    if (!status) status = xl_vk_submit(device, e->commands, NULL, NULL, &value, err);
    if (!status) status = xl_vk_wait(device, value, w->batch->cancel ? poll_cancel : NULL, w, err);
    if (status) return status;
    xl_vk_profile_add(e);
    if (s->shape.kept)
        memcpy(logits, e->logits.host, (size_t)s->shape.kept * (size_t)e->plan->program.vocab * sizeof *logits);
    return XLSTM_OK;
}

/* The states of the segment's slices, which lie between two places of the batch, have moved on. */
static void turn_phases(const xl_batch *batch, cursor from, cursor to, bool steps) {
    for (; from.feed < to.feed || (from.feed == to.feed && from.token < to.token); from.feed++, from.token = 0) {
        const xl_feed *feed = &batch->feeds[from.feed];
        int64_t end = from.feed == to.feed ? to.token : (int64_t)feed->count;
        feed->state->phase ^= steps ? (uint32_t)(end - from.token) & 1 : 1;
    }
}

static limits find_limits(const xl_executor *e, const xlstm_settings *v) {
    const xl_program *p = &e->plan->program;
    const int64_t before = p->heads * p->qk_head * p->v_head * (int64_t)sizeof(float);
    limits limit = {.rows = min64(xlstm_settings_get(v, XLSTM_TUNE_SEGMENT), DISPATCH_MAX),
                    .chunk = min64(xlstm_settings_get(v, XLSTM_TUNE_CHUNK_SIZE), CHUNK_MAX),
                    .chunks = CELL_BYTES / before,
                    .kept = LOGITS_BYTES / (p->vocab * (int64_t)sizeof(float)),
                    .band = xlstm_settings_get(v, XLSTM_TUNE_HEADS_PER_BAND),
                    .steps = xlstm_settings_get(v, XLSTM_TUNE_SCHEDULER) == XLSTM_SCHED_RECURRENT,
                    .matrix = e->plan->matrix && xlstm_settings_get(v, XLSTM_TUNE_COMPUTE) == XLSTM_COMPUTE_BF16};
    limit.chunk = min64(limit.chunk, limit.rows);
    if (limit.kept < 1) limit.kept = 1;
    if (limit.chunks < 1 || limit.steps) limit.chunks = limit.steps ? DISPATCH_MAX : 1;
    return limit;
}

int xl_vk_run(xl_executor *e, const xl_batch *batch, xlstm_error *err) {
    const xl_program *p = &e->plan->program;
    if (atomic_load(&e->plan->device->lost))
        return xl_fail(err, XLSTM_EDEVICE, "%s: the device was lost", e->plan->device->properties.deviceName);
    int64_t total = 0;
    bool decode = true;
    for (size_t i = 0; i < batch->count; i++) {
        total += (int64_t)batch->feeds[i].count;
        decode &= batch->feeds[i].decode;
    }
    const xlstm_work work = {
        .heads = p->heads, .prompt_tokens = total, .auto_compute = xl_vk_auto_compute(e->plan)};
    xlstm_settings v;
    xlstm_settings_effective(&e->settings, &work, &v);
    const limits limit = find_limits(e, &v);
    int status = reserve(e, batch, &limit, err);
    if (status) return status;

    watch w = {.batch = batch};
    cursor at = {.logits = batch->logits};
    uint64_t chunks = 0, submissions = 0;
    int64_t longest = 0, segment_rows = 0;
    while (at.feed < batch->count) {
        cursor from = at;
        poll_cancel(&w);
        if (w.stop) return xl_fail(err, XLSTM_ECANCELLED, "cancelled");
        const segment s = next_segment(e, batch, &at, &limit, p);
        status = run_segment(e, &s, &w, at.logits, err);
        if (status) return status;
        turn_phases(batch, from, at, s.shape.steps != 0);
        if (s.shape.kept) at.logits += (size_t)s.shape.kept * (size_t)p->vocab;
        chunks += s.shape.chunks;
        submissions++;
        longest = s.shape.longest > longest ? s.shape.longest : longest;
        segment_rows = s.shape.rows > segment_rows ? s.shape.rows : segment_rows;
    }
    if (w.stop) return xl_fail(err, XLSTM_ECANCELLED, "cancelled");
    if (decode) return XLSTM_OK;
    xlstm_settings_set(&v, XLSTM_TUNE_CHUNK_SIZE, longest ? longest : segment_rows);
    xlstm_settings_set(&v, XLSTM_TUNE_SEGMENT, segment_rows);
    xlstm_settings_set(&v, XLSTM_TUNE_COMPUTE, limit.matrix ? XLSTM_COMPUTE_BF16 : XLSTM_COMPUTE_F32);
    e->done.settings = v;
    e->done.bands = (p->heads + limit.band - 1) / limit.band;
    e->done.chunks = (int64_t)chunks * p->blocks * e->done.bands;
    e->done.submissions = (int64_t)submissions;
    return XLSTM_OK;
}

static xlstm_schedule_entry setting(const xl_executor *e, xlstm_tunable_id id) {
    const xlstm_tunable *row = xlstm_tunable_get(id);
    int64_t value = xlstm_settings_get(&e->done.settings, id);
    return (xlstm_schedule_entry){row->name, row->choices ? row->choices[value] : NULL, value};
}

bool xl_vk_schedule(const xl_executor *e, int index, xlstm_schedule_entry *out) {
    const xlstm_schedule_entry entries[] = {
        setting(e, XLSTM_TUNE_SCHEDULER),        setting(e, XLSTM_TUNE_CHUNK_SIZE),
        setting(e, XLSTM_TUNE_HEADS_PER_BAND),   {"bands", NULL, e->done.bands},
        setting(e, XLSTM_TUNE_SEGMENT),          setting(e, XLSTM_TUNE_COMPUTE),
        {"chunks", NULL, e->done.chunks},        {"submissions", NULL, e->done.submissions},
        {"lanes", NULL, e->plan->device->lanes},
    };
    const int count = (int)(sizeof entries / sizeof *entries);
    if (index < 0 || index >= count + e->time_count) return false;
    *out = index < count
               ? entries[index]
               : (xlstm_schedule_entry){e->times[index - count].name, NULL, (int64_t)e->times[index - count].ns};
    return true;
}

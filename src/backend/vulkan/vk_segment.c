/* Cutting a batch into segments, and what limits them. */
#include "backend/vulkan/vk_segment.h"

#include <string.h>

enum {
    CHUNK_MAX = 1024,         /* so many tokens of a chunk are enough for any device */
    CELL_BYTES = 1 << 30,     /* of states between chunks */
    LOGITS_BYTES = 512 << 20, /* of a segment */
    DISPATCH_MAX = 65535
};

static int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static uint32_t most(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

static void add_slice(xl_vk_shape *shape, xl_executor *e, const xl_feed *feed, int64_t token, int64_t count,
                      const xl_vk_limits *limit) {
    /* Sequences that decode, which are the first of a batch, take one step each beside the chunks of the others. */
    const bool step = limit->steps || (count == 1 && shape->stepped == shape->slices);
    const uint32_t chunks = step ? 0 : (uint32_t)((count + limit->chunk - 1) / limit->chunk);
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
                                                         .slice = shape->slices - shape->stepped};
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
    shape->slices++;
    shape->rows += (uint32_t)count;
    shape->chunks += chunks;
    if (step) {
        shape->stepped++;
        shape->steps = most(shape->steps, (uint32_t)count);
    } else {
        shape->longest = most(shape->longest, (uint32_t)min64(count, limit->chunk));
    }
}

/* Tokens of a feed from `token` on whose logits fit into what is left of the segment. */
static int64_t fitting(const xl_vk_shape *shape, const xl_feed *feed, int64_t token, const xl_vk_limits *limit) {
    int64_t left = (int64_t)feed->count - token, count = min64(left, limit->rows - shape->rows);
    count = min64(count, (limit->chunks - shape->chunks) * limit->chunk);
    int64_t unwanted = (int64_t)(feed->count - feed->logit_rows),
            free_rows = unwanted > token ? unwanted - token : 0;
    return min64(count, free_rows + limit->kept - shape->kept);
}

/* The matrix units take whole tiles for each chunk, which is worth while where chunks fill them. */
static uint32_t cell_rows(const xl_vk_shape *shape, const xl_vk_limits *limit, const xl_program *p) {
    enum { SHORTEST = 16, WASTE = 2 };
    if (!limit->matrix_cell || shape->longest < SHORTEST || p->qk_head % XL_VK_CELL_SIDE ||
        p->qk_head > XL_VK_CELL_DQK_MAX || p->v_head % XL_VK_CELL_COLUMNS)
        return 0;
    uint32_t tiles = (shape->longest + XL_VK_CELL_SIDE - 1) / XL_VK_CELL_SIDE;
    uint64_t rows = (uint64_t)shape->chunks * tiles * XL_VK_CELL_SIDE, tokens = shape->rows - shape->stepped;
    return rows <= WASTE * tokens + XL_VK_CELL_SIDE ? (uint32_t)rows : 0;
}

xl_vk_shape xl_vk_next_segment(xl_executor *e, const xl_batch *batch, xl_vk_cursor *at, const xl_vk_limits *limit,
                               const xl_program *p) {
    xl_vk_shape shape = {
        .knobs = limit->knobs, .band = (uint32_t)limit->band, .matrix = limit->matrix, .integers = limit->integers};
    while (at->feed < batch->count) {
        const xl_feed *feed = &batch->feeds[at->feed];
        int64_t count = fitting(&shape, feed, at->token, limit);
        if (count < 1) break;
        add_slice(&shape, e, feed, at->token, count, limit);
        at->token += count;
        if (at->token < (int64_t)feed->count) break;
        at->feed++;
        at->token = 0;
    }
    shape.cell_rows = cell_rows(&shape, limit, p);
    shape.greedy = limit->greedy ? shape.kept : 0;
    return shape;
}

/* Room for the largest of the batch's segments. */
int xl_vk_reserve_for(xl_executor *e, const xl_batch *batch, const xl_vk_limits *limit, xlstm_error *err) {
    xl_vk_cursor at = {0};
    xl_vk_shape room = {0};
    while (at.feed < batch->count) {
        const xl_vk_shape s = xl_vk_next_segment(NULL, batch, &at, limit, &e->plan->program);
        room.rows = most(room.rows, s.rows);
        room.slices = most(room.slices, s.slices);
        room.chunks = most(room.chunks, s.chunks);
        room.longest = most(room.longest, s.longest);
        room.kept = most(room.kept, s.kept);
        room.scattered = most(room.scattered, s.scattered);
        room.cell_rows = most(room.cell_rows, s.cell_rows);
        room.greedy = most(room.greedy, s.greedy);
        room.matrix = most(room.matrix, s.matrix && s.rows > xl_vk_few_tokens(e->plan));
        room.integers = most(room.integers, s.integers && s.rows <= XL_VK_SMALL_TOKENS);
    }
    return xl_vk_reserve(e, &room, err);
}

static uint32_t number(const xlstm_settings *v, xlstm_tunable_id id) {
    return (uint32_t)xlstm_tunable_number(id, xlstm_settings_get(v, id));
}

static xl_vk_knobs find_knobs(const xl_device *device, const xlstm_settings *v) {
    xl_vk_knobs knobs = {
        .rows = number(v, XLSTM_TUNE_GPU_ROWS),
        .unroll = number(v, XLSTM_TUNE_GPU_UNROLL),
        .group = number(v, XLSTM_TUNE_GPU_GROUP),
        .split = number(v, XLSTM_TUNE_GPU_SPLIT),
        .tile = (uint32_t)xlstm_settings_get(v, XLSTM_TUNE_GPU_TILE),
        .subgroups = device->subgroups && xlstm_settings_get(v, XLSTM_TUNE_GPU_SUBGROUPS) != XLSTM_SUBGROUPS_OFF,
        .blocks = number(v, XLSTM_TUNE_GPU_BLOCKS),
        .overlap =
            xlstm_settings_get(v, XLSTM_TUNE_GPU_OVERLAP) == XLSTM_OVERLAP_ON && !atomic_load(&device->unordered),
    };
    if (knobs.group > device->group_max) knobs.group = device->group_max;
    return knobs;
}

xl_vk_limits xl_vk_find_limits(const xl_executor *e, const xlstm_settings *v) {
    const xl_program *p = &e->plan->program;
    const int64_t before = p->heads * p->qk_head * p->v_head * (int64_t)sizeof(float);
    const int64_t compute = xlstm_settings_get(v, XLSTM_TUNE_COMPUTE);
    xl_vk_limits limit = {.knobs = find_knobs(e->plan->device, v),
                          .rows = min64(xlstm_settings_get(v, XLSTM_TUNE_SEGMENT), DISPATCH_MAX),
                          .chunk = min64(xlstm_settings_get(v, XLSTM_TUNE_CHUNK_SIZE), CHUNK_MAX),
                          .chunks = CELL_BYTES / before,
                          .kept = LOGITS_BYTES / (p->vocab * (int64_t)sizeof(float)),
                          .band = xlstm_settings_get(v, XLSTM_TUNE_HEADS_PER_BAND),
                          .steps = xlstm_settings_get(v, XLSTM_TUNE_SCHEDULER) == XLSTM_SCHED_RECURRENT,
                          .matrix = e->plan->matrix && compute != XLSTM_COMPUTE_F32,
                          .integers = xl_vk_has_integers(e->plan) && compute == XLSTM_COMPUTE_INT8};
    limit.matrix_cell =
        limit.matrix && (xl_vk_state_kind(e->plan) != XL_VK_STATE_F16 || e->plan->device->matrix_f16);
    limit.chunk = min64(limit.chunk, limit.rows);
    if (limit.kept < 1) limit.kept = 1;
    if (limit.chunks < 1 || limit.steps) limit.chunks = limit.steps ? DISPATCH_MAX : 1;
    return limit;
}

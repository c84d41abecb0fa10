/* The memory of an executor: activations of a segment, what the cell needs between its shaders, and what host and
 * device give each other. */
#include <string.h>

#include "backend/vulkan/vk_recorder.h"
#include "base/error.h"

enum { ALIGNMENT = 256, ROW_FLOATS = 256 };

static uint32_t padded(int64_t floats) {
    return (uint32_t)((floats + ROW_FLOATS - 1) / ROW_FLOATS * ROW_FLOATS);
}

static uint32_t most(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

/* Rows and floats of a row of each tensor. Rows that products read are whole units of zeros behind their width. */
static void sizes(const xl_executor *e, const xl_vk_shape *room, uint64_t rows[XL_VK_WORK_COUNT],
                  uint32_t stride[XL_VK_WORK_COUNT]) {
    const xl_program *p = &e->plan->program;
    uint64_t chunked = room->longest ? room->rows : 0, chunks = room->longest ? room->chunks : 0;
    uint64_t heads = (uint64_t)p->heads;
    uint32_t x_floats = padded(p->width[XL_SLOT_X]), h_floats = padded(p->width[XL_SLOT_H]);
    uint32_t gates_floats = 8, head = (uint32_t)p->qk_head;
    /* Tiles of the matrix units are whole, from any row on. */
    uint64_t more = e->plan->matrix ? 2 * XL_VK_TILE_TOKENS : 0;
    for (int i = 0; i < XL_VK_WORK_COUNT; i++) rows[i] = room->rows + more;
    stride[XL_VK_WORK_X] = stride[XL_VK_WORK_KEPT_X] = padded(p->width[XL_SLOT_X]);
    stride[XL_VK_WORK_QKVO] = padded(2 * p->width[XL_SLOT_Q] + 2 * p->width[XL_SLOT_V]);
    stride[XL_VK_WORK_IF] = (uint32_t)(2 * p->heads);
    stride[XL_VK_WORK_H] = stride[XL_VK_WORK_KEPT_H] = padded(p->width[XL_SLOT_H]);
    stride[XL_VK_WORK_U] = stride[XL_VK_WORK_UP] = padded(p->width[XL_SLOT_U]);
    stride[XL_VK_WORK_NORMED] = x_floats;
    stride[XL_VK_WORK_HALVES] = most(x_floats, h_floats) / 2;
    /* Rows of up to XL_VK_TILE_TOKENS tokens in all parts, or of q, k, v and o for XL_VK_SMALL_TOKENS in two. */
    stride[XL_VK_WORK_PARTS] = most(x_floats, (stride[XL_VK_WORK_QKVO] + 7) / 8);
    stride[XL_VK_WORK_EXPANDED] = (uint32_t)(e->plan->expanded_bytes / sizeof(float));
    uint32_t widest = padded(e->plan->program.width[XL_SLOT_U]);
    widest = most(widest, most(x_floats, h_floats));
    stride[XL_VK_WORK_ROUNDED] = stride[XL_VK_WORK_ROUNDED_U] =
        widest / 8 * 3; /* a word for four columns, and four for each block of 32 */
    rows[XL_VK_WORK_ROUNDED] = rows[XL_VK_WORK_ROUNDED_U] = room->integers ? XL_VK_SMALL_TOKENS : 0;
    rows[XL_VK_WORK_HALVES] = room->matrix ? room->rows + more : 0;
    rows[XL_VK_WORK_PARTS] = room->matrix ? XL_VK_PARTS_ROWS : 0;
    rows[XL_VK_WORK_EXPANDED] = room->matrix ? 1 : 0;
    stride[XL_VK_WORK_GATES] = (uint32_t)p->heads * gates_floats;
    stride[XL_VK_WORK_WEIGHTS] = (uint32_t)p->heads * room->longest;
    stride[XL_VK_WORK_DECAY] = (uint32_t)p->heads;
    stride[XL_VK_WORK_C_BEFORE] = head * (uint32_t)p->v_head;
    stride[XL_VK_WORK_N_BEFORE] = head;
    stride[XL_VK_WORK_COUNTERS] = (uint32_t)p->heads;
    rows[XL_VK_WORK_COUNTERS] = room->slices + (XL_VK_ORDER_BYTES / sizeof(uint32_t) + heads - 1) / heads;
    stride[XL_VK_WORK_CELL] = (uint32_t)(3 * p->width[XL_SLOT_Q] + p->width[XL_SLOT_V]) / 2;
    rows[XL_VK_WORK_CELL] = room->cell_rows;
    stride[XL_VK_WORK_LOGITS] = (uint32_t)p->vocab;
    rows[XL_VK_WORK_GATES] = rows[XL_VK_WORK_WEIGHTS] = chunked;
    rows[XL_VK_WORK_DECAY] = chunks;
    rows[XL_VK_WORK_C_BEFORE] = rows[XL_VK_WORK_N_BEFORE] = chunks * heads;
    rows[XL_VK_WORK_KEPT_X] = rows[XL_VK_WORK_KEPT_H] = room->scattered ? room->kept + more : 0;
    rows[XL_VK_WORK_LOGITS] = room->kept ? room->kept + more : 0;
}

static void drop(xl_executor *e) {
    for (size_t i = 0; i < e->block_count; i++) xl_vk_block_free(&e->blocks[i]);
    e->block_count = 0;
    memset(e->work, 0, sizeof e->work);
    xl_vk_block_free(&e->control);
    xl_vk_block_free(&e->logits);
    xl_vk_block_free(&e->chosen);
    e->room = (xl_vk_shape){0};
    /* Addresses of the workspace are in the commands. */
    e->now.shape = (xl_vk_shape){0};
    for (size_t i = 0; i < XL_VK_RECORDINGS; i++) e->earlier[i].shape = (xl_vk_shape){0};
}

void xl_vk_trim(xl_executor *e) {
    drop(e);
}

/* Lays the tensors into as few blocks as hold them. */
static int place(xl_executor *e, const uint64_t rows[], const uint32_t stride[], xlstm_error *err) {
    xl_device *device = e->plan->device;
    int first = 0;
    while (first < XL_VK_WORK_COUNT) {
        uint64_t bytes = 0;
        int end = first;
        for (; end < XL_VK_WORK_COUNT; end++) {
            uint64_t one = (rows[end] * stride[end] * sizeof(float) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
            if (end > first && bytes + one > device->block_max) break;
            e->work[end] = (xl_vk_rows){{&e->blocks[e->block_count], bytes}, stride[end]};
            bytes += one;
        }
        xl_vk_block *block = &e->blocks[e->block_count];
        int status = xl_vk_block_alloc(block, device, XL_VK_DEVICE, bytes, "the workspace of a segment", err);
        if (status) return status;
        e->block_count++;
        status = xl_vk_clear((xl_vk_span){block, 0}, block->bytes, err);
        if (status) return status;
        first = end;
    }
    return XLSTM_OK;
}

static int place_control(xl_executor *e, const xl_vk_shape *room, xlstm_error *err) {
    uint64_t slices = (uint64_t)room->slices * sizeof(xl_vk_slice), chunks = room->chunks * sizeof(xl_vk_chunk);
    uint64_t rows = (uint64_t)room->rows * sizeof(uint32_t), greedy = room->greedy * sizeof(uint32_t);
    int status = xl_vk_block_alloc(&e->control, e->plan->device, XL_VK_CONTROL, slices + chunks + 2 * rows + greedy,
                                   "the description of a segment", err);
    if (status) return status;
    char *host = e->control.host;
    e->slices = (xl_vk_slice *)(void *)host;
    e->chunks = (xl_vk_chunk *)(void *)(host + slices);
    e->ids = (uint32_t *)(void *)(host + slices + chunks);
    e->kept = e->ids + room->rows;
    e->turns = e->kept + room->rows;
    if (room->greedy) {
        status = xl_vk_block_alloc(&e->chosen, e->plan->device, XL_VK_DOWNLOAD, XL_VK_RING * greedy,
                                   "the tokens that are chosen", err);
        if (status) return status;
    }
    if (!room->kept) return XLSTM_OK;
    uint64_t logits = (uint64_t)room->kept * (uint64_t)e->plan->program.vocab * sizeof(float);
    return xl_vk_block_alloc(&e->logits, e->plan->device, XL_VK_DOWNLOAD, logits, "logits", err);
}

int xl_vk_reserve(xl_executor *e, const xl_vk_shape *wanted, xlstm_error *err) {
    const xl_vk_shape *have = &e->room;
    const xl_vk_shape room = {.rows = most(have->rows, wanted->rows),
                              .slices = most(have->slices, wanted->slices),
                              .chunks = most(have->chunks, wanted->chunks),
                              .longest = most(have->longest, wanted->longest),
                              .kept = most(have->kept, wanted->kept),
                              .scattered = most(have->scattered, wanted->scattered),
                              .matrix = most(have->matrix, wanted->matrix),
                              .integers = most(have->integers, wanted->integers),
                              .cell_rows = most(have->cell_rows, wanted->cell_rows),
                              .greedy = most(have->greedy, wanted->greedy)};
    if (!memcmp(&room, have, sizeof room)) return XLSTM_OK;
    uint64_t rows[XL_VK_WORK_COUNT];
    uint32_t stride[XL_VK_WORK_COUNT];
    drop(e);
    sizes(e, &room, rows, stride);
    int status = place(e, rows, stride, err);
    if (!status) status = place_control(e, &room, err);
    if (status) {
        drop(e);
        return status;
    }
    e->room = room;
    return XLSTM_OK;
}

static xl_vk_rows column(xl_vk_rows rows, int64_t first) {
    rows.span.offset += (uint64_t)first * sizeof(float);
    return rows;
}

xl_vk_rows xl_vk_slot_rows(const xl_executor *e, xl_slot slot) {
    const xl_program *p = &e->plan->program;
    int64_t q = p->width[XL_SLOT_Q], v = p->width[XL_SLOT_V];
    switch (slot) {
    case XL_SLOT_X:
        return e->work[XL_VK_WORK_X];
    case XL_SLOT_Q:
        return e->work[XL_VK_WORK_QKVO];
    case XL_SLOT_K:
        return column(e->work[XL_VK_WORK_QKVO], q);
    case XL_SLOT_V:
        return column(e->work[XL_VK_WORK_QKVO], 2 * q);
    case XL_SLOT_O:
        return column(e->work[XL_VK_WORK_QKVO], 2 * q + v);
    case XL_SLOT_I:
        return e->work[XL_VK_WORK_IF];
    case XL_SLOT_F:
        return column(e->work[XL_VK_WORK_IF], p->heads);
    case XL_SLOT_H:
        return e->work[XL_VK_WORK_H];
    default:
        return e->work[XL_VK_WORK_U];
    }
}

/* Recording of a segment's commands: what vk_record.c, vk_products.c and vk_cell.c share. */
#ifndef XL_VULKAN_RECORDER_H
#define XL_VULKAN_RECORDER_H

#include "backend/vulkan/vulkan_impl.h"

enum {
    XL_VK_SIDE = 64,          /* tokens, rows and columns of a tile of the shaders that tile */
    XL_VK_ORDER_BYTES = 2048, /* see shaders/order.glsl */
    XL_VK_GROUP = 256,        /* invocations of a workgroup, where nothing else is said */
    XL_VK_COLUMNS_MAX = 256   /* of a block: rows of weights end with one */
};

typedef struct xl_vk_recorder {
    xl_executor *executor;
    const xl_plan *plan;
    const xl_vk_shape *shape;
    VkCommandBuffer commands;
    xl_vk_rows rounded[XL_SLOT_COUNT]; /* slots that are held as shaders/round.comp makes them; no block: not */
    /* Dispatches wait for one another themselves (shaders/order.glsl): the number of the current stage, and while
     * its workgroups are counted, their number. */
    bool ordered, counting;
    uint32_t stage, total;
    int op; /* for profiles: an xl_op_kind, or the input of a projection behind them */
    xlstm_error *err;
    int status; /* the first failure; what is recorded after it has no effect */
} xl_vk_recorder;

typedef struct xl_vk_launch {
    xl_vk_shader shader;
    uint32_t group;
    const uint32_t *specs; /* from constant 2 on */
    uint32_t spec_count;
    const void *push;
    uint32_t push_bytes;
    uint32_t x, y, z; /* workgroups; none where one is 0 */
} xl_vk_launch;

static inline uint32_t xl_vk_ceil_div(uint32_t a, uint32_t b) {
    return (a + b - 1) / b;
}

/* Quads of a vector that is padded to whole blocks. */
static inline uint32_t xl_vk_padded_quads(uint32_t columns) {
    return xl_vk_ceil_div(columns, XL_VK_COLUMNS_MAX) * XL_VK_COLUMNS_MAX / 4;
}

/* The same rows from the first-th on. */
static inline xl_vk_rows xl_vk_from_row(xl_vk_rows rows, uint32_t first) {
    rows.span.offset += (uint64_t)first * rows.stride * sizeof(float);
    return rows;
}

/* vk_dispatch.c: a barrier between dispatches of which the later depend on the earlier; a dispatch; where something
 * of the executor's description of the segment lies for the device. */
void xl_vk_barrier(xl_vk_recorder *r);
void xl_vk_dispatch(xl_vk_recorder *r, const xl_vk_launch *launch);
/* Whether a shader's push constants are of the size that it is given; XLSTM_EDEVICE where not. A shader that is
 * given others reads addresses that are none, which can hang a device. */
int xl_vk_check_push(xl_vk_shader shader, uint32_t bytes, xlstm_error *err);
void xl_vk_stamp_now(xl_vk_recorder *r, xl_vk_shader shader); /* of profiles; called by xl_vk_dispatch */
uint64_t xl_vk_order(const xl_vk_recorder *r); /* where the order lies; the counters of the cell's step follow it */
xl_vk_span xl_vk_control(const xl_vk_recorder *r, const void *host);

/* What the cell leaves: float32 in its slot, bfloat16 in XL_VK_WORK_HALVES, or XL_VK_WORK_ROUNDED as
 * shaders/round.comp makes it. The numbers are those of shaders/step.glsl. */
typedef enum xl_vk_cell_output { XL_VK_CELL_FLOATS, XL_VK_CELL_HALVES, XL_VK_CELL_ROUNDED } xl_vk_cell_output;

/* The push constants of shaders/product_many.comp and shaders/product_matrix.comp, which `bench --roofline` times
 * too: addresses, then numbers as the shaders declare them. */
typedef struct xl_vk_many_push {
    uint64_t w, heads, x, bias, y;
    uint32_t rows, quads, blocks, x_stride, y_stride, tokens, add;
    float cap;
} xl_vk_many_push;

typedef struct xl_vk_matrix_push {
    uint64_t w, heads, x, y;
    uint32_t token_tiles, part_rows, blocks;
} xl_vk_matrix_push;

/* vk_tile.c: the tile of the matrix units that was the fastest at such sizes on an H100, and for up to 128 tokens
 * on an H200. wanted: XLSTM_TILE_*. */
typedef struct xl_vk_tile {
    xl_vk_shader shader;
    uint32_t tokens, rows; /* rows: outputs */
    bool packed;           /* weights become bfloat16 on their way; else they must be bfloat16 in memory */
} xl_vk_tile;
xl_vk_tile xl_vk_choose_tile(uint32_t wanted, const xl_vk_product *w, uint32_t tokens, bool gated);
/* In how many parts the columns of a product that is not gated are summed, so that the device has enough to do.
 * What is added to y has its parts added there; others cost more, since they are brought to memory and back. */
uint32_t xl_vk_tile_parts(const xl_vk_product *w, uint32_t tokens);

/* vk_cell.c: h of all rows of the segment, normed, the states moved on. Where it cannot be rounded it is left as
 * float32. */
void xl_vk_record_cell(xl_vk_recorder *r, const xl_vk_op *op, xl_vk_cell_output output);

/* vk_products.c: the products of an operation for `rows` rows, with its norm and its activation. behind: it stands
 * behind the last cell, and sees the wanted rows alone. */
void xl_vk_record_products(xl_vk_recorder *r, const xl_vk_op *op, uint32_t rows, bool behind);
/* A slot as such operations see it. */
xl_vk_rows xl_vk_seen_rows(const xl_vk_recorder *r, xl_slot slot, bool behind);
/* Whether the products can make the norm themselves: for one token whose vector fits into shared memory. */
bool xl_vk_fuses(const xl_vk_recorder *r, uint32_t rows, int64_t width);
/* Whether so many rows are multiplied by the matrix units. */
bool xl_vk_by_matrix(const xl_vk_recorder *r, uint32_t rows);
/* Whether the next operation multiplies what this one leaves in the slot in 8-bit integers, and nothing else. */
bool xl_vk_next_by_integers(const xl_vk_recorder *r, const xl_vk_op *op, xl_slot slot, uint32_t rows);

#endif

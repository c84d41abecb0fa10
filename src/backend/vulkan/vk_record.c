/* A segment's commands: the program's operations as dispatches with barriers between those that depend on each
 * other. Addresses are computed here, so a recording holds as long as the workspace stays. */
#include <stdlib.h>
#include <string.h>

#include "backend/vulkan/vk_recorder.h"
#include "base/error.h"

static void embed(xl_vk_recorder *r, const xl_vk_op *op) {
    const xl_vk_product *w = &op->products[0];
    xl_vk_rows x = xl_vk_seen_rows(r, XL_SLOT_X, false);
    const struct {
        uint64_t w, heads, ids, x, order;
        uint32_t quads, blocks, width, x_stride;
    } push = {xl_vk_address(w->values),
              xl_vk_address(w->heads),
              xl_vk_address(xl_vk_control(r, r->executor->ids)),
              xl_vk_address(x.span),
              r->ordered ? xl_vk_order(r) : 0,
              w->quads,
              w->blocks,
              w->cols,
              x.stride};
    const uint32_t specs[] = {(uint32_t)w->format};
    xl_vk_dispatch(
        r, &(xl_vk_launch){XL_VK_SHADER_embed, XL_VK_SIDE, specs, 1, &push, sizeof push, r->shape->rows, 1, 1});
}

/* Which rows of the last H are wanted is not known to its norm. */
static void run_cell(xl_vk_recorder *r, const xl_vk_op *op) {
    const bool last = op == &r->plan->ops[r->plan->last_cell];
    xl_vk_cell_output output = XL_VK_CELL_FLOATS;
    if (!last && xl_vk_by_matrix(r, r->shape->rows)) output = XL_VK_CELL_HALVES;
    else if (!(last && r->shape->scattered) && xl_vk_next_by_integers(r, op, XL_SLOT_H, r->shape->rows))
        output = XL_VK_CELL_ROUNDED;
    xl_vk_record_cell(r, op, output);
}

/* ---- order without barriers ---- */

/* Whether the dispatches of a step of greedy decoding can wait for one another themselves: each operation but the
 * embedding is one stage of shaders that know how to, whose input fits into shared memory. */
static bool can_order(const xl_vk_recorder *r) {
    enum { OTHERS = 4096, QUAD_BYTES = 16 };
    const xl_device *device = r->plan->device;
    const xl_vk_shape *shape = r->shape;
    if (!shape->knobs.overlap || shape->knobs.blocks || shape->greedy != 1 || shape->rows != 1 ||
        !xl_vk_steps_wide(r->plan) || r->executor->queries)
        return false;
    for (size_t i = 0; i < r->plan->count; i++) {
        const xl_vk_op *op = &r->plan->ops[i];
        if (op->kind == XL_OP_EMBED || op->kind == XL_OP_CELL) continue;
        const int64_t width = r->plan->program.width[op->from];
        if ((op->norm.block && !xl_vk_fuses(r, 1, width)) || (op->kind == XL_OP_GATED && op->count != 1))
            return false;
        if (xl_vk_padded_quads((uint32_t)width) * QUAD_BYTES + OTHERS > device->shared_bytes) return false;
    }
    return true;
}

/* The operation's dispatches are a stage: its workgroups are counted, then recorded. */
static void products_in_order(xl_vk_recorder *r, const xl_vk_op *op, bool behind) {
    r->total = 0;
    r->counting = true;
    xl_vk_record_products(r, op, 1, behind);
    r->counting = false;
    xl_vk_record_products(r, op, 1, behind);
}

/* ---- the segment ---- */

static void gather(xl_vk_recorder *r) {
    static const struct {
        xl_slot slot;
        xl_vk_work to;
    } moved[] = {{XL_SLOT_X, XL_VK_WORK_KEPT_X}, {XL_SLOT_H, XL_VK_WORK_KEPT_H}};
    for (int i = 0; i < 2; i++) {
        xl_vk_rows from = xl_vk_seen_rows(r, moved[i].slot, false), to = r->executor->work[moved[i].to];
        uint32_t width = (uint32_t)r->plan->program.width[moved[i].slot];
        const struct {
            uint64_t from, to, rows;
            uint32_t width, stride;
        } push = {xl_vk_address(from.span), xl_vk_address(to.span),
                  xl_vk_address(xl_vk_control(r, r->executor->kept)), width, from.stride};
        xl_vk_dispatch(r, &(xl_vk_launch){XL_VK_SHADER_gather, XL_VK_GROUP, NULL, 0, &push, sizeof push,
                                          xl_vk_ceil_div(width, XL_VK_GROUP), r->shape->kept, 1});
    }
}

static void copy_logits(xl_vk_recorder *r) {
    const xl_executor *e = r->executor;
    xl_vk_span from = e->work[XL_VK_WORK_LOGITS].span;
    const VkBufferCopy region = {.srcOffset = from.offset,
                                 .size =
                                     (uint64_t)r->shape->kept * (uint64_t)r->plan->program.vocab * sizeof(float)};
    xl_vk_full_barrier(r->commands);
    vkCmdCopyBuffer(r->commands, from.block->buffer, e->logits.buffer, 1, &region);
}

/* The next tokens, which the next step finds where the host has put those of the first. */
static void choose(xl_vk_recorder *r) {
    enum { GROUP_MAX = 1024 };
    const xl_executor *e = r->executor;
    const struct {
        uint64_t logits, ids, slices, turns, ring, order;
        uint32_t vocab, slots;
    } push = {xl_vk_address(e->work[XL_VK_WORK_LOGITS].span),
              xl_vk_address(xl_vk_control(r, e->ids)),
              xl_vk_address(xl_vk_control(r, e->slices)),
              xl_vk_address(xl_vk_control(r, e->turns)),
              e->chosen.address,
              xl_vk_order(r),
              (uint32_t)r->plan->program.vocab,
              XL_VK_RING};
    uint32_t group = GROUP_MAX;
    while (group > r->plan->device->group_max) group /= 2;
    xl_vk_barrier(r);
    xl_vk_dispatch(
        r, &(xl_vk_launch){XL_VK_SHADER_choose, group, NULL, 0, &push, sizeof push, r->shape->greedy, 1, 1});
}

/* ---- submissions ---- */

/* Begins the next command buffer. */
static void begin_commands(xl_vk_recorder *r) {
    xl_executor *e = r->executor;
    if (r->status) return;
    r->commands = e->now.commands[e->now.count];
    /* Steps that follow one another are submissions of the same commands. */
    const VkCommandBufferUsageFlags usage = r->shape->greedy ? VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT : 0;
    r->status = xl_vk_begin(r->plan->device, r->commands, usage, r->err);
    if (r->status) return;
    e->now.count++;
    xl_vk_full_barrier(r->commands);
}

static void end_commands(xl_vk_recorder *r) {
    if (!r->executor->now.count) return;
    xl_vk_full_barrier(r->commands);
    VkResult result = vkEndCommandBuffer(r->commands);
    if (result && !r->status) r->status = xl_vk_fail(r->plan->device, result, "recording work", r->err);
}

/* Room for a command buffer for each of so many submissions. */
static int reserve_commands(xl_executor *e, uint32_t count, xlstm_error *err) {
    if (count <= e->now.room) return XLSTM_OK;
    VkCommandBuffer *list = realloc(e->now.commands, count * sizeof *list);
    if (!list) return xl_fail(err, XLSTM_ENOMEM, "out of memory for %u submissions", count);
    e->now.commands = list;
    const VkCommandBufferAllocateInfo more = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                              .commandPool = e->pool,
                                              .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                              .commandBufferCount = count - e->now.room};
    VkResult result = vkAllocateCommandBuffers(e->plan->device->handle, &more, e->now.commands + e->now.room);
    if (result) return xl_vk_fail(e->plan->device, result, "preparing to run", err);
    e->now.room = count;
    return XLSTM_OK;
}

/* The first operation of a block of the model reads the residual stream and is not gated. */
static bool begins_block(const xl_vk_op *op) {
    return op->kind == XL_OP_PROJECT && op->from == XL_SLOT_X;
}

static void record_ops(xl_vk_recorder *r) {
    const xl_vk_shape *shape = r->shape;
    uint32_t blocks = 0;
    r->ordered = r->executor->now.ordered = can_order(r);
    for (size_t i = 0; i < r->plan->count; i++) {
        const xl_vk_op *op = &r->plan->ops[i];
        if (begins_block(op) && blocks++ && shape->knobs.blocks && (blocks - 1) % shape->knobs.blocks == 0) {
            end_commands(r);
            begin_commands(r);
        }
        bool behind = i > r->plan->last_cell;
        uint32_t rows = behind ? shape->kept : shape->rows;
        if (!rows) break;
        r->op = op->kind == XL_OP_PROJECT ? XL_OP_LOGITS + 1 + (int)op->from : (int)op->kind;
        if (i && !(r->ordered && r->stage)) xl_vk_barrier(r);
        if (i == r->plan->last_cell + 1 && shape->scattered) {
            gather(r);
            xl_vk_barrier(r);
        }
        if (op->kind == XL_OP_EMBED) embed(r, op);
        else if (op->kind == XL_OP_CELL) run_cell(r, op);
        else if (r->ordered) products_in_order(r, op, behind);
        else xl_vk_record_products(r, op, rows, behind);
        if (r->ordered && op->kind != XL_OP_EMBED) r->stage++;
        if (op->kind == XL_OP_PROJECT) r->rounded[op->from] = (xl_vk_rows){.stride = 0};
    }
}

/* Puts the current recording away, for one of that shape or, where there is none, the one that was not used for the
 * longest time. Returns whether it is of that shape. */
static bool find_recording(xl_executor *e, const xl_vk_shape *shape) {
    if (!memcmp(&e->now.shape, shape, sizeof *shape)) return true;
    if (e->queries) return false; /* timestamps belong to one recording */
    xl_vk_recording *found = &e->earlier[0];
    for (size_t i = 0; i < XL_VK_RECORDINGS; i++) {
        xl_vk_recording *other = &e->earlier[i];
        if (!memcmp(&other->shape, shape, sizeof *shape)) {
            found = other;
            break;
        }
        if (other->used < found->used) found = other;
    }
    const xl_vk_recording before = e->now;
    e->now = *found;
    *found = before;
    found->used = ++e->turn;
    return !memcmp(&e->now.shape, shape, sizeof *shape);
}

int xl_vk_record(xl_executor *e, const xl_vk_shape *shape, xlstm_error *err) {
    if (find_recording(e, shape)) return XLSTM_OK;
    const uint32_t blocks = (uint32_t)e->plan->program.blocks, each = shape->knobs.blocks;
    xl_vk_recorder r = {.executor = e, .plan = e->plan, .shape = shape, .err = err};
    e->now.shape = (xl_vk_shape){0};
    e->now.count = 0;
    r.status = reserve_commands(e, each ? xl_vk_ceil_div(blocks, each) : 1, err);
    begin_commands(&r);
    if (!r.status && e->queries) {
        vkCmdResetQueryPool(r.commands, e->queries, 0, XL_VK_STAMPS_MAX);
        e->stamps = 0;
        xl_vk_stamp_now(&r, XL_VK_SHADER_COUNT);
    }
    if (!r.status) record_ops(&r);
    if (!r.status && shape->greedy) choose(&r);
    else if (!r.status && shape->kept) copy_logits(&r);
    end_commands(&r);
    if (!r.status) e->now.shape = *shape;
    return r.status;
}

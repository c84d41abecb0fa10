/* A program as the device runs it: matrices whose rows follow one another become one product, blocks are taken
 * apart into values and heads, and norms and biases are copied to the device. */
#include <stdlib.h>
#include <string.h>

#include "backend/vulkan/vk_buffer.h"
#include "backend/vulkan/vulkan_impl.h"
#include "base/error.h"
#include "base/memory.h"

enum { QUAD_BYTES = 16, ALIGNMENT = 256, REPACK_GROUP = 64, DISPATCH_MAX = 65535 };

/* The formats that shaders/weights.glsl knows, and the bytes of a block's head. */
static const struct {
    bool known;
    uint32_t head_bytes;
} formats[XL_FORMAT_COUNT] = {
    [XL_FORMAT_F32] = {true, 0},  [XL_FORMAT_BF16] = {true, 0},  [XL_FORMAT_F16] = {true, 0},
    [XL_FORMAT_Q8_0] = {true, 2}, [XL_FORMAT_Q6_K] = {true, 18}, [XL_FORMAT_Q4_K] = {true, 16},
    [XL_FORMAT_Q4_0] = {true, 2},
};
_Static_assert(XL_FORMAT_F32 == 0 && XL_FORMAT_BF16 == 1 && XL_FORMAT_F16 == 2 && XL_FORMAT_Q8_0 == 3 &&
                   XL_FORMAT_Q6_K == 4 && XL_FORMAT_Q4_K == 5 && XL_FORMAT_Q4_0 == 6,
               "weights.glsl counts the formats in this order");

uint32_t xl_vk_head_bytes(xl_format_id format) {
    return formats[format].head_bytes;
}

static uint32_t value_bytes(xl_format_id format) {
    return (uint32_t)xl_format_get((int)format)->block_bytes - formats[format].head_bytes;
}

bool xl_vk_supports_op(const xl_device *device, const xl_op *op) {
    if ((unsigned)op->kind > XL_OP_LOGITS) return false;
    for (int i = 0; i < op->outs; i++) {
        if (!op->out[i].w->buffer || !formats[op->out[i].w->m.format].known) return false;
    }
    return true;
}

/* Slots that lie behind one another in the workspace. */
static bool slot_follows(xl_slot a, xl_slot b) {
    return (b == a + 1 && a >= XL_SLOT_Q && b <= XL_SLOT_O) || (a == XL_SLOT_I && b == XL_SLOT_F);
}

static bool joins(const xl_op *op, const xl_projection *a, const xl_projection *b) {
    const xl_matrix *m = &a->w->m, *n = &b->w->m;
    return (slot_follows(a->to, b->to) || op->kind == XL_OP_GATED) && m->format == n->format &&
           m->cols == n->cols && m->stride == n->stride && a->w->buffer == b->w->buffer &&
           a->w->offset + (size_t)m->rows * m->stride == b->w->offset && !a->bias == !b->bias && a->add == b->add &&
           !(a->cap < b->cap) && !(a->cap > b->cap);
}

/* What is being filled: the vectors are first counted, then copied. */
typedef struct builder {
    xl_plan *plan;
    float *vectors; /* NULL: only counted */
    uint64_t bytes;
} builder;

static xl_vk_span add_vector(builder *b, const float *data, int64_t count, const xl_vk_span *behind) {
    if (!data) return (xl_vk_span){0};
    if (!behind) b->bytes = (b->bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    xl_vk_span span = {&b->plan->vectors, b->bytes};
    if (b->vectors) memcpy((char *)b->vectors + b->bytes, data, (size_t)count * sizeof *data);
    b->bytes += (uint64_t)count * sizeof *data;
    return span;
}

static void add_products(builder *b, const xl_op *op, xl_vk_op *out) {
    for (int i = 0; i < op->outs; i++) {
        const xl_projection *p = &op->out[i];
        const xl_matrix *m = &p->w->m;
        bool joined = i > 0 && joins(op, p - 1, p);
        xl_vk_product *product = joined ? &out->products[out->count - 1] : &out->products[out->count++];
        xl_vk_span bias = add_vector(b, p->bias, m->rows, joined ? &product->bias : NULL);
        if (joined) {
            product->rows += (uint32_t)m->rows;
            continue;
        }
        *product = (xl_vk_product){.format = m->format,
                                   .values = {&p->w->buffer->block, p->w->offset},
                                   .rows = (uint32_t)m->rows,
                                   .cols = (uint32_t)m->cols,
                                   .quads = (uint32_t)(m->stride / QUAD_BYTES),
                                   .bias = bias,
                                   .to = p->to,
                                   .add = p->add,
                                   .cap = (float)p->cap};
        if (formats[m->format].head_bytes) {
            product->blocks = (uint32_t)(m->stride / xl_format_get((int)m->format)->block_bytes);
            product->quads = product->blocks * value_bytes(m->format) / QUAD_BYTES;
        }
    }
    for (uint32_t i = 0; i < out->count; i++) {
        xl_vk_product *p = &out->products[i];
        if (p->blocks)
            p->heads = (xl_vk_span){p->values.block, p->values.offset + (uint64_t)p->rows * p->quads * QUAD_BYTES};
    }
}

static void add_ops(builder *b, const xl_program *program) {
    b->bytes = 0;
    for (size_t i = 0; i < program->count; i++) {
        const xl_op *op = &program->ops[i];
        xl_vk_op *out = &b->plan->ops[i];
        int64_t width = op->kind == XL_OP_CELL ? program->width[XL_SLOT_H] : program->width[op->from];
        *out = (xl_vk_op){.kind = op->kind, .from = op->from, .norm_eps = (float)op->norm_eps, .block = op->block};
        out->norm = add_vector(b, op->norm, width, NULL);
        out->norm_bias = add_vector(b, op->norm_bias, width, NULL);
        add_products(b, op, out);
        if (op->kind == XL_OP_CELL) b->plan->last_cell = i;
    }
}

/* Whether the matrix is the one of an earlier product (a tied head). */
static bool seen(const xl_plan *plan, size_t op, const xl_vk_product *product) {
    for (size_t i = 0; i < op; i++)
        for (uint32_t j = 0; j < plan->ops[i].count; j++) {
            const xl_vk_span *other = &plan->ops[i].products[j].values;
            if (other->block == product->values.block && other->offset == product->values.offset) return true;
        }
    return false;
}

static int repack(xl_plan *plan, const xl_vk_product *p, xl_vk_block *spare, xlstm_error *err) {
    xl_device *device = plan->device;
    uint64_t blocks = (uint64_t)p->rows * p->blocks, pairs = (blocks + 1) / 2;
    uint64_t bytes = (blocks * xl_format_get((int)p->format)->block_bytes + 3) / 4 * 4;
    uint64_t groups = (pairs + REPACK_GROUP - 1) / REPACK_GROUP, x = groups < DISPATCH_MAX ? groups : DISPATCH_MAX;
    struct {
        uint64_t from, to, blocks;
        uint32_t groups;
    } push = {xl_vk_address(p->values), 0, blocks, (uint32_t)x};
    int status = XLSTM_OK;
    if (spare->bytes < bytes) {
        xl_vk_block_free(spare);
        status = xl_vk_block_alloc(spare, device, XL_VK_DEVICE, bytes, "room to arrange a matrix", err);
        if (status) return status;
    }
    push.to = spare->address;
    const uint32_t specs[] = {value_bytes(p->format), formats[p->format].head_bytes};
    VkPipeline pipeline;
    status = xl_vk_pipeline_get(&pipeline, device, XL_VK_SHADER_repack, true, REPACK_GROUP, specs, 2, err);
    if (status) return status;
    pthread_mutex_lock(&device->lock);
    VkCommandBuffer commands = device->once;
    status = xl_vk_begin(device, commands, VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT, err);
    if (!status) {
        xl_vk_full_barrier(commands);
        vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
        vkCmdPushConstants(commands, device->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof push, &push);
        vkCmdDispatch(commands, (uint32_t)x, (uint32_t)((groups + x - 1) / x), 1);
        xl_vk_full_barrier(commands);
        const VkBufferCopy back = {.dstOffset = p->values.offset, .size = bytes};
        vkCmdCopyBuffer(commands, spare->buffer, p->values.block->buffer, 1, &back);
        xl_vk_full_barrier(commands);
        uint64_t value = 0;
        VkResult result = vkEndCommandBuffer(commands);
        status = result ? xl_vk_fail(device, result, "recording work", err)
                        : xl_vk_submit_locked(device, &commands, 1, NULL, NULL, &value, err);
        if (!status) status = xl_vk_wait(device, value, NULL, NULL, err);
    }
    pthread_mutex_unlock(&device->lock);
    return status;
}

static int repack_all(xl_plan *plan, xlstm_error *err) {
    xl_vk_block spare = {0};
    int status = XLSTM_OK;
    for (size_t i = 0; i < plan->count && !status; i++)
        for (uint32_t j = 0; j < plan->ops[i].count && !status; j++) {
            const xl_vk_product *p = &plan->ops[i].products[j];
            if (p->blocks && !seen(plan, i, p)) status = repack(plan, p, &spare, err);
        }
    xl_vk_block_free(&spare);
    return status;
}

bool xl_vk_is_exact(const xl_vk_op *op, const xl_vk_product *product) {
    return op->kind == XL_OP_PROJECT && op->count > 1 && op->norm.block && product->rows <= XL_VK_NARROW_ROWS;
}

/* What the matrix units can make of the program: tiles of 16 rows and 64 columns, no bias, gate and up as one. */
static void find_matrix(xl_plan *plan) {
    enum { ROWS = 16, COLUMNS = 64, VALUE_BYTES = 2 };
    plan->matrix = plan->device->matrix && plan->program.v_head % 2 == 0;
    plan->coarse = true;
    for (size_t i = 0; i < plan->count; i++) {
        const xl_vk_op *op = &plan->ops[i];
        for (uint32_t j = 0; j < op->count && op->kind != XL_OP_EMBED; j++) {
            const xl_vk_product *p = &op->products[j];
            if (xl_vk_is_exact(op, p)) continue;
            uint32_t rows = op->kind == XL_OP_GATED ? p->rows / 2 : p->rows;
            uint64_t bytes = (uint64_t)p->rows * p->cols * VALUE_BYTES;
            plan->matrix &= rows % ROWS == 0 && p->cols % COLUMNS == 0 && !p->bias.block && op->count <= 2 &&
                            (op->kind != XL_OP_GATED || op->count == 1);
            plan->coarse &= xl_format_get((int)p->format)->coarse;
            if (p->format != XL_FORMAT_BF16 && bytes > plan->expanded_bytes) plan->expanded_bytes = bytes;
            plan->expands_few |= p->format == XL_FORMAT_F32;
        }
    }
}

bool xl_vk_steps_wide(const xl_plan *plan) {
    return !plan->device->portable && plan->program.v_head % 4 == 0;
}

xl_vk_state_format xl_vk_state_kind(const xl_plan *plan) {
    switch (plan->program.state_format) {
    case XL_FORMAT_BF16:
        return XL_VK_STATE_BF16;
    case XL_FORMAT_F16:
        return XL_VK_STATE_F16;
    default:
        return XL_VK_STATE_F32;
    }
}

uint64_t xl_vk_c_bytes(const xl_plan *plan) {
    const xl_program *p = &plan->program;
    const uint64_t count = (uint64_t)p->heads * (uint64_t)p->qk_head * (uint64_t)p->v_head;
    return count * (xl_vk_state_kind(plan) == XL_VK_STATE_F32 ? sizeof(float) : sizeof(uint16_t));
}

/* From how many tokens on the matrix units are faster was tried on an H200. To unpack weights on their way costs as
 * much as four tokens one by one, and to round matrices of float32 in memory more. */
int64_t xl_vk_few_tokens(const xl_plan *plan) {
    enum { OF_BFLOAT16 = 2, OF_OTHERS = 4 };
    if (!plan->matrix) return XL_FEW_TOKENS;
    if (plan->expands_few) return XL_VK_SMALL_TOKENS;
    return plan->expanded_bytes ? OF_OTHERS : OF_BFLOAT16;
}

int64_t xl_vk_auto_compute(const xl_plan *plan) {
    return plan->matrix && plan->coarse ? XLSTM_COMPUTE_BF16 : XLSTM_COMPUTE_F32;
}

bool xl_vk_has_integers(const xl_plan *plan) {
    for (size_t i = 0; i < plan->count && plan->device->integers; i++) {
        for (uint32_t j = 0; j < plan->ops[i].count; j++) {
            if (plan->ops[i].kind != XL_OP_EMBED && plan->ops[i].products[j].blocks) return true;
        }
    }
    return false;
}

void xl_vk_plan_destroy(xl_plan *plan) {
    if (!plan) return;
    if (plan->vectors.device) xl_vk_settle(plan->vectors.device); /* copies may be under way */
    xl_vk_block_free(&plan->vectors);
    free(plan->ops);
    free(plan);
}

static int check(const xl_device *device, const xl_program *program, xlstm_error *err) {
    for (size_t i = 0; i < program->count; i++) {
        const xl_op *op = &program->ops[i];
        for (int j = 0; j < op->outs; j++) {
            xl_format_id format = op->out[j].w->m.format;
            if (!formats[format].known)
                return xl_fail(err, XLSTM_EUNSUPPORTED,
                               "%s: weights in the format %s, which its shaders do not know", device->name,
                               xl_format_get((int)format)->name);
        }
        bool normed_elsewhere = op->norm && op->kind != XL_OP_CELL && op->from != XL_SLOT_X;
        if (normed_elsewhere || !xl_vk_supports_op(device, op))
            return xl_fail(err, XLSTM_EUNSUPPORTED, "%s does not run operation %zu of the model", device->name, i);
    }
    if (program->state_format != XL_FORMAT_F32 && program->v_head % 4)
        return xl_fail(err, XLSTM_EUNSUPPORTED,
                       "%s: state '%s' with heads of %lld for v, wanted f32 or a multiple of 4", device->name,
                       xl_format_get((int)program->state_format)->name, (long long)program->v_head);
    if (program->qk_head * (int64_t)sizeof(float) * 2 > (int64_t)device->shared_bytes / 2)
        return xl_fail(err, XLSTM_EUNSUPPORTED, "%s: heads of %lld for q and k, %lld at most", device->name,
                       (long long)program->qk_head, (long long)device->shared_bytes / 4 / (long long)sizeof(float));
    return XLSTM_OK;
}

int xl_vk_plan_create(xl_plan **out, xl_device *device, const xl_program *program, xlstm_error *err) {
    int status = check(device, program, err);
    if (status) return status;
    xl_plan *plan = calloc(1, sizeof *plan);
    builder b = {.plan = plan};
    if (plan) plan->ops = xl_array(program->count, sizeof *plan->ops);
    if (!plan || !plan->ops) {
        status = xl_fail(err, XLSTM_ENOMEM, "out of memory");
        goto fail;
    }
    plan->device = device;
    plan->program = *program;
    plan->program.ops = NULL;
    plan->count = program->count;
    const uint64_t heads = (uint64_t)program->heads, vectors = 2 * heads * ((uint64_t)program->qk_head + 1);
    plan->block_bytes = (xl_vk_c_bytes(plan) + vectors * sizeof(float) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    add_ops(&b, program);
    status = xl_vk_block_alloc(&plan->vectors, device, XL_VK_DEVICE, b.bytes, "norms and biases", err);
    if (status) goto fail;
    b.vectors = xl_array(b.bytes + 1, 1);
    if (!b.vectors) {
        status = xl_fail(err, XLSTM_ENOMEM, "out of memory for %llu bytes", (unsigned long long)b.bytes);
        goto fail;
    }
    add_ops(&b, program);
    status = xl_vk_upload((xl_vk_span){&plan->vectors, 0}, b.vectors, b.bytes, err);
    if (!status) status = xl_vk_upload_end(device, err);
    if (!status) status = repack_all(plan, err);
    free(b.vectors);
    if (status) goto fail;
    find_matrix(plan);
    *out = plan;
    return XLSTM_OK;
fail:
    xl_vk_plan_destroy(plan);
    return status;
}

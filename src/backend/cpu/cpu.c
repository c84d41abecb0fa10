/* The CPU backend's entry: devices, plans, contexts and their state. Feeding is in feed.c. */
#include "backend/cpu/cpu.h"

#include <stdlib.h>
#include <string.h>

#include "backend/cpu/internal.h"
#include "base/error.h"
#include "base/memory.h"

static int device_open(xl_device **out, const xl_device_options *options, xlstm_error *err) {
    xl_device *device = calloc(1, sizeof *device);
    if (!device) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    xl_kernels_init(&device->kernels, options->cpu_flags);
    xl_blas_single_thread();
    *out = device;
    return XLSTM_OK;
}

static void device_close(xl_device *device) {
    free(device);
}

static bool supports_op(const xl_device *device, const xl_op *op) {
    if ((unsigned)op->kind > XL_OP_LOGITS) return false;
    for (int i = 0; i < op->outs; i++) {
        if ((unsigned)op->out[i].w.dtype >= XL_WEIGHT_DTYPES) return false;
    }
    return true;
}

static void plan_destroy(xl_plan *plan) {
    if (!plan) return;
    free((void *)(uintptr_t)plan->program.ops);
    free(plan);
}

static int plan_create(xl_plan **out, xl_device *device, const xl_program *program, xlstm_error *err) {
    for (size_t i = 0; i < program->count; i++) {
        if (!supports_op(device, &program->ops[i]))
            return xl_fail(err, XLSTM_EUNSUPPORTED, "the cpu does not run operation %zu of the model", i);
    }
    xl_plan *plan = calloc(1, sizeof *plan);
    xl_op *ops = xl_array(program->count, sizeof *ops);
    if (!plan || !ops) {
        free(plan);
        free(ops);
        return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    }
    memcpy(ops, program->ops, program->count * sizeof *ops);
    plan->device = device;
    plan->program = *program;
    plan->program.ops = ops;
    for (size_t i = 0; i < program->count; i++) {
        size_t width = (size_t)program->width[ops[i].from];
        if (ops[i].kind == XL_OP_CELL) plan->last_cell = i;
        if (ops[i].norm && ops[i].kind != XL_OP_CELL && width > plan->widest_input) plan->widest_input = width;
    }
    size_t c, n;
    if (!xl_mul((size_t)(program->heads * program->qk_head), (size_t)program->v_head, &c) ||
        !xl_add(c, (size_t)(program->heads * program->qk_head + program->heads), &n) || !xl_add(n, 15, &n)) {
        plan_destroy(plan);
        return xl_fail(err, XLSTM_EARG, "a state of %lld heads of %lld x %lld is too large",
                       (long long)program->heads, (long long)program->qk_head, (long long)program->v_head);
    }
    plan->block_floats = n / 16 * 16;
    *out = plan;
    return XLSTM_OK;
}

static void trim(xl_context *context) {
    xl_aligned_free(context->slots);
    xl_aligned_free(context->scratch);
    context->slots = NULL;
    context->scratch = NULL;
    context->tokens = 0;
    context->scratch_floats = 0;
    context->scratch_threads = 0;
}

static void context_destroy(xl_context *context) {
    if (!context) return;
    trim(context);
    pthread_mutex_destroy(&context->driver.lock);
    free(context->driver.ready);
    free(context->driver.at);
    xl_aligned_free(context->state);
    free(context);
}

static void configure(xl_context *context, const xlstm_settings *settings) {
    context->settings = *settings;
}

static int context_create(xl_context **out, const xl_plan *plan, const xlstm_settings *settings, xlstm_error *err) {
    xl_context *context = calloc(1, sizeof *context);
    if (!context) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    context->plan = plan;
    configure(context, settings);
    pthread_mutex_init(&context->driver.lock, NULL);
    size_t floats, heads = (size_t)plan->program.heads;
    if (xl_mul((size_t)plan->program.blocks, plan->block_floats, &floats))
        context->state = xl_aligned_calloc(floats, sizeof(float));
    context->driver.ready = xl_array(heads, sizeof *context->driver.ready);
    context->driver.at = xl_array(heads, sizeof *context->driver.at);
    if (!context->state || !context->driver.ready || !context->driver.at) {
        context_destroy(context);
        return xl_fail(err, XLSTM_ENOMEM, "out of memory for the state of %lld blocks of %zu bytes",
                       (long long)plan->program.blocks, plan->block_floats * sizeof(float));
    }
    *out = context;
    return XLSTM_OK;
}

static void schedule(const xl_context *context, xlstm_schedule *out) {
    *out = context->done;
}

static void state_reset(xl_context *context) {
    memset(context->state, 0, (size_t)context->plan->program.blocks * context->plan->block_floats * sizeof(float));
}

typedef struct state_view {
    float *c, *n, *m;
    size_t c_bytes, n_bytes, m_bytes;
} state_view;

static int view_state(const xl_context *context, int64_t block, state_view *view, xlstm_error *err) {
    const xl_program *p = &context->plan->program;
    if (block < 0 || block >= p->blocks)
        return xl_fail(err, XLSTM_EARG, "block %lld, wanted 0 to %lld", (long long)block, (long long)p->blocks - 1);
    size_t n = (size_t)(p->heads * p->qk_head), c = n * (size_t)p->v_head, m = (size_t)p->heads;
    float *base = context->state + (size_t)block * context->plan->block_floats;
    *view = (state_view){base, base + c, base + c + n, c * sizeof(float), n * sizeof(float), m * sizeof(float)};
    return XLSTM_OK;
}

static int state_get(const xl_context *context, int64_t block, float *c, float *n, float *m, xlstm_error *err) {
    state_view view = {0};
    int status = view_state(context, block, &view, err);
    if (status) return status;
    if (c) memcpy(c, view.c, view.c_bytes);
    if (n) memcpy(n, view.n, view.n_bytes);
    if (m) memcpy(m, view.m, view.m_bytes);
    return XLSTM_OK;
}

static int state_set(xl_context *context, int64_t block, const float *c, const float *n, const float *m,
                     xlstm_error *err) {
    state_view view = {0};
    int status = view_state(context, block, &view, err);
    if (status) return status;
    if (c) memcpy(view.c, c, view.c_bytes);
    if (n) memcpy(view.n, n, view.n_bytes);
    if (m) memcpy(view.m, m, view.m_bytes);
    return XLSTM_OK;
}

const xl_backend xl_backend_cpu = {
    .name = "cpu",
    .device_open = device_open,
    .device_close = device_close,
    .supports_op = supports_op,
    .plan_create = plan_create,
    .plan_destroy = plan_destroy,
    .context_create = context_create,
    .context_destroy = context_destroy,
    .configure = configure,
    .feed = xl_cpu_feed,
    .schedule = schedule,
    .trim = trim,
    .state_reset = state_reset,
    .state_get = state_get,
    .state_set = state_set,
};

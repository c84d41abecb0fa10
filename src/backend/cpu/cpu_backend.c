/* The CPU backend's entry: the device, its memory and plans. States are in sequence.c, running is in executor.c. */
#include "backend/cpu/cpu_backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backend/cpu/cpu_impl.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/system.h"

static bool describe(int index, xlstm_device_info *out) {
    if (index) return false;
    xl_kernels kernels;
    xl_kernels_init(&kernels, xl_cpu_flags());
    snprintf(out->name, sizeof out->name, "cpu");
    snprintf(out->text, sizeof out->text, "%d CPUs, %s", xl_cpu_count(), kernels.name);
    out->memory_bytes = xl_memory_total();
    return true;
}

static int device_open(xl_device **out, const xl_device_options *options, xlstm_error *err) {
    if (options->name && strcmp(options->name, "cpu") != 0)
        return xl_fail(err, XLSTM_EUNSUPPORTED, "device '%.60s', wanted cpu", options->name);
    int flags = xl_cpu_flags_masked(options->cpu_mask);
    if (flags < 0) return xl_fail(err, XLSTM_EARG, "cpu mask '%.60s', wanted " XL_CPU_MASKS, options->cpu_mask);
    xl_device *device = calloc(1, sizeof *device);
    if (!device) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    xl_kernels_init(&device->kernels, (unsigned)flags);
    device->profiled = options->profile;
    *out = device;
    return XLSTM_OK;
}

static void device_close(xl_device *device) {
    free(device);
}

static const char *device_name(const xl_device *device) {
    return "cpu";
}

static const char *device_kernels(const xl_device *device) {
    return device->kernels.name;
}

static uint64_t memory_available(const xl_device *device) {
    return xl_memory_available();
}

static void to_f32(const xl_device *device, xl_format_id from, const void *src, float *dst, size_t n) {
    device->kernels.to_f32[from](src, dst, n);
}

static void from_f32(const xl_device *device, xl_format_id to, const float *src, void *dst, size_t n) {
    device->kernels.from_f32[to](src, dst, n);
}

static void from_f32_weighted(const xl_device *device, xl_format_id to, const float *src, const float *importance,
                              void *dst, size_t n) {
    const xl_kernels *k = &device->kernels;
    if (importance && k->from_f32_weighted[to]) k->from_f32_weighted[to](src, importance, dst, n);
    else k->from_f32[to](src, dst, n);
}

struct xl_buffer {
    void *memory;
    size_t bytes;
};

static int buffer_create(xl_buffer **out, xl_device *device, size_t bytes, bool huge_pages, xlstm_error *err) {
    xl_buffer *buffer = calloc(1, sizeof *buffer);
    if (!buffer) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    void *memory = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        free(buffer);
        return xl_fail(err, XLSTM_ENOMEM, "no memory for %.2f GB of weights", (double)bytes * 1e-9);
    }
#ifdef MADV_HUGEPAGE
    if (huge_pages) (void)madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    buffer->memory = memory;
    buffer->bytes = bytes ? bytes : 1;
    *out = buffer;
    return XLSTM_OK;
}

static void buffer_destroy(xl_buffer *buffer) {
    if (!buffer) return;
    munmap(buffer->memory, buffer->bytes);
    free(buffer);
}

static void *buffer_host(xl_buffer *buffer) {
    return buffer->memory;
}

static int buffer_write(xl_buffer *buffer, size_t offset, const void *data, size_t bytes, xlstm_error *err) {
    memcpy((char *)buffer->memory + offset, data, bytes);
    return XLSTM_OK;
}

static bool supports_op(const xl_device *device, const xl_op *op) {
    if ((unsigned)op->kind > XL_OP_LOGITS) return false;
    for (int i = 0; i < op->outs; i++) {
        if (!xl_format_get((int)op->out[i].w->m.format)) return false;
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
    enum { LINE = XL_CACHE_LINE };
    const size_t keys = (size_t)(program->heads * program->qk_head);
    size_t values, c, all;
    if (!xl_mul(keys, (size_t)program->v_head, &values) ||
        !xl_mul(values, xl_format_get((int)program->state_format)->block_bytes, &c) || !xl_add(c, LINE - 1, &c) ||
        !xl_add(c, (keys + (size_t)program->heads) * sizeof(float) + LINE - 1, &all)) {
        plan_destroy(plan);
        return xl_fail(err, XLSTM_EARG, "a state of %lld heads of %lld x %lld is too large",
                       (long long)program->heads, (long long)program->qk_head, (long long)program->v_head);
    }
    plan->coarse = xl_cpu_is_coarse(program);
    plan->integers = xl_cpu_has_integers(&device->kernels, program);
    plan->bf16 = xl_cpu_has_fast_bf16(&device->kernels, program);
    plan->c_bytes = c / LINE * LINE;
    plan->block_bytes = all / LINE * LINE;
    *out = plan;
    return XLSTM_OK;
}

static bool few_in_bf16(const xl_plan *plan) {
    return plan->bf16;
}

const xl_backend xl_backend_cpu = {
    .name = "cpu",
    .describe = describe,
    .device_open = device_open,
    .device_close = device_close,
    .device_name = device_name,
    .device_kernels = device_kernels,
    .memory_available = memory_available,
    .roofline = xl_cpu_roofline,
    .uses_host_memory = true,
    .to_f32 = to_f32,
    .from_f32 = from_f32,
    .from_f32_weighted = from_f32_weighted,
    .buffer_create = buffer_create,
    .buffer_destroy = buffer_destroy,
    .buffer_host = buffer_host,
    .buffer_write = buffer_write,
    .supports_op = supports_op,
    .plan_create = plan_create,
    .plan_destroy = plan_destroy,
    .auto_compute = xl_cpu_auto_compute,
    .few_in_bf16 = few_in_bf16,
    .state_create = xl_cpu_state_create,
    .state_destroy = xl_cpu_state_destroy,
    .state_reset = xl_cpu_state_reset,
    .state_copy = xl_cpu_state_copy,
    .state_get = xl_cpu_state_get,
    .state_set = xl_cpu_state_set,
    .executor_create = xl_cpu_executor_create,
    .executor_destroy = xl_cpu_executor_destroy,
    .configure = xl_cpu_configure,
    .trim = xl_cpu_trim,
    .observe = xl_cpu_observe,
    .run = xl_cpu_run,
    .schedule = xl_cpu_schedule,
};

/* The limits of the device: reading its memory, and dense products by the shaders that prefill uses. */
#include <math.h>
#include <string.h>

#include "backend/vulkan/vk_recorder.h"
#include "base/clock.h"
#include "base/error.h"

enum {
    GROUP = 256,
    EACH = 8 * 16,          /* bytes that an invocation of read.comp reads */
    SPREAD = 4096,          /* workgroups in a row of the dispatch */
    CACHED_BYTES = 8 << 20, /* fits into the caches of the devices that we know */
    READ_BYTES = 1 << 30,   /* of a buffer at most */
    READ_REPEATS = 16,      /* so many times as much in a submission, so that its cost does not count */
    SOFT_READ_BYTES = 1 << 28,
    SIZE = 4096,    /* rows and columns of the weights, twice the tokens */
    SOFT_SIZE = 512 /* where the device is software */
};

/* A dispatch that is repeated inside a submission. */
typedef struct probe {
    xl_device *device;
    xl_vk_shader shader;
    VkPipeline pipeline;
    const void *push;
    uint32_t push_bytes, x, y, repeats;
} probe;

/* Seconds of the best of the submissions that fit into the time; the first warms the clocks up. */
static int measure(const probe *p, double seconds, double *best, xlstm_error *err) {
    xl_device *device = p->device;
    VkCommandBuffer commands = device->once;
    const double until = xl_now_s() + seconds;
    int status = xl_vk_check_push(p->shader, p->push_bytes, err);
    *best = INFINITY;
    pthread_mutex_lock(&device->lock);
    for (int round = 0; !status && (round < 3 || xl_now_s() < until); round++) {
        uint64_t value = 0;
        status = xl_vk_begin(device, commands, VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT, err);
        if (status) break;
        vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, p->pipeline);
        vkCmdPushConstants(commands, device->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, p->push_bytes, p->push);
        for (uint32_t i = 0; i < p->repeats; i++) {
            vkCmdDispatch(commands, p->x, p->y, 1);
            xl_vk_full_barrier(commands);
        }
        VkResult result = vkEndCommandBuffer(commands);
        if (result) status = xl_vk_fail(device, result, "recording work", err);
        const double start = xl_now_s();
        if (!status) status = xl_vk_submit_locked(device, &commands, 1, NULL, NULL, &value, err);
        if (!status) status = xl_vk_wait(device, value, NULL, NULL, err);
        const double took = xl_now_s() - start;
        if (round && took < *best) *best = took;
    }
    pthread_mutex_unlock(&device->lock);
    return status;
}

static int measure_read(xl_device *device, const xl_vk_block *block, uint64_t bytes, double seconds, double *gb_s,
                        xlstm_error *err) {
    const uint64_t push = block->address;
    const uint32_t rows = (uint32_t)(bytes / ((uint64_t)GROUP * EACH * SPREAD));
    probe p = {.device = device,
               .shader = XL_VK_SHADER_read,
               .push = &push,
               .push_bytes = sizeof push,
               .x = SPREAD,
               .y = rows};
    /* A small buffer is less than a row of workgroups. */
    if (!rows) {
        p.x = (uint32_t)(bytes / ((uint64_t)GROUP * EACH));
        p.y = 1;
    }
    const double read = (double)p.x * p.y * GROUP * EACH;
    double best;
    const bool soft = device->properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
    p.repeats = (uint32_t)((soft ? SOFT_READ_BYTES : (double)READ_BYTES * READ_REPEATS) / read) + 1;
    int status = xl_vk_pipeline_get(&p.pipeline, device, p.shader, true, GROUP, NULL, 0, err);
    if (!status) status = measure(&p, seconds, &best, err);
    if (!status) *gb_s = read * p.repeats / best * 1e-9;
    return status;
}

static uint32_t size_for(const xl_device *device) {
    return device->properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU ? SOFT_SIZE : SIZE;
}

static int measure_f32(xl_device *device, const xl_vk_block *block, double seconds, double *gflop_s,
                       xlstm_error *err) {
    const uint32_t size = size_for(device), tokens = size / 2;
    const xl_vk_many_push push = {.w = block->address,
                                  .x = block->address,
                                  .y = block->address + (uint64_t)size * size * sizeof(float),
                                  .rows = size,
                                  .quads = size / 4,
                                  .x_stride = size,
                                  .y_stride = size,
                                  .tokens = tokens};
    const uint32_t specs[] = {XL_FORMAT_F32};
    probe p = {.device = device,
               .shader = XL_VK_SHADER_product_many,
               .push = &push,
               .push_bytes = sizeof push,
               .x = size / XL_VK_SIDE,
               .y = tokens / XL_VK_SIDE,
               .repeats = 1};
    double best;
    int status = xl_vk_pipeline_get(&p.pipeline, device, p.shader, true, GROUP, specs, 1, err);
    if (!status) status = measure(&p, seconds, &best, err);
    if (!status) *gflop_s = 2.0 * tokens * size * size / best * 1e-9;
    return status;
}

static int measure_bf16(xl_device *device, const xl_vk_block *block, double seconds, double *gflop_s,
                        xlstm_error *err) {
    enum { TILE_ROWS = 128, QUAD = 8 };
    const uint32_t size = size_for(device), tokens = size / 2;
    const xl_vk_matrix_push push = {.w = block->address,
                                    .x = block->address,
                                    .y = block->address + (uint64_t)size * size * sizeof(float),
                                    .token_tiles = tokens / XL_VK_TILE_TOKENS};
    const uint32_t specs[] = {size / QUAD, size / QUAD, size / QUAD, size, size, 0, 1};
    probe p = {.device = device,
               .shader = XL_VK_SHADER_matrix_square,
               .push = &push,
               .push_bytes = sizeof push,
               .x = tokens / XL_VK_TILE_TOKENS * (size / TILE_ROWS),
               .y = 1,
               .repeats = 16};
    double best;
    int status =
        xl_vk_pipeline_get(&p.pipeline, device, p.shader, true, GROUP, specs, sizeof specs / sizeof *specs, err);
    if (!status) status = measure(&p, seconds, &best, err);
    if (!status) *gflop_s = 2.0 * tokens * size * size * p.repeats / best * 1e-9;
    return status;
}

int xl_vk_roofline(xlstm_roofline *out, xl_device *device, int threads, unsigned limits, double seconds,
                   xlstm_error *err) {
    const uint64_t least = (uint64_t)SIZE * SIZE * sizeof(float) * 3 / 2;
    uint64_t bytes = xl_vk_memory_available(device) / 4;
    xlstm_roofline r = {.threads = 1, .cached_bytes = CACHED_BYTES};
    xl_vk_block block = {0};
    if (bytes > device->block_max) bytes = device->block_max;
    if (bytes > (uint64_t)READ_BYTES * 2) bytes = (uint64_t)READ_BYTES * 2;
    if (bytes < least) bytes = least;
    r.stream_bytes = bytes / ((uint64_t)GROUP * EACH * SPREAD) * ((uint64_t)GROUP * EACH * SPREAD);
    int status = XLSTM_OK;
    if (limits) status = xl_vk_block_alloc(&block, device, XL_VK_DEVICE, bytes, "a buffer to read", err);
    if (!status && limits) status = xl_vk_clear((xl_vk_span){&block, 0}, block.bytes, err);
    if (!status && limits & XLSTM_LIMIT_STREAM)
        status = measure_read(device, &block, r.stream_bytes, seconds, &r.stream_gb_s, err);
    if (!status && limits & XLSTM_LIMIT_CACHED)
        status = measure_read(device, &block, r.cached_bytes, seconds, &r.cached_gb_s, err);
    if (!status && limits & XLSTM_LIMIT_SGEMM) status = measure_f32(device, &block, seconds, &r.sgemm_gflop_s, err);
    if (!status && limits & XLSTM_LIMIT_BF16 && device->matrix)
        status = measure_bf16(device, &block, seconds, &r.bf16_gflop_s, err);
    xl_vk_block_free(&block);
    if (!status) *out = r;
    return status;
}

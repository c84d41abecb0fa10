/* The Vulkan backend's entry. */
#include <stdlib.h>

#include "backend/vulkan/vk_buffer.h"
#include "backend/vulkan/vulkan_impl.h"
#include "base/error.h"

static const char *device_name(const xl_device *device) {
    return device->name;
}

static const char *device_kernels(const xl_device *device) {
    return device->subgroups ? "vulkan-subgroup" : "vulkan-shared";
}

static size_t buffer_max(const xl_device *device) {
    return device->block_max;
}

static void buffer_destroy(xl_buffer *buffer) {
    if (!buffer) return;
    /* Copies of a model that is closed at once, or could not be loaded to its end, may be under way. */
    if (buffer->block.device) xl_vk_settle(buffer->block.device);
    xl_vk_block_free(&buffer->block);
    free(buffer);
}

static int buffer_create(xl_buffer **out, xl_device *device, size_t bytes, bool huge_pages, xlstm_error *err) {
    xl_buffer *buffer = calloc(1, sizeof *buffer);
    if (!buffer) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    int status = xl_vk_block_alloc(&buffer->block, device, XL_VK_DEVICE, bytes, "a part of the weights", err);
    /* What lies behind a row's last column counts as zero. */
    if (!status) status = xl_vk_clear((xl_vk_span){&buffer->block, 0}, buffer->block.bytes, err);
    if (status) {
        buffer_destroy(buffer);
        return status;
    }
    *out = buffer;
    return XLSTM_OK;
}

static void *buffer_host(xl_buffer *buffer) {
    return NULL;
}

static int buffer_write(xl_buffer *buffer, size_t offset, const void *data, size_t bytes, xlstm_error *err) {
    return xl_vk_upload((xl_vk_span){&buffer->block, offset}, data, bytes, err);
}

const xl_backend xl_backend_vulkan = {
    .name = "vulkan",
    .describe = xl_vk_describe,
    .device_open = xl_vk_device_open,
    .device_close = xl_vk_device_close,
    .device_name = device_name,
    .device_kernels = device_kernels,
    .memory_available = xl_vk_memory_available,
    .limit_tunables = xl_vk_limit_tunables,
    .roofline = xl_vk_roofline,
    .row_columns = 32,
    .buffer_max = buffer_max,
    .buffer_create = buffer_create,
    .buffer_destroy = buffer_destroy,
    .buffer_host = buffer_host,
    .buffer_write = buffer_write,
    .supports_op = xl_vk_supports_op,
    .plan_create = xl_vk_plan_create,
    .plan_destroy = xl_vk_plan_destroy,
    .auto_compute = xl_vk_auto_compute,
    .few_tokens = xl_vk_few_tokens,
    .state_create = xl_vk_state_create,
    .state_destroy = xl_vk_state_destroy,
    .state_reset = xl_vk_state_reset,
    .state_copy = xl_vk_state_copy,
    .state_get = xl_vk_state_get,
    .state_set = xl_vk_state_set,
    .executor_create = xl_vk_executor_create,
    .executor_destroy = xl_vk_executor_destroy,
    .configure = xl_vk_configure,
    .trim = xl_vk_trim,
    .run = xl_vk_run,
    .greedy = xl_vk_greedy,
    .greedy_ahead = xl_vk_greedy_ahead,
    .schedule = xl_vk_schedule,
};

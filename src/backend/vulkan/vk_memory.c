/* Memory: large blocks of one buffer each, and copies between host and device. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "backend/vulkan/vulkan_impl.h"
#include "base/error.h"
#include "base/system.h"

enum { STAGE_BYTES = 32 << 20 };

void xl_vk_block_free(xl_vk_block *block) {
    if (!block->device) return;
    VkDevice handle = block->device->handle;
    vkDestroyBuffer(handle, block->buffer, NULL);
    vkFreeMemory(handle, block->memory, NULL);
    *block = (xl_vk_block){0};
}

bool xl_vk_spares_free(xl_device *device) {
    pthread_mutex_lock(&device->lock);
    const bool any = device->spare_count;
    while (device->spare_count) xl_vk_block_free(&device->spares[--device->spare_count]);
    pthread_mutex_unlock(&device->lock);
    return any;
}

static uint64_t heap_bytes(const xl_device *device) {
    VkPhysicalDeviceMemoryProperties memory;
    vkGetPhysicalDeviceMemoryProperties(device->physical, &memory);
    return memory.memoryHeaps[device->heap].size;
}

uint64_t xl_vk_memory_available(const xl_device *device) {
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 memory = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
                                                .pNext = device->has_budget ? &budget : NULL};
    vkGetPhysicalDeviceMemoryProperties2(device->physical, &memory);
    uint64_t available = memory.memoryProperties.memoryHeaps[device->heap].size;
    if (device->has_budget)
        available = budget.heapBudget[device->heap] > budget.heapUsage[device->heap]
                        ? budget.heapBudget[device->heap] - budget.heapUsage[device->heap]
                        : 1;
    /* A software device has the host's memory. */
    uint64_t host = xl_memory_available();
    if (device->properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU && host && host < available) available = host;
    return available;
}

static uint64_t whole_units(uint64_t bytes) {
    return bytes ? (bytes + 255) / 256 * 256 : 256;
}

int xl_vk_block_alloc(xl_vk_block *out, xl_device *device, xl_vk_place place, uint64_t bytes, const char *what,
                      xlstm_error *err) {
    const char *name = device->properties.deviceName;
    *out = (xl_vk_block){0};
    if (bytes > device->block_max)
        return xl_fail(err, XLSTM_EDEVICEMEM, "%s: %s takes %.2f GB, one allocation can have %.2f GB", name, what,
                       (double)bytes * 1e-9, (double)device->block_max * 1e-9);
    xl_vk_block block = {.device = device, .bytes = whole_units(bytes)};
    bool own = place == XL_VK_DEVICE, exported = own && device->exportable;
    /* Whoever shares blocks with another interface must be able to: it cannot be asked for later. */
    const VkExternalMemoryBufferCreateInfo shared_buffer = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
        .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT};
    const VkBufferCreateInfo buffer = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                       .pNext = exported ? &shared_buffer : NULL,
                                       .size = block.bytes,
                                       .usage = XL_VK_BLOCK_USAGE};
    VkResult result = vkCreateBuffer(device->handle, &buffer, NULL, &block.buffer);
    if (result) return xl_vk_fail(device, result, what, err);
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(device->handle, block.buffer, &needs);
    const VkExportMemoryAllocateInfo shared = {.sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
                                               .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT};
    const VkMemoryDedicatedAllocateInfo dedicated = {.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
                                                     .pNext = exported ? &shared : NULL,
                                                     .buffer = block.buffer};
    const VkMemoryAllocateFlagsInfo flags = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                             .pNext = &dedicated,
                                             .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
    const VkMemoryAllocateInfo memory = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                         .pNext = &flags,
                                         .allocationSize = needs.size,
                                         .memoryTypeIndex = device->memory_type[place]};
    result = vkAllocateMemory(device->handle, &memory, NULL, &block.memory);
    if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY && own && xl_vk_spares_free(device))
        result = vkAllocateMemory(device->handle, &memory, NULL, &block.memory);
    if (!result) result = vkBindBufferMemory(device->handle, block.buffer, block.memory, 0);
    if (!result && !own) result = vkMapMemory(device->handle, block.memory, 0, VK_WHOLE_SIZE, 0, &block.host);
    if (result) {
        xl_vk_block_free(&block);
        if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY)
            return xl_fail(err, XLSTM_EDEVICEMEM,
                           "%s: out of device memory: %.2f GB for %s, where %.2f GB are available", name,
                           (double)bytes * 1e-9, what, (double)xl_vk_memory_available(device) * 1e-9);
        return xl_vk_fail(device, result, what, err);
    }
    const VkBufferDeviceAddressInfo address = {.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
                                               .buffer = block.buffer};
    block.address = vkGetBufferDeviceAddress(device->handle, &address);
    *out = block;
    return XLSTM_OK;
}

int xl_vk_block_reuse(xl_vk_block *out, xl_device *device, uint64_t bytes, const char *what, xlstm_error *err) {
    bool found = false;
    pthread_mutex_lock(&device->lock);
    for (int i = device->spare_count; i-- > 0 && !found;) {
        xl_vk_block *spare = &device->spares[i];
        if (spare->bytes != whole_units(bytes)) continue;
        *out = *spare;
        *spare = device->spares[--device->spare_count];
        found = true;
    }
    pthread_mutex_unlock(&device->lock);
    return found ? XLSTM_OK : xl_vk_block_alloc(out, device, XL_VK_DEVICE, bytes, what, err);
}

void xl_vk_block_give_back(xl_vk_block *block) {
    enum { SHARE = 16 };
    xl_device *device = block->device;
    if (!device) return;
    pthread_mutex_lock(&device->lock);
    uint64_t kept = block->bytes;
    for (int i = 0; i < device->spare_count; i++) kept += device->spares[i].bytes;
    if (device->spare_count < XL_VK_SPARES && kept <= heap_bytes(device) / SHARE) {
        device->spares[device->spare_count++] = *block;
        *block = (xl_vk_block){0};
    }
    pthread_mutex_unlock(&device->lock);
    xl_vk_block_free(block);
}

/* Sends off what the current stage holds, and turns to the next. Locked. */
static int send_stage(xl_device *device, xlstm_error *err) {
    xl_vk_stage *stage = &device->stages[device->stage];
    if (!stage->open) return XLSTM_OK;
    stage->open = false;
    xl_vk_full_barrier(stage->commands);
    VkResult result = vkEndCommandBuffer(stage->commands);
    if (result) return xl_vk_fail(device, result, "recording copies", err);
    int status = xl_vk_submit_locked(device, &stage->commands, 1, NULL, NULL, &stage->done, err);
    device->stage = (device->stage + 1) % XL_VK_STAGES;
    return status;
}

/* Makes the current stage ready to take copies. Locked. */
static int open_stage(xl_device *device, xlstm_error *err) {
    xl_vk_stage *stage = &device->stages[device->stage];
    int status = XLSTM_OK;
    if (stage->open) return XLSTM_OK;
    if (!stage->block.device)
        status = xl_vk_block_alloc(&stage->block, device, XL_VK_UPLOAD, STAGE_BYTES, "a buffer for copies", err);
    if (!status && stage->done) status = xl_vk_wait(device, stage->done, NULL, NULL, err);
    if (!status) status = xl_vk_begin(device, stage->commands, VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT, err);
    if (status) return status;
    /* What was submitted before may still use what is overwritten now. */
    xl_vk_full_barrier(stage->commands);
    stage->used = 0;
    stage->open = true;
    return XLSTM_OK;
}

int xl_vk_upload(xl_vk_span to, const void *data, uint64_t bytes, xlstm_error *err) {
    xl_device *device = to.block->device;
    const char *from = data;
    int status = XLSTM_OK;
    pthread_mutex_lock(&device->lock);
    while (bytes && !status) {
        status = open_stage(device, err);
        if (status) break;
        xl_vk_stage *stage = &device->stages[device->stage];
        uint64_t left = STAGE_BYTES - stage->used, n = bytes < left ? bytes : left;
        memcpy((char *)stage->block.host + stage->used, from, n);
        const VkBufferCopy region = {.srcOffset = stage->used, .dstOffset = to.offset, .size = n};
        vkCmdCopyBuffer(stage->commands, stage->block.buffer, to.block->buffer, 1, &region);
        stage->used += (n + 15) / 16 * 16;
        from += n;
        to.offset += n;
        bytes -= n;
        if (stage->used >= STAGE_BYTES) status = send_stage(device, err);
    }
    pthread_mutex_unlock(&device->lock);
    return status;
}

int xl_vk_upload_end(xl_device *device, xlstm_error *err) {
    pthread_mutex_lock(&device->lock);
    int status = send_stage(device, err);
    pthread_mutex_unlock(&device->lock);
    return status;
}

/* Commands for one copy or fill on the device, and waiting for them. */
static int begin_once(xl_device *device, xlstm_error *err) {
    int status = send_stage(device, err);
    if (!status) status = xl_vk_begin(device, device->once, VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT, err);
    if (!status) xl_vk_full_barrier(device->once);
    return status;
}

static int end_once(xl_device *device, xlstm_error *err) {
    uint64_t value = 0;
    xl_vk_full_barrier(device->once);
    VkResult result = vkEndCommandBuffer(device->once);
    if (result) return xl_vk_fail(device, result, "recording copies", err);
    int status = xl_vk_submit_locked(device, &device->once, 1, NULL, NULL, &value, err);
    return status ? status : xl_vk_wait(device, value, NULL, NULL, err);
}

int xl_vk_download(xl_vk_span from, void *data, uint64_t bytes, xlstm_error *err) {
    xl_device *device = from.block->device;
    xl_vk_block host;
    int status = xl_vk_block_alloc(&host, device, XL_VK_DOWNLOAD, bytes, "a buffer for copies", err);
    if (status) return status;
    pthread_mutex_lock(&device->lock);
    status = begin_once(device, err);
    if (!status) {
        const VkBufferCopy region = {.srcOffset = from.offset, .size = bytes};
        vkCmdCopyBuffer(device->once, from.block->buffer, host.buffer, 1, &region);
        status = end_once(device, err);
    }
    pthread_mutex_unlock(&device->lock);
    assert(status || host.host);
    if (!status) memcpy(data, host.host, bytes);
    xl_vk_block_free(&host);
    return status;
}

int xl_vk_copy(xl_vk_span to, xl_vk_span from, uint64_t bytes, xlstm_error *err) {
    xl_device *device = to.block->device;
    pthread_mutex_lock(&device->lock);
    int status = begin_once(device, err);
    if (!status) {
        const VkBufferCopy region = {.srcOffset = from.offset, .dstOffset = to.offset, .size = bytes};
        vkCmdCopyBuffer(device->once, from.block->buffer, to.block->buffer, 1, &region);
        status = end_once(device, err);
    }
    pthread_mutex_unlock(&device->lock);
    return status;
}

int xl_vk_clear(xl_vk_span to, uint64_t bytes, xlstm_error *err) {
    xl_device *device = to.block->device;
    pthread_mutex_lock(&device->lock);
    int status = begin_once(device, err);
    if (!status) {
        vkCmdFillBuffer(device->once, to.block->buffer, to.offset, bytes, 0);
        status = end_once(device, err);
    }
    pthread_mutex_unlock(&device->lock);
    return status;
}

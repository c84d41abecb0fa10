/* The one queue: submitting and waiting by the device's timeline. */
#include "backend/vulkan/vulkan_impl.h"
#include "base/clock.h"
#include "base/error.h"

int xl_vk_begin(xl_device *device, VkCommandBuffer commands, VkCommandBufferUsageFlags usage, xlstm_error *err) {
    const VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO, .flags = usage};
    VkResult result = vkBeginCommandBuffer(commands, &info);
    return result ? xl_vk_fail(device, result, "recording work", err) : XLSTM_OK;
}

void xl_vk_full_barrier(VkCommandBuffer commands) {
    const VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                     .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
                                     .dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT};
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                         VK_PIPELINE_STAGE_ALL_COMMANDS_BIT | VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0, NULL,
                         0, NULL);
}

int xl_vk_submit_locked(xl_device *device, const VkCommandBuffer *commands, uint32_t count, const xl_vk_point *wait,
                        const xl_vk_point *signal, uint64_t *value, xlstm_error *err) {
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    VkSemaphore raised[2] = {device->timeline, signal ? signal->timeline : VK_NULL_HANDLE};
    uint64_t values[2] = {device->submitted + 1, signal ? signal->value : 0};
    const VkTimelineSemaphoreSubmitInfo points = {.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
                                                  .waitSemaphoreValueCount = wait ? 1 : 0,
                                                  .pWaitSemaphoreValues = wait ? &wait->value : NULL,
                                                  .signalSemaphoreValueCount = signal ? 2 : 1,
                                                  .pSignalSemaphoreValues = values};
    const VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                               .pNext = &points,
                               .waitSemaphoreCount = wait ? 1 : 0,
                               .pWaitSemaphores = wait ? &wait->timeline : NULL,
                               .pWaitDstStageMask = &stage,
                               .commandBufferCount = count,
                               .pCommandBuffers = commands,
                               .signalSemaphoreCount = signal ? 2 : 1,
                               .pSignalSemaphores = raised};
    VkResult result = vkQueueSubmit(device->queue, 1, &info, VK_NULL_HANDLE);
    if (result) return xl_vk_fail(device, result, "submitting work", err);
    *value = ++device->submitted;
    return XLSTM_OK;
}

int xl_vk_submit(xl_device *device, const VkCommandBuffer *commands, uint32_t count, const xl_vk_point *wait,
                 const xl_vk_point *signal, uint64_t *value, xlstm_error *err) {
    pthread_mutex_lock(&device->lock);
    int status = xl_vk_submit_locked(device, commands, count, wait, signal, value, err);
    pthread_mutex_unlock(&device->lock);
    return status;
}

int xl_vk_wait(xl_device *device, uint64_t value, void (*poll)(void *ctx), void *ctx, xlstm_error *err) {
    const uint64_t slice_ns = 20 * 1000 * 1000;
    const VkSemaphoreWaitInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                                      .semaphoreCount = 1,
                                      .pSemaphores = &device->timeline,
                                      .pValues = &value};
    for (;;) {
        VkResult result = vkWaitSemaphores(device->handle, &info, poll ? slice_ns : UINT64_MAX);
        if (!result) return XLSTM_OK;
        if (result != VK_TIMEOUT) return xl_vk_fail(device, result, "waiting for it", err);
        if (poll) poll(ctx);
    }
}

int xl_vk_spin(xl_device *device, uint64_t value, void (*poll)(void *ctx), void *ctx, xlstm_error *err) {
    const double between_s = 0.02;
    for (double polled = xl_now_s();;) {
        uint64_t now = 0;
        VkResult result = vkGetSemaphoreCounterValue(device->handle, device->timeline, &now);
        if (result) return xl_vk_fail(device, result, "waiting for it", err);
        if (now >= value) return XLSTM_OK;
        if (!poll || xl_now_s() - polled < between_s) continue;
        poll(ctx);
        polled = xl_now_s();
    }
}

void xl_vk_settle(xl_device *device) {
    xlstm_error err;
    pthread_mutex_lock(&device->lock);
    const uint64_t value = device->submitted;
    pthread_mutex_unlock(&device->lock);
    (void)xl_vk_wait(device, value, NULL, NULL, &err);
}

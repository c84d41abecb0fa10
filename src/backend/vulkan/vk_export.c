/* What another interface on the same device may share: blocks of memory, and two timelines. */
#include "backend/vulkan/vulkan_impl.h"
#include "base/error.h"

bool xl_vk_exports_blocks(VkPhysicalDevice physical) {
    const VkPhysicalDeviceExternalBufferInfo info = {.sType =
                                                         VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
                                                     .usage = XL_VK_BLOCK_USAGE,
                                                     .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT};
    VkExternalBufferProperties can = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES};
    vkGetPhysicalDeviceExternalBufferProperties(physical, &info, &can);
    return can.externalMemoryProperties.externalMemoryFeatures & VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT;
}

bool xl_vk_exports_timelines(VkPhysicalDevice physical) {
    const VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                            .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
    const VkPhysicalDeviceExternalSemaphoreInfo info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_SEMAPHORE_INFO,
        .pNext = &type,
        .handleType = VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_FD_BIT};
    VkExternalSemaphoreProperties can = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_SEMAPHORE_PROPERTIES};
    vkGetPhysicalDeviceExternalSemaphoreProperties(physical, &info, &can);
    return can.externalSemaphoreFeatures & VK_EXTERNAL_SEMAPHORE_FEATURE_EXPORTABLE_BIT;
}

VkResult xl_vk_crossings_make(xl_device *device) {
    const VkExportSemaphoreCreateInfo shared = {.sType = VK_STRUCTURE_TYPE_EXPORT_SEMAPHORE_CREATE_INFO,
                                                .handleTypes = VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_FD_BIT};
    const VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                            .pNext = &shared,
                                            .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
    const VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type};
    VkResult result = VK_SUCCESS;
    for (int i = 0; device->signals && !result && i < XL_VK_CROSSINGS; i++)
        result = vkCreateSemaphore(device->handle, &info, NULL, &device->crossings[i]);
    return result;
}

int xl_vk_block_export(const xl_vk_block *block, int *fd, xlstm_error *err) {
    xl_device *device = block->device;
    const VkMemoryGetFdInfoKHR info = {.sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
                                       .memory = block->memory,
                                       .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT};
    PFN_vkGetMemoryFdKHR get = device->exportable && !block->host
                                   ? (PFN_vkGetMemoryFdKHR)vkGetDeviceProcAddr(device->handle, "vkGetMemoryFdKHR")
                                   : NULL;
    if (!get)
        return xl_fail(err, XLSTM_EUNSUPPORTED, "%s: a block of its memory cannot be shared",
                       device->properties.deviceName);
    const VkResult result = get(device->handle, &info, fd);
    return result ? xl_vk_fail(device, result, "sharing memory", err) : XLSTM_OK;
}

int xl_vk_crossing_export(xl_device *device, xl_vk_crossing which, int *fd, xlstm_error *err) {
    const VkSemaphoreGetFdInfoKHR info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_GET_FD_INFO_KHR,
                                          .semaphore = device->crossings[which],
                                          .handleType = VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_FD_BIT};
    PFN_vkGetSemaphoreFdKHR get =
        device->signals ? (PFN_vkGetSemaphoreFdKHR)vkGetDeviceProcAddr(device->handle, "vkGetSemaphoreFdKHR")
                        : NULL;
    if (!get)
        return xl_fail(err, XLSTM_EUNSUPPORTED, "%s: a timeline cannot be shared", device->properties.deviceName);
    const VkResult result = get(device->handle, &info, fd);
    return result ? xl_vk_fail(device, result, "sharing a timeline", err) : XLSTM_OK;
}

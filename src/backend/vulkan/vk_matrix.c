/* Whether a device has the matrix units that shaders/product_matrix.comp uses: bfloat16 values, float32 sums, tiles
 * of 16 x 16 x 16 for a subgroup of 32. */
#include <stdlib.h>
#include <string.h>

#include "backend/vulkan/vk_newer.h"
#include "backend/vulkan/vulkan_impl.h"
#include "base/memory.h"

enum { SIDE = 16, TEAM = 32, THREADS = 256, SHARED_BYTES = 46080 };

/* Whether values and sums of these types are multiplied in such tiles. */
static bool has_shape(const xl_device *device, VkComponentTypeKHR values, VkComponentTypeKHR sums) {
    PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR get =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)vkGetInstanceProcAddr(
            device->instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    uint32_t count = 0;
    bool found = false;
    if (!get || get(device->physical, &count, NULL) || !count) return false;
    VkCooperativeMatrixPropertiesKHR *list = xl_array(count, sizeof *list);
    if (!list) return false;
    memset(list, 0, count * sizeof *list);
    for (uint32_t i = 0; i < count; i++) list[i].sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR;
    if (get(device->physical, &count, list) < 0) count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const VkCooperativeMatrixPropertiesKHR *p = &list[i];
        found |= p->MSize == SIDE && p->NSize == SIDE && p->KSize == SIDE && p->scope == VK_SCOPE_SUBGROUP_KHR &&
                 p->AType == values && p->BType == values && p->CType == sums && p->ResultType == sums;
    }
    free(list);
    return found;
}

bool xl_vk_matrix_find(xl_device *device) {
    VkPhysicalDeviceShaderBfloat16FeaturesKHR halves = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR};
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR, .pNext = &halves};
    VkPhysicalDeviceVulkan12Features f12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
                                            .pNext = &matrix};
    VkPhysicalDeviceVulkan11Features f11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
                                            .pNext = &f12};
    VkPhysicalDeviceFeatures2 f = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &f11};
    vkGetPhysicalDeviceFeatures2(device->physical, &f);
    const VkPhysicalDeviceLimits *limits = &device->properties.limits;
    device->matrix_f16 = has_shape(device, VK_COMPONENT_TYPE_FLOAT16_KHR, VK_COMPONENT_TYPE_FLOAT16_KHR);
    return halves.shaderBFloat16Type && halves.shaderBFloat16CooperativeMatrix && matrix.cooperativeMatrix &&
           f12.vulkanMemoryModel && f11.storageBuffer16BitAccess && f12.shaderFloat16 && f.features.shaderInt16 &&
           device->subgroups && device->lanes == TEAM && limits->maxComputeWorkGroupInvocations >= THREADS &&
           device->shared_bytes >= SHARED_BYTES && device->properties.apiVersion >= VK_API_VERSION_1_3 &&
           has_shape(device, VK_COMPONENT_TYPE_BFLOAT16_KHR, VK_COMPONENT_TYPE_FLOAT32_KHR);
}

void xl_vk_matrix_enable(xl_vk_matrix_features *out, VkPhysicalDeviceVulkan12Features *f12,
                         VkPhysicalDeviceFeatures2 *features) {
    out->halves = (VkPhysicalDeviceShaderBfloat16FeaturesKHR){
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR,
        .pNext = f12->pNext,
        .shaderBFloat16Type = VK_TRUE,
        .shaderBFloat16CooperativeMatrix = VK_TRUE};
    out->matrix = (VkPhysicalDeviceCooperativeMatrixFeaturesKHR){
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR,
        .pNext = &out->halves,
        .cooperativeMatrix = VK_TRUE};
    out->f11 = (VkPhysicalDeviceVulkan11Features){.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
                                                  .pNext = &out->matrix,
                                                  .storageBuffer16BitAccess = VK_TRUE};
    f12->pNext = &out->f11;
    f12->vulkanMemoryModel = VK_TRUE;
    f12->shaderFloat16 = VK_TRUE;
    features->features.shaderInt16 = VK_TRUE;
}

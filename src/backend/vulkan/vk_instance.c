/* The Vulkan instance of this process. It is made once and kept until the process ends: each time the last instance
 * goes, the loader takes the driver's library out of the process, and some drivers can be brought back a few dozen
 * times only. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backend/vulkan/vulkan_impl.h"
#include "base/memory.h"

bool xl_vk_has_name(const VkExtensionProperties *list, uint32_t count, const char *name) {
    for (uint32_t i = 0; i < count; i++) {
        if (!strcmp(list[i].extensionName, name)) return true;
    }
    return false;
}

static VkResult make_instance(VkInstance *out) {
    uint32_t version = VK_API_VERSION_1_0, count = 0;
    VkResult result = vkEnumerateInstanceVersion(&version);
    if (result) return result;
    if (version < VK_API_VERSION_1_2) return VK_ERROR_INCOMPATIBLE_DRIVER;
    vkEnumerateInstanceExtensionProperties(NULL, &count, NULL);
    VkExtensionProperties *list = xl_array(count, sizeof *list);
    if (!list) return VK_ERROR_OUT_OF_HOST_MEMORY;
    vkEnumerateInstanceExtensionProperties(NULL, &count, list);
    /* Devices that are Vulkan on top of something else (Metal) show themselves only when asked. */
    static const char *const portability[] = {VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME};
    bool portable = xl_vk_has_name(list, count, portability[0]);
    free(list);
    const VkApplicationInfo app = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                   .pApplicationName = "xltune",
                                   .pEngineName = "libxlstm",
                                   .apiVersion = VK_API_VERSION_1_3};
    const VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .flags = portable ? VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR : 0,
        .pApplicationInfo = &app,
        .enabledExtensionCount = portable ? 1 : 0,
        .ppEnabledExtensionNames = portability,
    };
    return vkCreateInstance(&info, NULL, out);
}

VkResult xl_vk_instance(VkInstance *out) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static VkInstance kept;
    VkResult result = VK_SUCCESS;
    pthread_mutex_lock(&lock);
    if (!kept) result = make_instance(&kept);
    if (result) kept = VK_NULL_HANDLE;
    *out = kept;
    pthread_mutex_unlock(&lock);
    return result;
}

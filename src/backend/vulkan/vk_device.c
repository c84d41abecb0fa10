/* Devices of the Vulkan loader: listing, opening, what each can do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/vulkan/vulkan_impl.h"
#include "base/error.h"
#include "base/memory.h"

enum { DEVICES_MAX = 16, EXTENSIONS_MAX = 8, GROUP_MAX = 1024 };

/* What a device must have: Vulkan 1.2 with device addresses, timeline semaphores and 64-bit integers. */
static bool is_usable(VkPhysicalDevice physical) {
    VkPhysicalDeviceProperties properties;
    vkGetPhysicalDeviceProperties(physical, &properties);
    if (properties.apiVersion < VK_API_VERSION_1_2) return false;
    VkPhysicalDeviceVulkan12Features f12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
    VkPhysicalDeviceFeatures2 f = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &f12};
    vkGetPhysicalDeviceFeatures2(physical, &f);
    return f12.bufferDeviceAddress && f12.timelineSemaphore && f.features.shaderInt64;
}

static int rank(VkPhysicalDevice physical) {
    VkPhysicalDeviceProperties p;
    vkGetPhysicalDeviceProperties(physical, &p);
    switch (p.deviceType) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
        return 0;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
        return 1;
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
        return 3;
    default:
        return 2;
    }
}

/* The usable devices, hardware before software, each kind in the loader's order. */
static uint32_t list_devices(VkInstance instance, VkPhysicalDevice out[DEVICES_MAX]) {
    VkPhysicalDevice all[DEVICES_MAX];
    uint32_t count = DEVICES_MAX, n = 0;
    VkResult result = vkEnumeratePhysicalDevices(instance, &count, all);
    if (result != VK_SUCCESS && result != VK_INCOMPLETE) return 0;
    for (int r = 0; r <= 3; r++) {
        for (uint32_t i = 0; i < count; i++) {
            if (rank(all[i]) == r && is_usable(all[i])) out[n++] = all[i];
        }
    }
    return n;
}

/* The heap of the device's own memory: the largest that is called local. */
static uint32_t own_heap(const VkPhysicalDeviceMemoryProperties *memory) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < memory->memoryHeapCount; i++) {
        bool local = memory->memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT;
        bool best_local = memory->memoryHeaps[best].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT;
        if (local > best_local ||
            (local == best_local && memory->memoryHeaps[i].size > memory->memoryHeaps[best].size))
            best = i;
    }
    return best;
}

/* The first has the backend's name alone, which is how most people will ask for it. */
static const char *const device_names[DEVICES_MAX] = {
    "vulkan",   "vulkan:1", "vulkan:2",  "vulkan:3",  "vulkan:4",  "vulkan:5",  "vulkan:6",  "vulkan:7",
    "vulkan:8", "vulkan:9", "vulkan:10", "vulkan:11", "vulkan:12", "vulkan:13", "vulkan:14", "vulkan:15"};

bool xl_vk_describe(int index, xlstm_device_info *out) {
    VkInstance instance;
    VkPhysicalDevice devices[DEVICES_MAX];
    if (index < 0 || xl_vk_instance(&instance)) return false;
    bool there = (uint32_t)index < list_devices(instance, devices);
    if (there) {
        VkPhysicalDeviceDriverProperties driver = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES};
        VkPhysicalDeviceProperties2 p = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &driver};
        VkPhysicalDeviceMemoryProperties memory;
        vkGetPhysicalDeviceProperties2(devices[index], &p);
        vkGetPhysicalDeviceMemoryProperties(devices[index], &memory);
        const uint32_t version = p.properties.apiVersion;
        snprintf(out->name, sizeof out->name, "%s", device_names[index]);
        snprintf(out->text, sizeof out->text, "%.60s, Vulkan %u.%u, driver %.40s", p.properties.deviceName,
                 VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version), driver.driverInfo);
        out->memory_bytes = memory.memoryHeaps[own_heap(&memory)].size;
    }
    return there;
}

static int parse_index(const char *name, uint32_t *index, xlstm_error *err) {
    *index = 0;
    if (!name || !strcmp(name, "vulkan")) return XLSTM_OK;
    char *end;
    const char *digits = name + strlen("vulkan:");
    unsigned long value = strtoul(digits, &end, 10);
    if (digits[0] < '0' || digits[0] > '9' || *end || value >= DEVICES_MAX)
        return xl_fail(err, XLSTM_EUNSUPPORTED, "device '%.60s', wanted vulkan or vulkan:N", name);
    *index = (uint32_t)value;
    return XLSTM_OK;
}

/* The first type with all wanted flags, of those with most of the preferred ones. */
static bool find_type(const VkPhysicalDeviceMemoryProperties *memory, VkMemoryPropertyFlags wanted,
                      VkMemoryPropertyFlags preferred, uint32_t *out) {
    for (int pass = 0; pass < 2; pass++) {
        VkMemoryPropertyFlags flags = pass ? wanted : wanted | preferred;
        for (uint32_t i = 0; i < memory->memoryTypeCount; i++) {
            if ((memory->memoryTypes[i].propertyFlags & flags) == flags) {
                *out = i;
                return true;
            }
        }
    }
    return false;
}

static int choose_memory(xl_device *device, xlstm_error *err) {
    const VkMemoryPropertyFlags reached =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    VkPhysicalDeviceMemoryProperties memory;
    vkGetPhysicalDeviceMemoryProperties(device->physical, &memory);
    device->heap = own_heap(&memory);
    if (!find_type(&memory, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, 0, &device->memory_type[XL_VK_DEVICE]) ||
        !find_type(&memory, reached, 0, &device->memory_type[XL_VK_UPLOAD]) ||
        !find_type(&memory, reached, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, &device->memory_type[XL_VK_CONTROL]) ||
        !find_type(&memory, reached, VK_MEMORY_PROPERTY_HOST_CACHED_BIT, &device->memory_type[XL_VK_DOWNLOAD]))
        return xl_fail(err, XLSTM_EUNSUPPORTED, "%s: it lacks a kind of memory", device->properties.deviceName);
    return XLSTM_OK;
}

static bool find_queue(xl_device *device) {
    VkQueueFamilyProperties families[32];
    uint32_t count = 32;
    vkGetPhysicalDeviceQueueFamilyProperties(device->physical, &count, families);
    for (uint32_t i = 0; i < count; i++) {
        if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) {
            device->family = i;
            return true;
        }
    }
    return false;
}

/* Reads limits and the properties of subgroups. A subgroup variant needs sums in subgroups of one size. */
static void read_limits(xl_device *device) {
    VkPhysicalDeviceSubgroupSizeControlProperties sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES};
    VkPhysicalDeviceVulkan11Properties p11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES};
    VkPhysicalDeviceProperties2 p = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &p11};
    if (device->properties.apiVersion >= VK_API_VERSION_1_3) p11.pNext = &sizes;
    vkGetPhysicalDeviceProperties2(device->physical, &p);
    bool sums = (p11.subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT) &&
                (p11.subgroupSupportedOperations & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT);
    bool one_size = !p11.pNext || sizes.minSubgroupSize == sizes.maxSubgroupSize;
    device->subgroups = sums && one_size && p11.subgroupSize >= 4 && p11.subgroupSize <= 64;
    device->lanes = device->subgroups ? p11.subgroupSize : 32;
    device->shared_bytes = device->properties.limits.maxComputeSharedMemorySize;
    device->group_max = device->properties.limits.maxComputeWorkGroupInvocations;
    if (device->group_max > GROUP_MAX) device->group_max = GROUP_MAX;
    const uint64_t most = ((uint64_t)4 << 30) - ((uint64_t)2 << 20);
    device->block_max = p11.maxMemoryAllocationSize < most ? p11.maxMemoryAllocationSize : most;
}

static bool has_matrix(xl_device *device, const VkExtensionProperties *list, uint32_t count) {
    return xl_vk_has_name(list, count, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME) &&
           xl_vk_has_name(list, count, VK_KHR_SHADER_BFLOAT16_EXTENSION_NAME) && xl_vk_matrix_find(device);
}

/* The extensions of the device, to free; NULL where there is no memory. */
static VkExtensionProperties *list_extensions(VkPhysicalDevice physical, uint32_t *count) {
    *count = 0;
    vkEnumerateDeviceExtensionProperties(physical, NULL, count, NULL);
    VkExtensionProperties *list = xl_array(*count + 1, sizeof *list);
    if (list) vkEnumerateDeviceExtensionProperties(physical, NULL, count, list);
    return list;
}

static int make_device(xl_device *device, xlstm_error *err) {
    uint32_t count = 0, wanted = 0;
    VkExtensionProperties *list = list_extensions(device->physical, &count);
    if (!list) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    const char *names[EXTENSIONS_MAX];
    /* An extension that the standard orders to be taken where it is there. */
    static const char portability_subset[] = "VK_KHR_portability_subset";
    device->portable = xl_vk_has_name(list, count, portability_subset);
    if (device->portable) names[wanted++] = portability_subset;
    device->has_budget = xl_vk_has_name(list, count, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    if (device->has_budget) names[wanted++] = VK_EXT_MEMORY_BUDGET_EXTENSION_NAME;
    device->exportable = xl_vk_has_name(list, count, VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME) &&
                         xl_vk_exports_blocks(device->physical);
    if (device->exportable) names[wanted++] = VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME;
    device->signals = xl_vk_has_name(list, count, VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME) &&
                      xl_vk_exports_timelines(device->physical);
    if (device->signals) names[wanted++] = VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME;
    if (has_matrix(device, list, count)) {
        device->matrix = true;
        names[wanted++] = VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME;
        names[wanted++] = VK_KHR_SHADER_BFLOAT16_EXTENSION_NAME;
    }
    /* A part of Vulkan 1.3. */
    VkPhysicalDeviceShaderIntegerDotProductFeatures dots = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES};
    bool newer = device->properties.apiVersion >= VK_API_VERSION_1_3;
    if (newer || xl_vk_has_name(list, count, VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME)) {
        VkPhysicalDeviceFeatures2 f = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &dots};
        vkGetPhysicalDeviceFeatures2(device->physical, &f);
    }
    device->integers = dots.shaderIntegerDotProduct && !device->portable;
    if (device->integers && !newer) names[wanted++] = VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME;
    free(list);

    const float priority = 1;
    const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                           .queueFamilyIndex = device->family,
                                           .queueCount = 1,
                                           .pQueuePriorities = &priority};
    VkPhysicalDeviceVulkan12Features f12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
                                            .bufferDeviceAddress = VK_TRUE,
                                            .timelineSemaphore = VK_TRUE};
    xl_vk_matrix_features matrix;
    VkPhysicalDeviceFeatures2 features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &f12, .features = {.shaderInt64 = VK_TRUE}};
    if (device->matrix) xl_vk_matrix_enable(&matrix, &f12, &features);
    if (device->integers) {
        dots.pNext = features.pNext;
        features.pNext = &dots;
    }
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                     .pNext = &features,
                                     .queueCreateInfoCount = 1,
                                     .pQueueCreateInfos = &queue,
                                     .enabledExtensionCount = wanted,
                                     .ppEnabledExtensionNames = names};
    VkResult result = vkCreateDevice(device->physical, &info, NULL, &device->handle);
    if (result) return xl_vk_fail(device, result, "opening it", err);
    vkGetDeviceQueue(device->handle, device->family, 0, &device->queue);
    return XLSTM_OK;
}

static int make_objects(xl_device *device, xlstm_error *err) {
    const VkPushConstantRange range = {VK_SHADER_STAGE_COMPUTE_BIT, 0, XL_VK_PUSH_MAX};
    const VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                               .pushConstantRangeCount = 1,
                                               .pPushConstantRanges = &range};
    VkResult result = vkCreatePipelineLayout(device->handle, &layout, NULL, &device->layout);
    const VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                            .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
    const VkSemaphoreCreateInfo semaphore = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type};
    if (!result) result = vkCreateSemaphore(device->handle, &semaphore, NULL, &device->timeline);
    if (!result) result = xl_vk_crossings_make(device);
    const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                          .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                          .queueFamilyIndex = device->family};
    if (!result) result = vkCreateCommandPool(device->handle, &pool, NULL, &device->pool);
    VkCommandBuffer commands[XL_VK_STAGES + 1] = {0};
    const VkCommandBufferAllocateInfo buffers = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                                 .commandPool = device->pool,
                                                 .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                                 .commandBufferCount = XL_VK_STAGES + 1};
    if (!result) result = vkAllocateCommandBuffers(device->handle, &buffers, commands);
    if (result) return xl_vk_fail(device, result, "preparing it", err);
    device->once = commands[XL_VK_STAGES];
    for (int i = 0; i < XL_VK_STAGES; i++) device->stages[i].commands = commands[i];
    return XLSTM_OK;
}

void xl_vk_limit_tunables(const char *name, int64_t most[XLSTM_TUNABLE_COUNT]) {
    xl_device device = {.instance = VK_NULL_HANDLE};
    VkPhysicalDevice devices[DEVICES_MAX];
    uint32_t index;
    if (parse_index(name, &index, NULL) || xl_vk_instance(&device.instance)) return;
    if (index < list_devices(device.instance, devices)) {
        device.physical = devices[index];
        vkGetPhysicalDeviceProperties(device.physical, &device.properties);
        read_limits(&device);
        uint32_t count;
        VkExtensionProperties *list = list_extensions(device.physical, &count);
        if (!list || !has_matrix(&device, list, count)) most[XLSTM_TUNE_GPU_TILE] = XLSTM_TILE_AUTO;
        free(list);
        if (!device.subgroups) most[XLSTM_TUNE_GPU_SUBGROUPS] = XLSTM_SUBGROUPS_AUTO;
        while (xlstm_tunable_number(XLSTM_TUNE_GPU_GROUP, most[XLSTM_TUNE_GPU_GROUP]) > device.group_max)
            most[XLSTM_TUNE_GPU_GROUP]--;
    }
}

int xl_vk_device_open(xl_device **out, const xl_device_options *options, xlstm_error *err) {
    VkPhysicalDevice devices[DEVICES_MAX];
    uint32_t index, count = 0;
    int status = parse_index(options->name, &index, err);
    if (status) return status;
    xl_device *device = calloc(1, sizeof *device);
    if (!device) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    pthread_mutex_init(&device->lock, NULL);
    VkResult result = xl_vk_instance(&device->instance);
    if (result) {
        status = xl_vk_fail(NULL, result, "starting Vulkan", err);
        goto fail;
    }
    count = list_devices(device->instance, devices);
    if (index >= count) {
        status = count ? xl_fail(err, XLSTM_EUNSUPPORTED, "device 'vulkan:%u', wanted vulkan:0 to vulkan:%u", index,
                                 count - 1)
                       : xl_fail(err, XLSTM_EUNSUPPORTED,
                                 "no Vulkan device is here: none has Vulkan 1.2 with device "
                                 "addresses, timeline semaphores and 64-bit integers");
        goto fail;
    }
    device->physical = devices[index];
    vkGetPhysicalDeviceProperties(device->physical, &device->properties);
    device->name = device_names[index];
    read_limits(device);
    status = choose_memory(device, err);
    if (!status && !find_queue(device))
        status = xl_fail(err, XLSTM_EUNSUPPORTED, "%s: it has no compute queue", device->properties.deviceName);
    if (!status) status = make_device(device, err);
    if (!status) status = make_objects(device, err);
    if (status) goto fail;
    /* "c" asks for nothing but the plainest kernels, which are those of any device. */
    if (options->cpu_mask && !strcmp(options->cpu_mask, "c")) {
        device->portable = true;
        device->subgroups = device->matrix = device->integers = false;
        device->lanes = 32;
    }
    device->profiled = options->profile;
    xl_vk_cache_load(device);
    *out = device;
    return XLSTM_OK;
fail:
    xl_vk_device_close(device);
    return status;
}

void xl_vk_device_close(xl_device *device) {
    if (!device) return;
    if (device->handle) {
        vkDeviceWaitIdle(device->handle);
        xl_vk_cache_save(device);
        xl_vk_pipelines_free(device);
        xl_vk_spares_free(device);
        for (int i = 0; i < XL_VK_STAGES; i++) xl_vk_block_free(&device->stages[i].block);
        vkDestroyPipelineCache(device->handle, device->cache, NULL);
        vkDestroyCommandPool(device->handle, device->pool, NULL);
        vkDestroySemaphore(device->handle, device->timeline, NULL);
        for (int i = 0; i < XL_VK_CROSSINGS; i++) vkDestroySemaphore(device->handle, device->crossings[i], NULL);
        vkDestroyPipelineLayout(device->handle, device->layout, NULL);
        vkDestroyDevice(device->handle, NULL);
    }
    free(device->cache_path);
    pthread_mutex_destroy(&device->lock);
    free(device);
}

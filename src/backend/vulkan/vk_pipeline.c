/* Pipelines, made when they are first wanted, and the driver's cache of them on disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/vulkan/vulkan_impl.h"
#include "base/error.h"
#include "base/file.h"
#include "base/output.h"

enum { CACHE_LIMIT = 64 << 20 };

static int make(VkPipeline *out, xl_device *device, const xl_vk_pipeline *key, xlstm_error *err) {
    const xl_vk_code *code = &xl_vk_code_table[key->subgroups][key->shader];
    const VkShaderModuleCreateInfo module_info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = code->bytes, .pCode = code->words};
    VkShaderModule module = VK_NULL_HANDLE;
    VkResult result = vkCreateShaderModule(device->handle, &module_info, NULL, &module);
    VkSpecializationMapEntry entries[XL_VK_SPECS_MAX];
    for (uint32_t i = 0; i < key->spec_count; i++)
        entries[i] = (VkSpecializationMapEntry){i, i * (uint32_t)sizeof(uint32_t), sizeof(uint32_t)};
    const VkSpecializationInfo specs = {key->spec_count, entries, key->spec_count * sizeof(uint32_t), key->specs};
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main",
                  .pSpecializationInfo = &specs},
        .layout = device->layout};
    if (!result) result = vkCreateComputePipelines(device->handle, device->cache, 1, &info, NULL, out);
    vkDestroyShaderModule(device->handle, module, NULL);
    return result ? xl_vk_fail(device, result, code->name, err) : XLSTM_OK;
}

static bool same(const xl_vk_pipeline *a, const xl_vk_pipeline *b) {
    return a->shader == b->shader && a->subgroups == b->subgroups && a->spec_count == b->spec_count &&
           !memcmp(a->specs, b->specs, a->spec_count * sizeof *a->specs);
}

/* Locked. */
static int get(VkPipeline *out, xl_device *device, xl_vk_pipeline *key, xlstm_error *err) {
    for (size_t i = 0; i < device->pipeline_count; i++) {
        if (!same(&device->pipelines[i], key)) continue;
        *out = device->pipelines[i].handle;
        return XLSTM_OK;
    }
    if (device->pipeline_count == device->pipeline_room) {
        size_t room = device->pipeline_room ? 2 * device->pipeline_room : 32;
        xl_vk_pipeline *list = realloc(device->pipelines, room * sizeof *list);
        if (!list) return xl_fail(err, XLSTM_ENOMEM, "out of memory for %zu pipelines", room);
        device->pipelines = list;
        device->pipeline_room = room;
    }
    int status = make(&key->handle, device, key, err);
    if (status) return status;
    device->pipelines[device->pipeline_count++] = *key;
    *out = key->handle;
    return XLSTM_OK;
}

uint32_t xl_vk_lanes(const xl_device *device, bool subgroups) {
    enum { SHARED_LANES = 32 };
    return subgroups && device->subgroups ? device->lanes : SHARED_LANES;
}

int xl_vk_pipeline_get(VkPipeline *out, xl_device *device, xl_vk_shader shader, bool subgroups, uint32_t group,
                       const uint32_t *specs, uint32_t count, xlstm_error *err) {
    xl_vk_pipeline key = {.shader = shader,
                          .subgroups = subgroups && device->subgroups,
                          .specs = {group, xl_vk_lanes(device, subgroups)},
                          .spec_count = count + 2};
    if (count) memcpy(key.specs + 2, specs, count * sizeof *specs);
    pthread_mutex_lock(&device->lock);
    int status = get(out, device, &key, err);
    pthread_mutex_unlock(&device->lock);
    return status;
}

void xl_vk_pipelines_free(xl_device *device) {
    for (size_t i = 0; i < device->pipeline_count; i++)
        vkDestroyPipeline(device->handle, device->pipelines[i].handle, NULL);
    free(device->pipelines);
}

/* ~/.cache/xltune/vulkan-<id of device and driver>; NULL where there is no home. */
static char *cache_path(const xl_device *device) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char folder[4096], name[64] = "vulkan-";
    if (cache && cache[0] == '/') snprintf(folder, sizeof folder, "%s/xltune", cache);
    else if (home && home[0] == '/') snprintf(folder, sizeof folder, "%s/.cache/xltune", home);
    else return NULL;
    for (unsigned i = 0; i < VK_UUID_SIZE; i++)
        snprintf(name + strlen(name), sizeof name - strlen(name), "%02x", device->properties.pipelineCacheUUID[i]);
    xlstm_error err;
    return xl_make_folder(folder, &err) ? NULL : xl_path_join(folder, name);
}

/* The header is the standard's; a file of another device or driver is left alone. */
static bool fits(const xl_device *device, const char *data, size_t bytes) {
    VkPipelineCacheHeaderVersionOne header;
    if (bytes < sizeof header) return false;
    memcpy(&header, data, sizeof header);
    return header.headerSize <= bytes && header.headerVersion == VK_PIPELINE_CACHE_HEADER_VERSION_ONE &&
           header.vendorID == device->properties.vendorID && header.deviceID == device->properties.deviceID &&
           !memcmp(header.pipelineCacheUUID, device->properties.pipelineCacheUUID, VK_UUID_SIZE);
}

void xl_vk_cache_load(xl_device *device) {
    char *data = NULL;
    size_t bytes = 0;
    xlstm_error err;
    device->cache_path = cache_path(device);
    if (device->cache_path &&
        (!xl_is_file(device->cache_path) || xl_file_read(device->cache_path, CACHE_LIMIT, &data, &bytes, &err)))
        data = NULL;
    if (!data || !fits(device, data, bytes)) bytes = 0;
    const VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
                                            .initialDataSize = bytes,
                                            .pInitialData = bytes ? data : NULL};
    /* Without a cache everything works, only later. */
    if (vkCreatePipelineCache(device->handle, &info, NULL, &device->cache)) device->cache = VK_NULL_HANDLE;
    device->cache_bytes = bytes;
    free(data);
}

void xl_vk_cache_save(xl_device *device) {
    size_t bytes = 0;
    if (!device->cache || !device->cache_path || atomic_load(&device->lost)) return;
    if (vkGetPipelineCacheData(device->handle, device->cache, &bytes, NULL) || bytes <= device->cache_bytes ||
        bytes > CACHE_LIMIT)
        return;
    char *data = malloc(bytes);
    xlstm_error err;
    xl_output *out = NULL;
    if (data && !vkGetPipelineCacheData(device->handle, device->cache, &bytes, data) &&
        !xl_output_open(&out, device->cache_path, &err)) {
        if (xl_output_write(out, data, bytes, &err)) xl_output_abort(out);
        else (void)xl_output_commit(out, &err);
    }
    free(data);
}

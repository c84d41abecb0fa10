/* Where the time of a device goes: every dispatch between two timestamps, added up by shader and operation. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/vulkan/vulkan_impl.h"
#include "base/error.h"
#include "base/memory.h"

int xl_vk_profile_begin(xl_executor *e, xlstm_error *err) {
    xl_device *device = e->plan->device;
    const VkQueryPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                        .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                        .queryCount = XL_VK_STAMPS_MAX};
    e->stamped = xl_array(XL_VK_STAMPS_MAX, sizeof *e->stamped);
    if (!e->stamped) return xl_fail(err, XLSTM_ENOMEM, "out of memory");
    VkResult result = vkCreateQueryPool(device->handle, &info, NULL, &e->queries);
    return result ? xl_vk_fail(device, result, "preparing to profile", err) : XLSTM_OK;
}

void xl_vk_profile_end(xl_executor *e) {
    vkDestroyQueryPool(e->plan->device->handle, e->queries, NULL);
    free(e->stamped);
}

static const char *op_name(int op) {
    static const char *const kinds[] = {[XL_OP_EMBED] = "embed",
                                        [XL_OP_PROJECT] = "project",
                                        [XL_OP_GATED] = "gated",
                                        [XL_OP_CELL] = "cell",
                                        [XL_OP_LOGITS] = "logits"};
    if (op <= XL_OP_LOGITS) return kinds[op];
    switch ((xl_slot)(op - XL_OP_LOGITS - 1)) {
    case XL_SLOT_X:
        return "qkvo";
    case XL_SLOT_H:
        return "out";
    default:
        return "down";
    }
}

static void add(xl_executor *e, const xl_vk_stamp *stamp, uint64_t ns) {
    char name[sizeof e->times->name];
    snprintf(name, sizeof name, "ns %.16s %.20s", op_name(stamp->op), xl_vk_code_table[0][stamp->shader].name);
    int i = 0;
    while (i < e->time_count && strcmp(e->times[i].name, name) != 0) i++;
    if (i == XL_VK_TIMES_MAX) return;
    if (i == e->time_count) {
        e->times[e->time_count++] = (xl_vk_time){.ns = 0};
        memcpy(e->times[i].name, name, sizeof name);
    }
    e->times[i].ns += ns;
    e->times[i].count++;
}

void xl_vk_profile_add(xl_executor *e) {
    if (!e->queries || e->stamps < 2) return;
    const xl_device *device = e->plan->device;
    uint64_t *ticks = xl_array(e->stamps, sizeof *ticks);
    if (ticks && !vkGetQueryPoolResults(device->handle, e->queries, 0, e->stamps, e->stamps * sizeof *ticks, ticks,
                                        sizeof *ticks, VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT)) {
        for (uint32_t i = 1; i < e->stamps; i++)
            add(e, &e->stamped[i],
                (uint64_t)((double)(ticks[i] - ticks[i - 1]) * (double)device->properties.limits.timestampPeriod));
    }
    free(ticks);
}

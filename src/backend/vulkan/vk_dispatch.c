/* Single dispatches and the barriers between them. */
#include "backend/vulkan/vk_recorder.h"
#include "base/error.h"

void xl_vk_barrier(xl_vk_recorder *r) {
    const VkMemoryBarrier memory = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                    .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
                                    .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT};
    vkCmdPipelineBarrier(r->commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0,
                         1, &memory, 0, NULL, 0, NULL);
}

/* With profiling on, each dispatch is alone between two timestamps. */
void xl_vk_stamp_now(xl_vk_recorder *r, xl_vk_shader shader) {
    xl_executor *e = r->executor;
    if (!e->queries || e->stamps >= XL_VK_STAMPS_MAX) return;
    xl_vk_barrier(r);
    e->stamped[e->stamps] = (xl_vk_stamp){shader, r->op};
    vkCmdWriteTimestamp(r->commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, e->queries, e->stamps++);
}

int xl_vk_check_push(xl_vk_shader shader, uint32_t bytes, xlstm_error *err) {
    const xl_vk_code *code = &xl_vk_code_table[1][shader];
    const uint32_t aligned = 8; /* a structure's end is filled up */
    if (bytes >= code->push_bytes && bytes < code->push_bytes + aligned) return XLSTM_OK;
    return xl_fail(err, XLSTM_EDEVICE, "the shader %s takes %u bytes of push constants, and was given %u",
                   code->name, code->push_bytes, bytes);
}

void xl_vk_dispatch(xl_vk_recorder *r, const xl_vk_launch *l) {
    VkPipeline pipeline;
    xl_device *device = r->plan->device;
    if (r->status || !l->x || !l->y || !l->z) return;
    r->status = xl_vk_check_push(l->shader, l->push_bytes, r->err);
    if (!r->status)
        r->status = xl_vk_pipeline_get(&pipeline, device, l->shader, r->shape->knobs.subgroups, l->group, l->specs,
                                       l->spec_count, r->err);
    if (r->status) return;
    vkCmdBindPipeline(r->commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vkCmdPushConstants(r->commands, device->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, l->push_bytes, l->push);
    vkCmdDispatch(r->commands, l->x, l->y, l->z);
    xl_vk_stamp_now(r, l->shader);
}

xl_vk_span xl_vk_control(const xl_vk_recorder *r, const void *host) {
    const xl_vk_block *block = &r->executor->control;
    return (xl_vk_span){block, (uint64_t)((const char *)host - (const char *)block->host)};
}

uint64_t xl_vk_order(const xl_vk_recorder *r) {
    return xl_vk_address(r->executor->work[XL_VK_WORK_COUNTERS].span);
}

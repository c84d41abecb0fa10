/* Recording of a segment's commands: what vk_record.c and vk_cell.c share. */
#ifndef XL_VULKAN_RECORDER_H
#define XL_VULKAN_RECORDER_H

#include "backend/vulkan/vulkan_impl.h"

enum {
    XL_VK_SIDE = 64,  /* tokens, rows and columns of a tile of the shaders that tile */
    XL_VK_GROUP = 256 /* invocations of a workgroup, where nothing else is said */
};

typedef struct xl_vk_recorder {
    xl_executor *executor;
    const xl_plan *plan;
    const xl_vk_shape *shape;
    VkCommandBuffer commands;
    int op; /* for profiles: an xl_op_kind, or the input of a projection behind them */
    xlstm_error *err;
    int status; /* the first failure; what is recorded after it has no effect */
} xl_vk_recorder;

typedef struct xl_vk_launch {
    xl_vk_shader shader;
    uint32_t group;
    const uint32_t *specs; /* from constant 2 on */
    uint32_t spec_count;
    const void *push;
    uint32_t push_bytes;
    uint32_t x, y, z; /* workgroups; none where one is 0 */
} xl_vk_launch;

static inline uint32_t xl_vk_ceil_div(uint32_t a, uint32_t b) {
    return (a + b - 1) / b;
}

/* vk_dispatch.c: a barrier between dispatches of which the later depend on the earlier; a dispatch; where something
 * of the executor's description of the segment lies for the device. */
void xl_vk_barrier(xl_vk_recorder *r);
void xl_vk_dispatch(xl_vk_recorder *r, const xl_vk_launch *launch);
void xl_vk_stamp_now(xl_vk_recorder *r, xl_vk_shader shader); /* of profiles; called by xl_vk_dispatch */
xl_vk_span xl_vk_control(const xl_vk_recorder *r, const void *host);

/* vk_cell.c: h of all rows of the segment, the states moved on. */
void xl_vk_record_cell(xl_vk_recorder *r, const xl_vk_op *op);

#endif

/* The weights' buffers. */
#ifndef XL_VULKAN_BUFFER_H
#define XL_VULKAN_BUFFER_H

#include "backend/vulkan/vulkan_impl.h"

struct xl_buffer {
    xl_vk_block block;
};

#endif

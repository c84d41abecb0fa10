/* The compiled shaders. */
#ifndef XL_VULKAN_SPIRV_H
#define XL_VULKAN_SPIRV_H

#include <stddef.h>
#include <stdint.h>

typedef enum xl_vk_shader {
#define SHADER(name) XL_VK_SHADER_##name,
#define NATIVE(name) XL_VK_SHADER_##name,
#define KEPT(name, source, flags) XL_VK_SHADER_##name,
#include "backend/vulkan/shaders/shaders.def"
#undef KEPT
#undef NATIVE
#undef SHADER
    XL_VK_SHADER_COUNT
} xl_vk_shader;

typedef struct xl_vk_code {
    const char *name;
    const uint32_t *words;
    size_t bytes;
    uint32_t push_bytes; /* of its push constants */
} xl_vk_code;

/* [0]: sums through shared memory, [1]: with subgroup operations. Made by shaders/compile.py. */
extern const xl_vk_code xl_vk_code_table[2][XL_VK_SHADER_COUNT];

#endif

/* Which tile of the matrix units multiplies so many tokens, and in how many parts. */
#include "backend/vulkan/vk_recorder.h"

/* The tile of few tokens; packed: of weights that become bfloat16 on their way. */
static xl_vk_tile small_tile(uint32_t tokens, bool gated, bool packed) {
    static const xl_vk_shader shaders[2][2][2] = {
        {{XL_VK_SHADER_matrix_small, XL_VK_SHADER_matrix_small_gated},
         {XL_VK_SHADER_packed_small, XL_VK_SHADER_packed_small_gated}},
        {{XL_VK_SHADER_matrix_tiny, XL_VK_SHADER_matrix_tiny_gated},
         {XL_VK_SHADER_packed_tiny, XL_VK_SHADER_packed_tiny_gated}},
    };
    const bool tiny = tokens <= XL_VK_TINY_TOKENS;
    const uint32_t rows = gated ? 32 : 64;
    if (tokens > XL_VK_SMALL_TOKENS)
        return (xl_vk_tile){gated ? XL_VK_SHADER_matrix_medium_gated : XL_VK_SHADER_matrix_medium,
                            XL_VK_MEDIUM_TOKENS, rows, false};
    return (xl_vk_tile){shaders[tiny][packed][gated], tiny ? XL_VK_TINY_TOKENS : XL_VK_SMALL_TOKENS, rows, packed};
}

xl_vk_tile xl_vk_choose_tile(uint32_t wanted, const xl_vk_product *w, uint32_t tokens, bool gated) {
    enum { MANY_TOKENS = 1024, WIDE_ROWS = 4096 };
    const uint32_t rows = gated ? w->rows / 2 : w->rows;
    /* Matrices of float32 would have to be rounded for every tile of tokens. */
    const bool packed = w->format != XL_FORMAT_BF16 && w->format != XL_FORMAT_F32;
    if (wanted == XLSTM_TILE_AUTO) {
        if (tokens <= XL_VK_MEDIUM_TOKENS) wanted = XLSTM_TILE_SMALL;
        else wanted = tokens >= MANY_TOKENS && rows > WIDE_ROWS ? XLSTM_TILE_WIDE : XLSTM_TILE_SQUARE;
    }
    if (wanted == XLSTM_TILE_SMALL) return small_tile(tokens, gated, packed);
    if (gated) return (xl_vk_tile){XL_VK_SHADER_matrix_gated, XL_VK_TILE_TOKENS, 64, false};
    if (wanted == XLSTM_TILE_WIDE) return (xl_vk_tile){XL_VK_SHADER_matrix_wide, XL_VK_TILE_TOKENS, 192, false};
    return (xl_vk_tile){XL_VK_SHADER_matrix_square, XL_VK_TILE_TOKENS, 128, false};
}

uint32_t xl_vk_tile_parts(const xl_vk_product *w, uint32_t tokens) {
    enum { ADDED_ROWS = 8192, OTHER_ROWS = 16384, OTHER_PARTS = 2 };
    if (w->add) return tokens <= XL_VK_TILE_TOKENS && w->rows <= ADDED_ROWS ? XL_VK_SPLIT : 1;
    return tokens <= XL_VK_SMALL_TOKENS && w->rows <= OTHER_ROWS ? OTHER_PARTS : 1;
}

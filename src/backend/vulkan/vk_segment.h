/* Segments: what of a batch is one recording, and how much one may hold. */
#ifndef XL_VULKAN_SEGMENT_H
#define XL_VULKAN_SEGMENT_H

#include "backend/vulkan/vulkan_impl.h"

/* Where a batch stands between segments. */
typedef struct xl_vk_cursor {
    size_t feed;
    int64_t token;
    float *logits;
} xl_vk_cursor;

/* How much a segment may hold. */
typedef struct xl_vk_limits {
    xl_vk_knobs knobs;
    int64_t rows, chunk, chunks, kept, band;
    bool steps, matrix, integers;
    bool matrix_cell; /* the chunks of the cell may go to the matrix units */
    bool greedy;      /* the device chooses the next tokens */
} xl_vk_limits;

/* v: the settings in force. */
xl_vk_limits xl_vk_find_limits(const xl_executor *executor, const xlstm_settings *v);
/* Room for the largest of the batch's segments. */
int xl_vk_reserve_for(xl_executor *executor, const xl_batch *batch, const xl_vk_limits *limit, xlstm_error *err);
/* Describes the next segment to the device and moves `at` on. Without an executor it is only measured. */
xl_vk_shape xl_vk_next_segment(xl_executor *executor, const xl_batch *batch, xl_vk_cursor *at,
                               const xl_vk_limits *limit, const xl_program *p);

#endif

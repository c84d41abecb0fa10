/* What the files of a space share. Private to tuner/space. */
#ifndef TUNE_SPACE_IMPL_H
#define TUNE_SPACE_IMPL_H

#include "tuner/space/space.h"

/* The points that have an id. In a counted space these are all points and nothing changes any more; in another one
 * a point gets its id when it is first found. Blocks do not move, so that an index keeps its address. */
typedef struct tune_points {
    uint16_t **block; /* indexes of so many points each */
    size_t blocks, block_room;
    size_t size;
    uint64_t *keys;
    uint32_t *table; /* open addressing over ids */
    size_t table_mask;
} tune_points;

struct tune_space {
    tune_param params[TUNE_SPACE_PARAMS];
    tune_value_map declared[TUNE_SPACE_PARAMS]; /* of each parameter's declared values */
    size_t count;
    tune_expr **conditions;
    size_t condition_count;
    tune_canonical_key key;
    void *key_context;
    bool sealed, counted;
    size_t settings;     /* of the declared values, that meet the conditions; an upper bound where not counted */
    tune_points *points; /* changes under a constant space that is not counted */
};

#endif

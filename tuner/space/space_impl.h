/* Declarations that the files of tuner/space share. Private to tuner/space. */
#ifndef TUNE_SPACE_IMPL_H
#define TUNE_SPACE_IMPL_H

#include "tuner/space/space.h"

/* The points that have an id. In a counted space these are all points, and nothing changes any more; in another
 * space a point gets its id when it is first found. Blocks are never moved, so pointers to indexes stay valid. */
typedef struct tune_points {
    uint16_t **block; /* each holds the indexes of a fixed number of points */
    size_t blocks, block_room;
    size_t size;
    uint64_t *keys;
    uint32_t *table; /* hash table of ids with open addressing */
    size_t table_mask;
} tune_points;

struct tune_space {
    tune_param params[TUNE_SPACE_PARAMS];
    tune_value_map declared[TUNE_SPACE_PARAMS]; /* the declared values of each parameter */
    size_t count;
    tune_expr **conditions;
    size_t condition_count;
    tune_canonical_key key;
    void *key_context;
    bool sealed, counted;
    size_t settings;     /* over the declared values; an upper bound where not counted */
    tune_points *points; /* changes, also in a constant space, where the space is not counted */
};

#endif

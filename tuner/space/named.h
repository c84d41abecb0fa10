/* Values by name: a point as somebody reads it who has not its space, or for whom the space is another one. */
#ifndef TUNE_SPACE_NAMED_H
#define TUNE_SPACE_NAMED_H

#include "tuner/space/space.h"

typedef struct tune_named {
    const char *name;
    tune_value value;
} tune_named;

/* A list of its own: the names and texts lie behind the items in one block. Nothing: {0}. */
typedef struct tune_named_list {
    tune_named *item; /* [count]; NULL: none */
    size_t count;
} tune_named_list;

/* Fills `out` with copies of all names and texts; false when out of memory, and *out is {0}. */
bool tune_named_copy(tune_named_list *out, const tune_named *from, size_t count);
void tune_named_clear(tune_named_list *list);

/* NULL where the name is not there. */
const tune_value *tune_named_find(const tune_named_list *list, const char *name);

/* Whether two lists hold the same values by the same names, in any order. */
bool tune_named_same(const tune_named_list *a, const tune_named_list *b);

/* All parameters of a point, in the space's order; false when out of memory. */
bool tune_named_of_point(tune_named_list *out, const tune_space *space, uint32_t point);
/* The point of these values; a parameter of one value may be missing. TUNE_NO_POINT where another one is, or where
 * the space does not hold the point. */
uint32_t tune_named_point(const tune_named_list *list, const tune_space *space);

/* "chunk_size=64 workers=2", whole; malloc'd, NULL when out of memory. */
char *tune_named_text(const tune_named_list *list);
/* {"chunk_size": 64, …}; a new reference, NULL when out of memory or where a text is no UTF-8. */
json_t *tune_named_json(const tune_named_list *list);
/* The reverse, in the object's order. EFORMAT: no object, or a member that is neither a number nor a text. */
int tune_named_from_json(tune_named_list *out, const json_t *object, xlstm_error *err);

#endif

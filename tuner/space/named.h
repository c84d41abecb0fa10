/* Values by name: a point for readers that do not have its space, or have another one. */
#ifndef TUNE_SPACE_NAMED_H
#define TUNE_SPACE_NAMED_H

#include "base/intern.h"
#include "tuner/space/space.h"

typedef struct tune_named {
    const char *name;
    tune_value value;
} tune_named;

/* A list that owns its contents: the names and texts follow the items in one block, unless it shares them. The
 * empty list is {0}. */
typedef struct tune_named_list {
    tune_named *item; /* [count]; NULL: empty */
    size_t count;
} tune_named_list;

/* Fills `out` with copies of all names and texts. Returns false when out of memory; *out is then {0}. */
bool tune_named_copy(tune_named_list *out, const tune_named *from, size_t count);
void tune_named_clear(tune_named_list *list);

/* Has a list use the names and texts of a set, which must outlive it, instead of copies of its own. Lists of one
 * set that hold the same values in the same order are then the same bytes in `item`. Returns false when out of
 * memory; the list is whole then too, but the set must outlive it all the same. */
bool tune_named_share(tune_named_list *list, xl_intern *texts);

/* Returns NULL where the name is missing. */
const tune_value *tune_named_find(const tune_named_list *list, const char *name);

/* Whether two lists hold the same values by the same names, in any order. */
bool tune_named_same(const tune_named_list *a, const tune_named_list *b);

/* Lists all parameters of a point in the space's order; returns false when out of memory. */
bool tune_named_of_point(tune_named_list *out, const tune_space *space, uint32_t point);
/* Returns the point with these values. A parameter that has only one value may be missing. TUNE_NO_POINT where
 * another one is missing, or where the space does not contain the point. */
uint32_t tune_named_point(const tune_named_list *list, const tune_space *space);

/* Returns "chunk_size=64 workers=2", not cut; malloc'd, NULL when out of memory. */
char *tune_named_text(const tune_named_list *list);
/* Returns {"chunk_size": 64, …}, a reference that the caller owns; NULL when out of memory, or where a text is not
 * UTF-8. */
json_t *tune_named_json(const tune_named_list *list);
/* The same as text; malloc'd, NULL when out of memory. */
char *tune_named_json_text(const tune_named_list *list);
/* Reads the list back, in the object's order. XLSTM_EFORMAT: not an object, or a member that is neither a number
 * nor a text. */
int tune_named_from_json(tune_named_list *out, const json_t *object, xlstm_error *err);

#endif

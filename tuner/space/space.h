/* A search space: a declared list of parameters, each with an ordered list of values; conditions between them; and
 * a rule that says which settings are equal in effect. A point is known by its id. Its `index` is the same point
 * as one value index for each parameter.
 *
 * A small space is counted when it is sealed: ids 0 … size-1 are its points in the order of enumeration (the last
 * parameter varies fastest), it never changes again, and threads may share it. A large space is never enumerated:
 * a point gets the next id when it is first found or drawn, and only one thread at a time may use the space. */
#ifndef TUNE_SPACE_H
#define TUNE_SPACE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>

#include "base/rng.h"
#include "tuner/space/expr.h"
#include "tuner/space/values.h"

enum {
    TUNE_SPACE_PARAMS = 64,       /* parameters, at most */
    TUNE_SPACE_VALUES = 65535,    /* values of one parameter, at most */
    TUNE_SPACE_COUNTED = 1 << 20, /* settings that sealing looks at; a space with more is not counted */
    TUNE_SPACE_MOVES = 2          /* step sizes of the original's mutation, at most */
};
#define TUNE_NO_POINT UINT32_MAX
/* A candidate is a point, as a non-negative number, or this: the settings in force before the search. */
#define TUNE_BASELINE (-1)

/* What a parameter affects, as a set of bits that the target declares. A metric names the bits that may change it
 * (tune_metric.affected). 0: nothing was declared, so anything may be affected. */
enum {
    TUNE_AFFECTS_FIRST = 1,    /* the first of the two times of tune_metrics.apart */
    TUNE_AFFECTS_SECOND = 2,   /* the second of them */
    TUNE_AFFECTS_MEMORY = 4,   /* how much memory is used */
    TUNE_AFFECTS_OUTPUT = 8,   /* what is computed */
    TUNE_AFFECTS_OPENING = 16, /* what is prepared before a point can be measured, which is then costly to change */
    TUNE_AFFECTS_TIMES = TUNE_AFFECTS_FIRST | TUNE_AFFECTS_SECOND
};

/* How the original draws this parameter for a random point. */
typedef enum tune_draw {
    TUNE_DRAW_ANY, /* uniformly from all values */
    TUNE_DRAW_ENDS /* one of the first, the middle (rounded down) and the last */
} tune_draw;

typedef struct tune_param {
    char *name;
    unsigned affects; /* TUNE_AFFECTS_* */
    bool ordered;     /* whether the values are numbers, so that near values may behave alike */
    uint32_t count; /* number of values that differ in effect, at least 1; with one value the parameter is fixed */
    tune_value *values;
    /* All values as they were given. Some of them may be equal in effect (tune_space_merge): the first of such
     * values is in `values` and stands for the others. */
    uint32_t declared_count;
    tune_value *declared;
    uint16_t *stands; /* [declared_count]: index in `values`; NULL: each value stands for itself */
    uint16_t *place;  /* [count]: index of each value among the declared; NULL: the same index */
    uint32_t preset;  /* index of the default; TUNE_NO_POINT: none, or not among the values */
    tune_draw draw;
    /* The original's mutation adds or subtracts one of these, in steps of the declared values and limited to their
     * range; 0-terminated. The default is {1, 2} where there are more than five values, else {1}. */
    uint32_t moves[TUNE_SPACE_MOVES];
} tune_param;

typedef struct tune_space tune_space;

/* ---- parameters that a user may name ---- */

typedef struct tune_known {
    const char *name;
    unsigned affects;           /* TUNE_AFFECTS_* */
    double min, max, preset;    /* inclusive; for choices indexes from 0 */
    double hard_min, hard_max;  /* limits of values in an explicit list */
    const char *const *choices; /* ends with NULL; NULL itself for numbers */
    bool fractions;             /* whether its numbers need not be whole */
} tune_known;

/* ---- building ---- */

tune_space *tune_space_create(void); /* returns NULL when out of memory */
void tune_space_destroy(tune_space *s);

/* These functions add a parameter. XLSTM_EARG names it and says what was wrong (a name used twice, no value, an
 * invalid range, too many parameters or values). */
int tune_space_add_range(tune_space *s, const char *name, unsigned affects, int64_t min, int64_t max, int64_t step,
                         xlstm_error *err);
/* The values are the powers of two in [min, max], min >= 1. */
int tune_space_add_powers(tune_space *s, const char *name, unsigned affects, int64_t min, int64_t max,
                          xlstm_error *err);
/* The values are numbers, or texts (copied), in the given order, each once. A single value fixes the parameter. */
int tune_space_add_list(tune_space *s, const char *name, unsigned affects, const tune_value *values, size_t count,
                        xlstm_error *err);
/* Merges values of a parameter that have the same `comes_to` ([declared_count]), because they are equal in effect
 * whatever the other parameters are. A parameter that a condition uses is left as it is, because the condition may
 * distinguish its values. To be called before the preset is set and after all conditions were added. */
int tune_space_merge(tune_space *s, size_t param, const int64_t *comes_to, xlstm_error *err);
/* Adds a condition over the parameters added so far; points for which it is not true do not exist. */
int tune_space_add_condition(tune_space *s, const char *expression, xlstm_error *err);
/* Sets the default of a parameter; a value that is not among its values is ignored. */
void tune_space_set_preset(tune_space *s, size_t param, tune_value value);
/* Sets how the original draws and mutates a parameter; moves are steps in its list of values. */
void tune_space_set_original(tune_space *s, size_t param, tune_draw draw, uint32_t move0, uint32_t move1);

/* Settings with the same key are one point; the first in the order of enumeration (in a space that is not counted,
 * the first found) stands for them. `values` has one entry for each parameter. Settings that the engine treats
 * differently must have different keys. */
typedef uint64_t (*tune_canonical_key)(void *context, const tune_space *s, const tune_value *values);
void tune_space_set_canonical(tune_space *s, tune_canonical_key key, void *context);

/* Counts the points where that is quick. Afterwards nothing can be added. XLSTM_EARG: there is no point, or none
 * was found in a large space. */
int tune_space_seal(tune_space *s, xlstm_error *err);
/* Seals with exactly these points: `index` is [count][params], and a point's id is its position there. XLSTM_EARG
 * where an index is out of range or a point appears twice. Conditions and the canonical key are not used. */
int tune_space_seal_points(tune_space *s, const uint16_t *index, size_t count, xlstm_error *err);

/* Makes a space, not yet sealed, from the `space` object of a config; conditions and a canonical key may follow.
 *
 *   "workers": true                                        its useful range
 *   "workers": {"min": 1, "max": 16, "step": 3}            step is 1 unless given
 *   "chunk_size": {"min": 16, "max": 256, "powers_of_two": true}
 *   "rate": {"min": 0.001, "max": 10, "factor": 10}        0.001, 0.01, 0.1, 1 and 10
 *   "share": {"min": 0.1, "max": 0.9, "step": 0.2}
 *   "segment": [128, 256, 512]        "pinning": ["none", "compact"]        "weights": "bf16"  (fixed)
 *   "conditions": ["heads_per_band * workers <= 16"]
 *
 * Where `known` is NULL any name is accepted, but not the value true. XLSTM_EFORMAT or XLSTM_EARG names the key,
 * the nearest known key, what was found and what was wanted. */
int tune_space_from_json(const json_t *object, const tune_known *known, size_t known_count, tune_space **out,
                         xlstm_error *err);
/* Makes a space from the text of `--tune`: names separated by commas, each alone (its useful range) or as
 * NAME=VALUE, NAME=A|B|C, NAME=MIN:MAX, NAME=MIN:MAX:STEP or NAME=MIN:MAX:xFACTOR (each number is FACTOR times the
 * one before it; x2 with a whole MIN: the powers of two). Where `known` is NULL any name is accepted, but not
 * alone, and a value may have blanks in it. */
int tune_space_from_names(const char *text, const tune_known *known, size_t known_count, tune_space **out,
                          xlstm_error *err);
/* ---- reading ---- */

size_t tune_space_params(const tune_space *s);
const tune_param *tune_space_param(const tune_space *s, size_t i);
/* Index of a parameter; -1 where there is none. '-' and '_' are the same. */
int tune_space_find_param(const tune_space *s, const char *name);
/* Index of a value in the parameter's `values`; for a declared value that of the value which stands for it.
 * TUNE_NO_POINT where there is no such value. */
uint32_t tune_space_find_value(const tune_space *s, size_t param, tune_value v);
/* The union of `affects` over the parameters with more than one value. */
unsigned tune_space_affects(const tune_space *s);

/* Whether the points were counted, so that the ids 0 … size-1 are all points. */
bool tune_space_counted(const tune_space *s);
/* Number of points; an upper bound (at most SIZE_MAX) where they were not counted; 0 before sealing. */
size_t tune_space_size(const tune_space *s);
/* Writes the size as "343", or "up to 1e+12" where points were not counted. Returns out. */
char *tune_space_size_print(const tune_space *s, char *out, size_t bytes);
/* Number of settings over the declared values that meet the conditions, where settings equal in effect count each;
 * an upper bound where they were not counted. */
size_t tune_space_settings(const tune_space *s);
/* Number of points that have an id; in a counted space all. */
size_t tune_space_known(const tune_space *s);
/* Removes all ids from `known` on, for candidates that were looked at and not used. Does nothing in a counted
 * space. */
void tune_space_forget(const tune_space *s, size_t known);
/* Value indexes of a point, [params]; valid as long as the space. */
const uint16_t *tune_space_index(const tune_space *s, uint32_t point);
tune_value tune_space_value(const tune_space *s, uint32_t point, size_t param);
/* The canonical point with these value indexes; TUNE_NO_POINT where it does not exist, or when out of memory. */
uint32_t tune_space_find(const tune_space *s, const uint16_t *index);
/* The point with these values, which may be declared ones; TUNE_NO_POINT where a parameter has no such value or
 * the point does not exist. */
uint32_t tune_space_find_values(const tune_space *s, const tune_value *values);
/* The key by which settings are one point, whether or not they exist. */
uint64_t tune_space_key(const tune_space *s, const tune_value *values);
/* A random point; all with equal probability where the space is counted, or has neither conditions nor a canonical
 * key. */
uint32_t tune_space_random(const tune_space *s, xl_rng *rng);

/* Finds points that differ from `point` in one parameter, each once. All of them where there can be no more than
 * `room`; else some: of a parameter with many values those 1, 2, 4 … steps away and a few random ones. Returns how
 * many were written to `out`. */
size_t tune_space_some_neighbours(const tune_space *s, uint32_t point, xl_rng *rng, uint32_t *out, size_t room);

/* A walk over the settings that meet the conditions; the last parameter varies fastest. */
typedef struct tune_walk {
    bool declared;     /* walks the declared values instead of those that differ in effect */
    bool begun, tried; /* tried: the value at `depth` was looked at */
    size_t depth;
    uint16_t index[TUNE_SPACE_PARAMS]; /* of the current setting */
} tune_walk;
typedef enum tune_walked { TUNE_WALK_SETTING, TUNE_WALK_END, TUNE_WALK_TIRED } tune_walked;
/* Moves to the next setting, in w->index. A walk begins with everything 0 except `declared`. TUNE_WALK_TIRED:
 * *steps, which is counted down, is used up, and another call continues from there. */
tune_walked tune_space_walk(const tune_space *s, tune_walk *w, uint64_t *steps);

/* Returns {"chunk_size": 64, …} for a point; the caller owns the reference; NULL when out of memory. */
json_t *tune_space_point_json(const tune_space *s, uint32_t point);
/* Returns the space in the form of the `space` object, with every value listed; the caller owns the reference. */
json_t *tune_space_json(const tune_space *s);

#endif

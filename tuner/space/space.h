/* A search space: a declared list of parameters, each with an ordered list of values, conditions between them, and
 * a rule that says which settings are the same. Sealing it numbers the points that exist: a point is an id 0 …
 * size-1, in enumeration order (the last parameter fastest). Strategies, drivers and studies speak of ids; `index`
 * is the same point as one value index a parameter. A sealed space is constant and may be shared between threads.
 */
#ifndef TUNE_SPACE_H
#define TUNE_SPACE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>
#include <xlstm/tunable.h>

#include "tuner/space/expr.h"

enum {
    TUNE_SPACE_PARAMS = 64,      /* parameters at most */
    TUNE_SPACE_VALUES = 65535,   /* values of one parameter at most */
    TUNE_SPACE_POINTS = 4 << 20, /* points that exist at most */
    TUNE_SPACE_MOVES = 2         /* step sizes of the original's mutation at most */
};
#define TUNE_NO_POINT UINT32_MAX

/* How the original's random point draws this parameter. */
typedef enum tune_draw {
    TUNE_DRAW_ANY, /* uniform over all values */
    TUNE_DRAW_ENDS /* one of the first, the middle (floor of the mean) and the last */
} tune_draw;

typedef struct tune_param {
    char *name;
    unsigned affects; /* XLSTM_AFFECTS_* */
    bool ordered;     /* values are numbers: near values may behave alike; texts are not ordered */
    uint32_t count;   /* values, at least 1; one value: the parameter is fixed */
    tune_value *values;
    uint32_t preset; /* index of the default; TUNE_NO_POINT: none, or not among the values */
    tune_draw draw;
    /* The original's mutation: ± one of these, in index steps, clamped at the ends; 0-terminated where shorter.
     * Defaults: {1, 2} where there are more than five values, else {1}. */
    uint32_t moves[TUNE_SPACE_MOVES];
} tune_param;

typedef struct tune_space tune_space;

/* ---- what may be tuned, for names given by a user ---- */

typedef struct tune_known {
    const char *name;
    unsigned affects;           /* XLSTM_AFFECTS_* */
    int64_t min, max, preset;   /* inclusive; for choices 0 … count-1 */
    int64_t hard_min, hard_max; /* what an explicit list may hold */
    const char *const *choices; /* NULL-terminated, or NULL for integers */
} tune_known;

/* The engine's tunables on such a model (NULL: the machine alone); `out` has room for XLSTM_TUNABLE_COUNT. */
void tune_known_tunables(const xlstm_hparams *hparams, tune_known *out);

/* ---- building ---- */

tune_space *tune_space_create(void); /* NULL when out of memory */
void tune_space_destroy(tune_space *s);

/* Each adds one parameter; EARG names it and what was wrong (a name twice, no value, a bad range, too many). */
int tune_space_add_range(tune_space *s, const char *name, unsigned affects, int64_t min, int64_t max, int64_t step,
                         xlstm_error *err);
/* The powers of two inside [min, max], min >= 1. */
int tune_space_add_powers(tune_space *s, const char *name, unsigned affects, int64_t min, int64_t max,
                          xlstm_error *err);
/* Numbers, or texts (copied), in the order given; duplicates are an error. One value fixes the parameter. */
int tune_space_add_list(tune_space *s, const char *name, unsigned affects, const tune_value *values, size_t count,
                        xlstm_error *err);
/* A condition over the parameters added so far; only points where it is true exist. */
int tune_space_add_condition(tune_space *s, const char *expression, xlstm_error *err);
/* Default value of a parameter added before; one that is not among its values is ignored. */
void tune_space_set_preset(tune_space *s, size_t param, tune_value value);
/* How the original draws and mutates a parameter; moves in value steps of its range. */
void tune_space_set_original(tune_space *s, size_t param, tune_draw draw, uint32_t move0, uint32_t move1);

/* Two settings with the same key are one point; the first in enumeration order stands for them. `values` has one
 * entry a parameter. The key must separate whatever the engine treats differently. */
typedef uint64_t (*tune_canonical_key)(void *context, const tune_space *s, const tune_value *values);
void tune_space_set_canonical(tune_space *s, tune_canonical_key key, void *context);

/* Enumerates; afterwards nothing can be added. EARG: no point exists, or more than TUNE_SPACE_POINTS. */
int tune_space_seal(tune_space *s, xlstm_error *err);
/* Seals with exactly these points: `index` is [count][params]. Ids are positions in it. EARG where one is out of
 * its domain or there twice. Conditions and the canonical key are not consulted. */
int tune_space_seal_points(tune_space *s, const uint16_t *index, size_t count, xlstm_error *err);

/* The `space` object of a config, not yet sealed, so that conditions and a canonical key may follow:
 *   "workers": true                                        its useful range
 *   "workers": {"min": 1, "max": 16, "step": 3}            step is 1 unless given
 *   "chunk_size": {"min": 16, "max": 256, "powers_of_two": true}
 *   "segment": [128, 256, 512]        "pinning": ["none", "compact"]        "weights": "bf16"  (fixed)
 *   "conditions": ["heads_per_band * workers <= 16"]
 * With `known` NULL any name is accepted (`true` is not). EFORMAT or EARG names the key, the nearest known key,
 * what was found and what was wanted. */
int tune_space_from_json(const json_t *object, const tune_known *known, size_t known_count, tune_space **out,
                         xlstm_error *err);
/* The `--tune` form: names separated by commas, each alone (its useful range) or NAME=VALUE, NAME=A|B|C,
 * NAME=MIN:MAX, NAME=MIN:MAX:STEP or NAME=MIN:MAX:x2 (powers of two). */
int tune_space_from_names(const char *text, const tune_known *known, size_t known_count, tune_space **out,
                          xlstm_error *err);
/* The original's space: heads_per_band and chunk_size as integer ranges with its draws and mutations, workers too
 * where workers_max > 0. */
int tune_space_original(int64_t heads_min, int64_t heads_max, int64_t chunks_min, int64_t chunks_max,
                        int64_t workers_min, int64_t workers_max, tune_space **out, xlstm_error *err);

/* ---- reading ---- */

size_t tune_space_params(const tune_space *s);
const tune_param *tune_space_param(const tune_space *s, size_t i);
/* Index of a parameter; -1 where there is none. '-' and '_' are alike. */
int tune_space_find_param(const tune_space *s, const char *name);
/* All affects bits of parameters with more than one value. */
unsigned tune_space_affects(const tune_space *s);

/* Points that exist; 0 before sealing. */
size_t tune_space_size(const tune_space *s);
/* Value indexes of a point, [params]; valid as long as the space. */
const uint16_t *tune_space_index(const tune_space *s, uint32_t point);
tune_value tune_space_value(const tune_space *s, uint32_t point, size_t param);
/* The point of these value indexes, canonical; TUNE_NO_POINT where it does not exist. */
uint32_t tune_space_find(const tune_space *s, const uint16_t *index);
/* The point of these values; TUNE_NO_POINT where a value is not in its domain or the point does not exist. */
uint32_t tune_space_find_values(const tune_space *s, const tune_value *values);
/* The point with every parameter at its preset; TUNE_NO_POINT where one has none or it does not exist. */
uint32_t tune_space_preset_point(const tune_space *s);
/* The point nearest to these values: each at its nearest value index, then the existing point fewest steps away. */
uint32_t tune_space_nearest(const tune_space *s, const tune_value *values);

typedef enum tune_near {
    TUNE_NEAR_HAMMING, /* one parameter at any other value */
    TUNE_NEAR_ADJACENT /* one parameter one value up or down (texts: any other value) */
} tune_near;
/* Existing neighbours of a point, each once, never itself. Writes at most `room` ids, returns how many there are.
 */
size_t tune_space_neighbours(const tune_space *s, uint32_t point, tune_near near, uint32_t *out, size_t room);

/* "chunk_size=64 workers=2"; cut to fit; returns out. */
char *tune_space_print(const tune_space *s, uint32_t point, char *out, size_t bytes);
/* A value as text: integers without a point, other numbers as %.9g. Returns out. */
char *tune_value_print(tune_value v, char *out, size_t bytes);
/* {"chunk_size": 64, …} of a point; a new reference, NULL when out of memory. */
json_t *tune_space_point_json(const tune_space *s, uint32_t point);
/* The space as the `space` object's form, with every value listed; a new reference. */
json_t *tune_space_json(const tune_space *s);

#endif

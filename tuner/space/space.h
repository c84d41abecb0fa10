/* A search space: a declared list of parameters, each with an ordered list of values, conditions between them, and
 * a rule that says which settings are the same. Strategies, drivers and studies speak of points by their ids;
 * `index` is the same point as one value index a parameter.
 *
 * A small space is counted when it is sealed: ids 0 … size-1 are its points in enumeration order (the last
 * parameter fastest), it is constant and may be shared between threads. A large one is never enumerated: a point
 * gets the next id when it is first found or drawn, and one thread at a time may use the space. */
#ifndef TUNE_SPACE_H
#define TUNE_SPACE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xlstm/status.h>
#include <xlstm/tunable.h>

#include "base/rng.h"
#include "tuner/space/expr.h"
#include "tuner/space/values.h"

enum {
    TUNE_SPACE_PARAMS = 64,       /* parameters at most */
    TUNE_SPACE_VALUES = 65535,    /* values of one parameter at most */
    TUNE_SPACE_COUNTED = 1 << 20, /* settings that sealing looks at: a space of more is not counted */
    TUNE_SPACE_MOVES = 2          /* step sizes of the original's mutation at most */
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
    uint32_t count;   /* values that differ, at least 1; one value: the parameter is fixed */
    tune_value *values;
    /* All values as they were given, some of which may come to the same (tune_space_merge): the first in this order
     * is among `values` and stands for the others. */
    uint32_t declared_count;
    tune_value *declared;
    uint16_t *stands; /* [declared_count] the index in `values`; NULL: each for itself */
    uint16_t *place;  /* [count] of a value among the declared; NULL: the same index */
    uint32_t preset;  /* index of the default; TUNE_NO_POINT: none, or not among the values */
    tune_draw draw;
    /* The original's mutation: ± one of these, in steps of the declared values, clamped at the ends; 0-terminated.
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
/* Values of a parameter with the same `comes_to` ([declared_count]) are one, whatever the other parameters are. A
 * parameter that a condition names is left as it is: the condition may tell its values apart. Before its preset and
 * after all conditions. */
int tune_space_merge(tune_space *s, size_t param, const int64_t *comes_to, xlstm_error *err);
/* A condition over the parameters added so far; only points where it is true exist. */
int tune_space_add_condition(tune_space *s, const char *expression, xlstm_error *err);
/* Default value of a parameter added before; one that is not among its values is ignored. */
void tune_space_set_preset(tune_space *s, size_t param, tune_value value);
/* How the original draws and mutates a parameter; moves in value steps of its range. */
void tune_space_set_original(tune_space *s, size_t param, tune_draw draw, uint32_t move0, uint32_t move1);

/* Two settings with the same key are one point; the first in enumeration order (of a space that is not counted: the
 * first found) stands for them. `values` has one entry a parameter. The key must separate whatever the engine
 * treats differently. */
typedef uint64_t (*tune_canonical_key)(void *context, const tune_space *s, const tune_value *values);
void tune_space_set_canonical(tune_space *s, tune_canonical_key key, void *context);

/* Counts the points where that is quick; afterwards nothing can be added. EARG: no point exists, or, in a large
 * space, none was found. */
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
/* Index of a value, a declared one too, among the parameter's `values`; TUNE_NO_POINT where it has no such value.
 */
uint32_t tune_space_find_value(const tune_space *s, size_t param, tune_value v);
/* All affects bits of parameters with more than one value. */
unsigned tune_space_affects(const tune_space *s);

/* Whether its points were counted: ids 0 … size-1 are all of them. */
bool tune_space_counted(const tune_space *s);
/* Points that exist, an upper bound (at most SIZE_MAX) where they were not counted; 0 before sealing. */
size_t tune_space_size(const tune_space *s);
/* The size in words: "343", or "up to 1e+12" where they were not counted. Returns out. */
char *tune_space_size_print(const tune_space *s, char *out, size_t bytes);
/* Settings of the declared values that meet the conditions, equal ones each; an upper bound likewise. */
size_t tune_space_settings(const tune_space *s);
/* Points that have an id by now: all of a counted space. */
size_t tune_space_known(const tune_space *s);
/* Takes back all ids from `known` on, unless the space is counted: candidates that were looked at and not used. */
void tune_space_forget(const tune_space *s, size_t known);
/* Value indexes of a point, [params]; valid as long as the space. */
const uint16_t *tune_space_index(const tune_space *s, uint32_t point);
tune_value tune_space_value(const tune_space *s, uint32_t point, size_t param);
/* The point of these value indexes, canonical; TUNE_NO_POINT where it does not exist (or memory is out). */
uint32_t tune_space_find(const tune_space *s, const uint16_t *index);
/* The point of these values, declared ones among them; TUNE_NO_POINT where a value is not in its domain or the
 * point does not exist. */
uint32_t tune_space_find_values(const tune_space *s, const tune_value *values);
/* What decides whether settings are one point, whether or not it exists. */
uint64_t tune_space_key(const tune_space *s, const tune_value *values);
/* A random point; each equally likely where the space is counted or has neither conditions nor equal settings. */
uint32_t tune_space_random(const tune_space *s, xl_rng *rng);

/* One parameter at another value: existing neighbours, each once, never the point itself. All of them where there
 * can be no more than `room`; else some: of a parameter of many values those 1, 2, 4 … steps away and a few at
 * random. Returns how many were written. */
size_t tune_space_some_neighbours(const tune_space *s, uint32_t point, xl_rng *rng, uint32_t *out, size_t room);

/* Settings that meet the conditions, one after the other, the last parameter fastest. */
typedef struct tune_walk {
    bool declared;     /* over the declared values instead of those that differ */
    bool begun, tried; /* the value at `depth` was looked at */
    size_t depth;
    uint16_t index[TUNE_SPACE_PARAMS]; /* of the setting */
} tune_walk;
typedef enum tune_walked { TUNE_WALK_SETTING, TUNE_WALK_END, TUNE_WALK_TIRED } tune_walked;
/* Goes on to the next setting: into w->index. Begins with everything 0 but `declared`. TIRED: *steps, which counts
 * down, is used up; another call goes on from there. */
tune_walked tune_space_walk(const tune_space *s, tune_walk *w, uint64_t *steps);

/* {"chunk_size": 64, …} of a point; a new reference, NULL when out of memory. */
json_t *tune_space_point_json(const tune_space *s, uint32_t point);
/* The space as the `space` object's form, with every value listed; a new reference. */
json_t *tune_space_json(const tune_space *s);

#endif

/* The points of which a model chooses the next one: neighbours of good points, points two moves away, crosses of
 * two good ones, and random points. Only fresh points are candidates, and each once. Private to tuner/search. */
#ifndef TUNE_CANDIDATES_H
#define TUNE_CANDIDATES_H

#include <stdint.h>

#include <xlstm/status.h>

#include "base/rng.h"
#include "tuner/search/record.h"

enum { TUNE_CANDIDATES = 4096 /* candidates for one proposal, at most */ };

typedef struct tune_candidates {
    const tune_record *record;
    uint32_t *point; /* [count] */
    size_t count;
    uint32_t *mark; /* [marks]: number of the proposal for which the point was last a candidate */
    size_t marks;
    uint32_t round;
    size_t known; /* number of points that the space knew before this proposal */
} tune_candidates;

/* `record` must outlive the candidates. The caller calls tune_candidates_release, also after an error. */
int tune_candidates_init(tune_candidates *c, const tune_record *record, xlstm_error *err);
void tune_candidates_release(tune_candidates *c);

/* Begins the candidates of a proposal. */
void tune_candidates_clear(tune_candidates *c);
/* Adds the neighbours of a point, and `twice` points that are two random moves away. */
void tune_candidates_near(tune_candidates *c, uint32_t parent, int twice, xl_rng *rng);
/* Adds a point that has each value from one of two points. */
void tune_candidates_cross(tune_candidates *c, uint32_t mother, uint32_t father, xl_rng *rng);
/* Adds the fresh ones of `count` random points; one fresh point where there would be no candidate otherwise. */
void tune_candidates_random(tune_candidates *c, int count, xl_rng *rng);
/* Makes the space forget the candidates, of which a lazily counted space learnt, except *point, which may get
 * another number. */
int tune_candidates_keep(tune_candidates *c, uint32_t *point, xlstm_error *err);

#endif

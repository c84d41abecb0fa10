/* Where the next point comes from: one strategy over the whole space, or, where what every parameter affects allows
 * it, two at once.
 *
 * Parameters that touch prefill alone and parameters that touch decode alone do not interact in the time of a
 * request, which is the sum of both. Each group then has a strategy of its own over its own, much smaller space; a
 * measured request tells the first its prefill time and the second its decode time, so one measurement serves both.
 * The joined best point is proposed last, to check that the two really do not interact. */
#ifndef TUNE_DRIVER_PROPOSER_H
#define TUNE_DRIVER_PROPOSER_H

#include "tuner/search/strategy.h"
#include "tuner/target/target.h"

typedef struct tune_proposer tune_proposer;

/* The result of a trial; NAN where it failed. The first three are ratios to the baseline's, positive, and smaller
 * is better. From TUNE_TOLD_OBJECTIVES on follow the objectives, where there are several: smaller is better, and
 * the first one is positive. */
enum {
    TUNE_TOLD_VALUE,
    TUNE_TOLD_PREFILL,
    TUNE_TOLD_DECODE,
    TUNE_TOLD_OBJECTIVES,
    TUNE_TOLD_COUNT = TUNE_TOLD_OBJECTIVES + TUNE_METRICS
};

/* Whether the space divides into the two groups: every parameter with more than one value belongs to one, and both
 * have at least one. */
bool tune_space_divides(const tune_space *space);

/* apart: use two strategies where the space divides; only with one objective. The other arguments are those of
 * tune_strategy_create. */
int tune_proposer_create(tune_proposer **out, const char *mode, const tune_space *space, bool apart,
                         const tune_strategy_options *options, xlstm_error *err);
void tune_proposer_destroy(tune_proposer *p);

/* The next point of the whole space; XLSTM_EARG after done. */
int tune_proposer_ask(tune_proposer *p, uint32_t *point, xlstm_error *err);
int tune_proposer_tell(tune_proposer *p, uint32_t point, const double told[TUNE_TOLD_COUNT], double cost_s,
                       xlstm_error *err);
bool tune_proposer_done(const tune_proposer *p);
/* The point that joins the two best; TUNE_NO_POINT for one strategy, or where nothing valid was told. */
uint32_t tune_proposer_joined(const tune_proposer *p);

#endif

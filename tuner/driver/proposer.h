/* Proposes the next point: by one strategy over the whole space, or by two at once where the parameters allow it.
 *
 * Where the time of an execution is the sum of two (tune_metrics.apart; of the engine: prefill and decode),
 * parameters that affect only the first and parameters that affect only the second do not interact. Each group then
 * has a strategy of its own over a much smaller space. A measurement tells the first strategy the first time and
 * the second strategy the second, so one measurement serves both. The point that joins the best of both is proposed
 * last, to check that the groups really do not interact. */
#ifndef TUNE_DRIVER_PROPOSER_H
#define TUNE_DRIVER_PROPOSER_H

#include "tuner/search/strategy.h"
#include "tuner/target/target.h"

typedef struct tune_proposer tune_proposer;

/* Indexes of the values of a trial; all are NAN where it failed. The first three are ratios to the baseline's,
 * positive, and smaller is better. With several objectives their values begin at TUNE_TOLD_OBJECTIVES; smaller is
 * better, and the first one is positive. */
enum {
    TUNE_TOLD_VALUE,
    TUNE_TOLD_FIRST,
    TUNE_TOLD_SECOND,
    TUNE_TOLD_OBJECTIVES,
    TUNE_TOLD_COUNT = TUNE_TOLD_OBJECTIVES + TUNE_METRICS
};

/* Whether the space can be divided into the two groups: every parameter with more than one value belongs to one of
 * them, and neither is empty. */
bool tune_space_divides(const tune_space *space);

/* Makes a proposer. `apart`: use two strategies where the space can be divided; only valid with one objective. The
 * other arguments are those of tune_strategy_create. */
int tune_proposer_create(tune_proposer **out, const char *mode, const tune_space *space, bool apart,
                         const tune_strategy_options *options, xlstm_error *err);
void tune_proposer_destroy(tune_proposer *p);

/* Sets *point to the next point of the whole space. XLSTM_EARG after tune_proposer_done. */
int tune_proposer_ask(tune_proposer *p, uint32_t *point, xlstm_error *err);
int tune_proposer_tell(tune_proposer *p, uint32_t point, const double told[TUNE_TOLD_COUNT], double cost_s,
                       xlstm_error *err);
/* Says that not the point `asked`, which was asked for last, is being measured, but `point`; see
 * tune_strategy_exchange. */
int tune_proposer_exchange(tune_proposer *p, uint32_t asked, uint32_t point, xlstm_error *err);
bool tune_proposer_done(const tune_proposer *p);
/* The point that joins the best of both parts; TUNE_NO_POINT where there is only one strategy, or where no valid
 * result was told. */
uint32_t tune_proposer_joined(const tune_proposer *p);

#endif

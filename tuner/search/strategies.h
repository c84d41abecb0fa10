/* The strategies, a row each; private to tuner/search. A new one is a file that defines the six functions declared
 * here for its id, and a row; one of several objectives defines tell_all too. */
#ifndef TUNE_STRATEGIES_H
#define TUNE_STRATEGIES_H

#include "tuner/search/strategy.h"

/* id, name, tell_all, summary */
#define TUNE_STRATEGY_MAP(X)                                                                                       \
    X(auto, "auto", NULL, "model-based search: trees, local moves, exhaustive where the space is small (default)") \
    X(ga, "ga", NULL, "the original's genetic algorithm; a point measured before costs nothing")                   \
    X(random, "random", NULL, "the original's random search; a point measured before costs nothing")               \
    X(grid, "grid", NULL, "every point once, in order")                                                            \
    X(nsga2, "nsga2", tune_nsga2_tell_all,                                                                         \
      "NSGA-II: steers by all objectives; auto's choice where there are several")

#define TUNE_STRATEGY_DECLARE(id, name, tell_all, summary)                                                         \
    int tune_##id##_create(const tune_space *space, const tune_strategy_options *options, void **state,            \
                           xlstm_error *err);                                                                      \
    int tune_##id##_ask(void *state, tune_proposal *out, xlstm_error *err);                                        \
    int tune_##id##_tell(void *state, uint32_t point, double value, double cost_s, xlstm_error *err);              \
    bool tune_##id##_done(const void *state);                                                                      \
    void tune_##id##_best(const void *state, tune_best *out);                                                      \
    void tune_##id##_destroy(void *state);
TUNE_STRATEGY_MAP(TUNE_STRATEGY_DECLARE)
#undef TUNE_STRATEGY_DECLARE
int tune_nsga2_tell_all(void *state, uint32_t point, const double *values, double cost_s, xlstm_error *err);

#endif

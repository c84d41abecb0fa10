/* Fresh processes for the last comparison. Where a process's memory happens to lie affects its speed, so each
 * process gives one value. It is sent the request of the target as a line of JSON, with the settings of the
 * baseline, the winner's point and a plan; it opens the target, and answers with lines of JSON: which of the two
 * begins ({"begins": -1} the baseline, 0 the winner) where it is another than before, samples, then the result or
 * an error. A process that ends without these failed with the one that began last. */
#ifndef TUNE_FRESH_H
#define TUNE_FRESH_H

#include "tuner/target/target.h"

/* Whether the target can be measured in a fresh process. */
bool tune_fresh_possible(const tune_target *target);
/* Runs a plan for the baseline and the winner in one, and reports its samples; see tune_target.spawn. */
int tune_fresh_run(const tune_target *target, const tune_named_list *baseline, int64_t winner,
                   const tune_block_plan *plan, tune_sample_fn on_sample, void *ctx, tune_block_result *out,
                   xlstm_error *err);

/* The fresh process: reads a request from standard input, writes the answers to standard output, and returns the
 * exit code. */
int tune_fresh_main(void);

#endif

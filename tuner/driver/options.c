#include "tuner/driver/options.h"

#include <math.h>

#include "base/clock.h"
#include "tuner/search/strategy.h"

_Static_assert((int)TUNE_METRICS <= (int)TUNE_OBJECTIVES, "every metric may be an objective");

void tune_drive_options_init(tune_drive_options *options, const tune_metrics *metrics) {
    *options = (tune_drive_options){.mode = tune_strategies[0]->name,
                                    .seed = 1337,
                                    .budget_s = INFINITY,
                                    .effort = TUNE_NORMAL,
                                    .objective = {metrics->objective},
                                    .objectives = 1};
}

double tune_drive_now(const tune_drive_options *options) {
    return options->now_s ? options->now_s(options->now_ctx) : xl_now_s();
}

const char *tune_drive_strategy(const tune_drive_options *options) {
    const tune_strategy_class *class = tune_strategy_find(options->mode);
    return options->objectives > 1 && class && class->many ? class->many : options->mode;
}

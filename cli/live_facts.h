/* What the commands that run a model tell `xltune top` (base/live.h). */
#ifndef CLI_LIVE_FACTS_H
#define CLI_LIVE_FACTS_H

#include "base/live.h"
#include "cli/config.h"
#include "server/metrics.h"

/* Begins to tell: the command, its model and device, and the threads and bands that are in force. */
xl_live *cli_live_open(cli_config *cfg, const xlstm_model *model, const xlstm_settings *settings);
/* Tells what a scheduler counts, and writes the file where it is time. */
void cli_live_tell(xl_live *live, const serve_metrics *metrics);

#endif

/* What the commands plot and explain share. */
#ifndef CLI_REPORT_WRITE_H
#define CLI_REPORT_WRITE_H

#include "cli/config.h"
#include "tuner/report/report.h"

/* Reads the run that the first argument or --run names, and passes it to each of the writers (the list ends with
 * NULL). `hint` is the usage error where no run is named. Returns the exit code. */
int cli_report_write(cli_config *cfg, const char *hint, const tune_writer *const *writers,
                     const tune_report_options *options);

#endif

/* What plot and explain share. */
#ifndef CLI_REPORT_WRITE_H
#define CLI_REPORT_WRITE_H

#include "cli/config.h"
#include "tuner/report/report.h"

/* Reads the run that the first argument or --run names, and has each of the writers, up to a NULL, write it.
 * Returns the exit code; `hint` says how to name a run where none was named. */
int cli_report_write(cli_config *cfg, const char *hint, const tune_writer *const *writers,
                     const tune_report_options *options);

#endif

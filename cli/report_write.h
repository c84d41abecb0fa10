/* What the commands plot, explain and report share. */
#ifndef CLI_REPORT_WRITE_H
#define CLI_REPORT_WRITE_H

#include "cli/config.h"
#include "tuner/report/report.h"

/* Reads the runs that the arguments or --run name, and passes them to each of the writers (the list ends with
 * NULL). `hint` is the usage error where no run is named. Returns the exit code. */
int cli_report_write(cli_config *cfg, const char *hint, const tune_writer *const *writers,
                     const tune_report_options *options);

/* The unit of a tunable of the engine; NULL for other names. */
const char *cli_report_unit(const char *parameter);
/* Prints the path of a file that was written, as tune_report_options.wrote. */
void cli_report_wrote(void *ctx, const char *path);

#endif

/* What the commands that work on a run folder share. */
#ifndef CLI_WORK_H
#define CLI_WORK_H

#include "cli/config.h"

/* Returns the folder of the continuations, malloc'd: the key `outputs`, else the folder outputs in the run. NULL,
 * with *err filled (XLSTM_EARG), where neither is given. */
char *cli_outputs_folder(const cli_config *cfg, xlstm_error *err);

/* Reads the prompt as cli_prompt_text does. Where no layer gives one, the run's is used, and a notice says so; the
 * run is the key `run`, or the folder above `outputs` where that holds a run_meta.json. EFORMAT where it is not
 * UTF-8. */
int cli_run_prompt(cli_config *cfg, char **text, size_t *bytes, xlstm_error *err);

/* Returns the exit code of a command that ended with `status`: 130, 143 or 129 after a signal, 1 after a failure
 * (after printing one line on standard error), else 0. */
int cli_exit_code(const cli_config *cfg, int status, const xlstm_error *err);

/* Runs a command that signals may stop: parses the arguments, ends with a usage error where `missing` (may be NULL)
 * returns a message, installs the signal handlers and calls `work`. Returns the exit code. */
int cli_work_run(const cli_spec *spec, int argc, char **argv, const char *(*missing)(const cli_config *cfg),
                 int (*work)(cli_config *cfg, xlstm_error *err));

#endif

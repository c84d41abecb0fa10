/* Shared by the commands that work on a run folder. */
#ifndef CLI_WORK_H
#define CLI_WORK_H

#include "cli/config.h"

/* The folder of the continuations: `outputs`, else `run`/outputs; malloc'd. NULL, err filled (EARG), where neither
 * is given. */
char *cli_outputs_folder(const cli_config *cfg, xlstm_error *err);

/* The prompt as cli_prompt_text gives it. Where no layer names one it is that of the run: `run`, else the folder
 * above `outputs`, where that holds a run_meta.json (a notice says so). EFORMAT where it is not UTF-8. */
int cli_run_prompt(cli_config *cfg, char **text, size_t *bytes, xlstm_error *err);

/* The exit code of a command that ended with `status`: 130, 143 or 129 after a signal, 1 after a failure (one line
 * on standard error), 0. */
int cli_exit_code(const cli_config *cfg, int status, const xlstm_error *err);

/* The whole of a command that signals may stop: parses the arguments, ends as a usage error with what `missing`
 * says (NULL: nothing is missing), installs the signals, works. Returns the exit code. */
int cli_work_run(const cli_spec *spec, int argc, char **argv, const char *(*missing)(const cli_config *cfg),
                 int (*work)(cli_config *cfg, xlstm_error *err));

#endif

/* Opinions of another language model about the continuations of a run. */
#ifndef CLI_JUDGE_VIA_H
#define CLI_JUDGE_VIA_H

#include "cli/config.h"

/* Compares the different texts of the folder (its files *.txt) pair by pair through the server of --via, and writes
 * opinions.csv and opinions.jsonl there. Prints what came of it. ECANCELLED after a signal. */
int cli_judge_via(cli_config *cfg, const char *folder, const char *prompt, xlstm_error *err);

#endif

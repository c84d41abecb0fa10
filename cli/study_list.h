/* xltune study list. */
#ifndef CLI_STUDY_LIST_H
#define CLI_STUDY_LIST_H

#include <stdio.h>

#include "cli/config.h"

/* Prints the runs of the places that the words after "list" name: studies, run folders, folders of run folders. */
int cli_study_list(cli_config *cfg, FILE *out, xlstm_error *err);

#endif

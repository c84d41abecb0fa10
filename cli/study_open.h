/* Runs and the studies that they are in, for the actions of `xltune study`. */
#ifndef CLI_STUDY_OPEN_H
#define CLI_STUDY_OPEN_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "cli/config.h"
#include "tuner/study/study.h"

/* A run and the study it is in; {0} is none. */
typedef struct cli_opened {
    tune_study *study;
    tune_run_row run;
} cli_opened;

void cli_opened_close(cli_opened *o);
/* Opens the run that a name stands for: a folder, or with --study a run's name or number, else a study of which the
 * newest run is taken. *o is to be closed where this succeeds. */
int cli_open_run(const cli_config *cfg, const char *name, cli_opened *o, xlstm_error *err);
/* Opens the study of a run folder and finds the run in it. *o is to be closed in any case. */
int cli_open_folder(const char *folder, cli_opened *o, xlstm_error *err);
bool cli_has_file(const char *folder, const char *name);
/* Whether a folder has a study and is no run's. */
bool cli_is_bare_study(const char *folder);

/* Whether what is printed for people goes to a terminal, and so is to fit 80 columns. */
bool cli_study_narrow(const cli_config *cfg);
/* A time in seconds since 1970 as local date and time. */
void cli_study_when(double at, char *out, size_t size);
/* A new reference: the JSON in a text, or null. */
json_t *cli_study_json(const char *text);
/* A member's text, "" where it has none. */
const char *cli_study_text(const json_t *j, const char *key);
/* What follows the last slash. */
const char *cli_study_last_part(const char *path);

#endif

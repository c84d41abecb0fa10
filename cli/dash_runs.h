/* The runs that `dash` shows: those of a shared study, of a run folder, or of a folder of run folders. */
#ifndef CLI_DASH_RUNS_H
#define CLI_DASH_RUNS_H

#include <stdbool.h>
#include <stddef.h>

#include <xlstm/status.h>

typedef struct cli_dash cli_dash;

/* `study`: a file or the address of a server, or NULL; then `folder` is looked through. Opens nothing yet. */
int cli_dash_create(cli_dash **out, const char *study, const char *folder, xlstm_error *err);
void cli_dash_free(cli_dash *dash);

/* Looks for new runs and trials; *changed says whether there are any, or anything else that the list shows. Only
 * one thread may look; the functions below may be called by others meanwhile. */
int cli_dash_look(cli_dash *dash, bool *changed, xlstm_error *err);

/* Make JSON, malloc'd: the list of runs, those that are going on first and newer ones before older ones; the facts
 * of run `a`, by its uid; how the runs `a` and `b` compare. As serve_live_answer.make, with a cli_dash as ctx.
 * XLSTM_ENOTFOUND where there is no such run. */
int cli_dash_list(void *dash, const char *a, const char *b, char **text, size_t *bytes, xlstm_error *err);
int cli_dash_run(void *dash, const char *a, const char *b, char **text, size_t *bytes, xlstm_error *err);
int cli_dash_compare(void *dash, const char *a, const char *b, char **text, size_t *bytes, xlstm_error *err);

#endif

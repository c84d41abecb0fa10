/* What continues the prompt for the rows of a run: libxlstm, or the target that the run tuned. */
#ifndef CLI_SAVE_OUTPUTS_H
#define CLI_SAVE_OUTPUTS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>
#include <xlstm/xlstm.h>

#include "base/csv.h"
#include "cli/config.h"
#include "tuner/scores/output_name.h"
#include "tuner/target/target.h"

/* A row of summary.csv. */
typedef struct cli_saved_row {
    tune_output_name name;
    bool left_out;             /* it has no settings that can run */
    xlstm_settings settings;   /* for libxlstm */
    tune_named_list of_target; /* owned; for another target */
} cli_saved_row;

typedef struct cli_saver {
    cli_config *cfg;
    char *prompt; /* UTF-8, prompt_bytes long */
    size_t prompt_bytes;
    cli_saved_row *rows;
    size_t count, left_out;
    const struct cli_continuer *by;
    tune_target target; /* for cli_continuer_target */
    /* For cli_continuer_engine. */
    xlstm_tokenizer *tokenizer;
    xlstm_model *model;
    xlstm_settings loaded; /* settings with which the model was opened */
    int32_t *ids;          /* of the prompt */
    size_t ids_count;
} cli_saver;

typedef struct cli_continuer {
    const char *const *columns; /* which summary.csv must have; ends with NULL */
    /* Reads the settings of a row, which is no infeasible one, and the name of its file. */
    int (*read_row)(const cli_saver *s, const xl_csv *csv, const char *path, size_t index, cli_saved_row *out,
                    xlstm_error *err);
    /* Called when all rows and the prompt were read; may be NULL. */
    int (*prepare)(cli_saver *s, xlstm_error *err);
    /* Continues the prompt by `new` tokens; *text is malloc'd. */
    int (*run)(cli_saver *s, const cli_saved_row *row, char **text, size_t *bytes, xlstm_error *err);
    bool (*same)(const cli_saved_row *a, const cli_saved_row *b);
} cli_continuer;

extern const cli_continuer cli_continuer_engine, cli_continuer_target;

/* ---- the target of a run (run_target.c) ---- */

/* Finds the target that the key `target` names, or else that of the run folder `run` (NULL: none), which is the
 * engine where the folder does not say. One that is told a request is opened, as it was when the run began; a
 * model_path that is given now counts more. *out is to be closed where XLSTM_OK is returned. */
int cli_run_target(cli_config *cfg, const char *run, tune_target *out, const tune_target_class **class,
                   xlstm_error *err);

#endif

/* What the files that make up the configuration share; commands include config.h alone. */
#ifndef CLI_CONFIG_IMPL_H
#define CLI_CONFIG_IMPL_H

#include "cli/config.h"

enum { CLI_LAYERS = CLI_LAYER_COMMAND_LINE + 1 };

struct cli_config {
    const cli_spec *spec;
    int rows;
    json_t **value[CLI_LAYERS]; /* [layer][row]: NULL where the layer says nothing, JSON null where it unsets */
    char *source[CLI_LAYERS];   /* "config c.json" */
    const char **positional;    /* borrowed from argv */
    int positional_count;
    char *config_path; /* NULL: none */
    char *input;       /* standard input as the prompt, NULL: not read */
    size_t input_bytes;
    char *model_path;                       /* looked up, NULL: not yet */
    char *inert;                            /* names of keys given without effect, "a, b" */
    bool told_clipped[XLSTM_TUNABLE_COUNT]; /* the notice about a clipped value was printed */
    bool told_bounds;                       /* the notice about search bounds was printed */
    bool told_elsewhere;                    /* the notice about keys of other commands was printed */
};

/* Row of a key that this command uses; -1 where it uses none of that name. */
int cli_row(const cli_config *cfg, const char *key);
/* The value in force and its layer; NULL where there is none. */
const json_t *cli_value(const cli_config *cfg, int row, cli_layer *layer);
/* Remembers a key without effect for the one notice. */
void cli_add_inert(cli_config *cfg, const char *name);

/* Reads the command line into its layer and the positional arguments. CLI_GO_ON, or the exit code. */
int cli_args_parse(cli_config *cfg, int argc, char **argv);

/* Merges a JSON object into a layer. `file` is named in errors. */
int cli_layer_add(cli_config *cfg, cli_layer layer, json_t *object, const char *file, xlstm_error *err);
/* Reads a JSON file of at most 16 MiB into *object, the caller's. */
int cli_json_read(const char *path, json_t **object, xlstm_error *err);

/* The golden profile and the best snapshot, into their layers. */
int cli_profile_load(cli_config *cfg, xlstm_error *err);
int cli_best_load(cli_config *cfg, xlstm_error *err);
/* The scheduler for which profile and snapshot are chosen: "ray", "queued" or "recurrent". */
const char *cli_backend_name(const cli_config *cfg);

/* The checkpoint that is used where none is named: $XLTUNE_MODEL, else the embedded one; malloc'd, NULL where there
 * is none. */
char *cli_default_model(void);
/* A file or folder of the installed data, else of the source tree; malloc'd, NULL where there is none. */
char *cli_data_path(const char *name);
/* The folder of the installed data. */
const char *cli_data_folder(void);

void cli_help_print(const cli_spec *spec);

#endif

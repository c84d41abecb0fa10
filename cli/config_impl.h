/* Declarations that the files of the configuration share. Commands include only config.h. */
#ifndef CLI_CONFIG_IMPL_H
#define CLI_CONFIG_IMPL_H

#include "cli/config.h"

enum { CLI_LAYERS = CLI_LAYER_COMMAND_LINE + 1 };

struct cli_config {
    const cli_spec *spec;
    int rows;
    json_t *
        *value[CLI_LAYERS]; /* [layer][row]: NULL where the layer gives no value, JSON null where it removes one */
    char *source[CLI_LAYERS]; /* for example "config c.json" */
    const char **positional;  /* elements are borrowed from argv */
    int positional_count;
    char *config_path; /* NULL: none */
    char *input;       /* standard input, where it is the prompt; NULL: not read */
    size_t input_bytes;
    char *model_path;                       /* as it was found; NULL: not looked for yet */
    char *inert;                            /* names of given keys that have no effect, "a, b" */
    bool told_clipped[XLSTM_TUNABLE_COUNT]; /* the notice about a clipped value was printed */
    bool told_bounds;                       /* the notice about search bounds was printed */
    bool told_elsewhere;                    /* the notice about keys of other commands was printed */
};

/* Row of a key of that name that this command uses; -1: there is none. */
int cli_row(const cli_config *cfg, const char *key);
/* The value in force and its layer; NULL where there is none. */
const json_t *cli_value(const cli_config *cfg, int row, cli_layer *layer);
/* Adds a key without effect to the list for the one notice about them. */
void cli_add_inert(cli_config *cfg, const char *name);

/* Reads the command line into its layer and into the positional arguments. Returns CLI_GO_ON or the exit code. */
int cli_args_parse(cli_config *cfg, int argc, char **argv);

/* Merges a JSON object into a layer. Errors name `file`. */
int cli_layer_add(cli_config *cfg, cli_layer layer, json_t *object, const char *file, xlstm_error *err);
/* Reads a JSON file of at most 16 MiB into *object, which the caller owns. */
int cli_json_read(const char *path, json_t **object, xlstm_error *err);

/* Read the golden profile and the best snapshot into their layers. */
int cli_profile_load(cli_config *cfg, xlstm_error *err);
int cli_best_load(cli_config *cfg, xlstm_error *err);
/* The scheduler by which profile and snapshot are chosen: "ray", "queued" or "recurrent". */
const char *cli_backend_name(const cli_config *cfg);

/* The checkpoint to use where none is named: $XLTUNE_MODEL, else the embedded one. malloc'd; NULL where there is
 * none. */
char *cli_default_model(void);
/* The path of a file or folder of the installed data, or else of the source tree; malloc'd; NULL where it is in
 * neither. */
char *cli_data_path(const char *name);
/* The folder of the installed data. */
const char *cli_data_folder(void);

void cli_help_print(const cli_spec *spec);

#endif
